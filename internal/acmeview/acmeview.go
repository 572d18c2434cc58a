// Package acmeview shows the decisions what an ACME CA said. The client knows
// nothing of Kubernetes, the decisions know nothing of the client, and the
// order and the challenge controller, which both stand between the two, do not
// know each other: so the translation has a place of its own.
package acmeview

import (
	"errors"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/lifecycle"
)

// Fault is an error as the decisions see it: of an ACME request, or of getting
// hold of the account.
func Fault(err error, now time.Time) lifecycle.Fault {
	fault := lifecycle.Fault{Message: acme.Summary(err)}
	class := acme.Classify(err, now)
	switch class.Kind {
	case acme.Wait:
		fault.Kind, fault.Until = lifecycle.Wait, class.Until
	case acme.Stalled:
		fault.Kind = lifecycle.Stalled
	case acme.Failed:
		fault.Kind = lifecycle.Failed
	case acme.Retry:
		fault.Kind = lifecycle.Retry
	}
	switch {
	case acme.IsNotFound(err):
		fault.Code = lifecycle.NotFound
	case acme.IsOrderNotReady(err):
		fault.Code = lifecycle.OrderNotReady
	}
	return fault
}

// WriteFault is a refused write as the decisions see it. ok is false if the
// error is not a refusal: the write may then be repeated at once.
func WriteFault(doing string, err error) (fault lifecycle.Fault, ok bool) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return lifecycle.Fault{}, false
	}
	switch status.Status().Reason {
	case metav1.StatusReasonForbidden, metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest:
		// Quota, admission and missing permissions are mended without the
		// operator noticing.
	case metav1.StatusReasonAlreadyExists:
		// Somebody else's object has the name.
	default:
		return lifecycle.Fault{}, false
	}
	return lifecycle.Fault{Kind: lifecycle.Retry, Message: doing + ": " + cut(status.Status().Message)}, true
}

// maxText keeps foreign texts short enough to be passed on in conditions.
const maxText = 600

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + " ..."
}

// Order is the CA's description of an order.
func Order(o *acme.Order) lifecycle.OrderAtCA {
	at := lifecycle.OrderAtCA{
		URL:            o.URL,
		FinalizeURL:    o.FinalizeURL,
		CertificateURL: o.CertificateURL,
		State:          state(o.Status),
		Authorizations: o.Authorizations,
		Expires:        o.Expires,
		RetryAfter:     o.RetryAfter,
	}
	if o.Error != nil {
		at.Problem = acme.Summary(o.Error)
	}
	return at
}

// StoredAuthorization is an authorization as an Order stores it.
func StoredAuthorization(a *acme.Authorization) acmev1.ACMEAuthorization {
	stored := acmev1.ACMEAuthorization{
		URL:          a.URL,
		Identifier:   a.Identifier.Value,
		Wildcard:     ptr.To(a.Wildcard),
		InitialState: state(a.Status),
	}
	for _, c := range a.Challenges {
		stored.Challenges = append(stored.Challenges, acmev1.ACMEChallenge{URL: c.URL, Token: c.Token, Type: c.Type})
	}
	return stored
}

// Authorization is the CA's description of an authorization, with a view to
// the challenge with the given URL.
func Authorization(a *acme.Authorization, challengeURL string) lifecycle.AuthorizationAtCA {
	at := lifecycle.AuthorizationAtCA{State: state(a.Status), Expires: a.Expires, RetryAfter: a.RetryAfter}
	for i := range a.Challenges {
		c := &a.Challenges[i]
		if c.URL != challengeURL {
			continue
		}
		at.Challenge = state(c.Status)
		if c.Error != nil {
			at.Problem = acme.Summary(c.Error)
		}
	}
	switch {
	case at.Problem != "":
	case a.Status == acme.StatusDeactivated:
		at.Problem = "the authorization was deactivated"
	case a.Status == acme.StatusRevoked:
		at.Problem = "the authorization was revoked"
	case a.Status == acme.StatusInvalid && a.Problem() != nil:
		at.Problem = acme.Summary(a.Problem()) // of another challenge
	}
	return at
}

// state is a status of the CA in the words of the API, which has none for
// some.
func state(s acme.Status) acmev1.State {
	switch s {
	case acme.StatusReady:
		return acmev1.Ready
	case acme.StatusProcessing:
		return acmev1.Processing
	case acme.StatusValid:
		return acmev1.Valid
	case acme.StatusInvalid, acme.StatusDeactivated, acme.StatusRevoked:
		return acmev1.Invalid
	case acme.StatusExpired:
		return acmev1.Expired
	case acme.StatusPending:
	}
	return acmev1.Pending // also what is not known: it is asked for again
}

// Challenge is the CA's answer to an accepted challenge, together with what
// was known of its authorization.
func Challenge(c *acme.Challenge, before *lifecycle.AuthorizationAtCA, now time.Time) lifecycle.AuthorizationAtCA {
	at := lifecycle.AuthorizationAtCA{State: acmev1.Pending}
	if before != nil {
		at = *before
	}
	at.Challenge = state(c.Status)
	at.RetryAfter = c.RetryAfter
	at.At, at.Accepted, at.Polls = now, now, 0
	if c.Error != nil {
		at.Problem = acme.Summary(c.Error)
	}
	return at
}
