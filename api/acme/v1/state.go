package v1

// State is the state of an ACME order, authorization or challenge, as the CA
// says it (RFC 8555, section 7.1.6), with two states of our own: Unknown and
// Errored.
// +kubebuilder:validation:Enum=valid;ready;pending;processing;invalid;expired;errored
type State string

const (
	// Unknown is the state before the CA has been asked.
	Unknown State = ""
	// Pending means that authorizations of the order, or the validation of the
	// challenge, are outstanding.
	Pending State = "pending"
	// Ready means that an order has all its authorizations and can be finalized.
	Ready State = "ready"
	// Processing means that the CA is at work.
	Processing State = "processing"
	// Valid means that the certificate was issued, or the name proved. Final.
	Valid State = "valid"
	// Invalid means that the CA refused. Final.
	Invalid State = "invalid"
	// Expired means that the CA's object has expired or is gone. Final.
	Expired State = "expired"
	// Errored means that the CA answered with an error that trying again will
	// not mend. Final.
	Errored State = "errored"
)

// Final reports whether nothing can follow this state: valid, invalid,
// expired or errored.
func (s State) Final() bool {
	switch s {
	case Valid, Invalid, Expired, Errored:
		return true
	case Unknown, Pending, Ready, Processing:
		return false
	}
	return false
}
