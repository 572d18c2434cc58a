package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ACMEChallengeSolver is one way to prove names, and which names it is for.
//
// +kubebuilder:validation:XValidation:rule=`has(self.http01) != has(self.dns01)`,message=`set exactly one of http01 and dns01; for both, write two solvers`
type ACMEChallengeSolver struct {
	// Which names of which Certificates this solver is for. Without it: all,
	// as the last choice.
	// +optional
	Selector *CertificateDNSNameSelector `json:"selector,omitempty"`

	// Prove a name by answering an HTTP request for it. Cannot prove
	// wildcards.
	// +optional
	HTTP01 *ACMEChallengeSolverHTTP01 `json:"http01,omitempty"`

	// Prove a name by a TXT record in its zone.
	// +optional
	DNS01 *ACMEChallengeSolverDNS01 `json:"dns01,omitempty"`

	// How long to wait after the key was put in place before the CA is asked
	// to look, for example 90s. Without it, the operator itself checks whether
	// the key can be seen, which some networks make impossible.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[-+]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[-+]?0$') && duration(self) >= duration('0s')`,message=`waitInsteadOfSelfCheck must be a Go duration that is not negative, for example 90s`
	WaitInsteadOfSelfCheck *metav1.Duration `json:"waitInsteadOfSelfCheck,omitempty"`
}

// CertificateDNSNameSelector picks names. All that is set must fit. An exact
// name goes before a zone, a longer zone before a shorter, more labels before
// fewer.
type CertificateDNSNameSelector struct {
	// Labels that the Order must have, which it has from the Certificate.
	// +optional
	MatchLabels map[string]string `json:"matchLabels,omitempty"`

	// Names, written just as in the Certificate, wildcards included.
	// +optional
	// +listType=atomic
	DNSNames []string `json:"dnsNames,omitempty"`

	// Zones: the name itself and everything below it.
	// +optional
	// +listType=atomic
	DNSZones []string `json:"dnsZones,omitempty"`
}
