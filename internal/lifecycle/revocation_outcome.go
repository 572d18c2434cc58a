package lifecycle

import (
	"time"

	"github.com/certwright/certwright/api/v1alpha1"
)

// RevokeOutcome is what a CA answers to a request to revoke a certificate. An
// error beside it means that the CA could not be asked, or answered with an
// error that may pass: it is asked again, with back-off and not without end.
//
//sumtype:decl
type RevokeOutcome interface{ isRevokeOutcome() }

type (
	// Revoked is a certificate that is revoked.
	Revoked struct {
		// At is when, as the CA has it; the time of the answer if it does not say.
		At time.Time
		// Already is true for one that was revoked before.
		Already bool
		// SignedWith is the key of the request to an ACME CA; empty for other CAs.
		SignedWith v1alpha1.RevocationAuthorization
		// Answer is what the CA said when that says more than yes.
		Answer string
	}

	// RevokeRefused means that the CA will not, however often it is asked.
	RevokeRefused struct {
		// Reason is one of those of the condition Failed: ReasonRefused,
		// ReasonReasonRefused, ReasonNotAuthorized, ReasonIssuerNotSupported,
		// ReasonExpired.
		Reason string
		// Message says what was refused, in the CA's words where it has some, and
		// what a person can do.
		Message string
	}

	// RevokeWait means that the CA, or something on the way to it, is not ready
	// and may be asked again at a time. It does not count as an attempt.
	RevokeWait struct {
		Until   time.Time
		Message string // the same for the same cause, without the time
	}

	// RevokeTurn means that the certificate is revoked together with others, in
	// a moment, and is to be asked for again then. There is nothing to tell.
	RevokeTurn struct {
		At time.Time
	}
)

func (Revoked) isRevokeOutcome()       {}
func (RevokeRefused) isRevokeOutcome() {}
func (RevokeWait) isRevokeOutcome()    {}
func (RevokeTurn) isRevokeOutcome()    {}
