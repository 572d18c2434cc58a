package main

import (
	"context"
	"fmt"
	"slices"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

func (q *inquiry) condition(t cmv1.CertificateConditionType) *cmv1.CertificateCondition {
	if q.bare {
		return nil
	}
	return lifecycle.FindCertificateCondition(q.certificate.Status.Conditions, t)
}

func (q *inquiry) certificateName() string { return "Certificate/" + q.certificate.Name }

// specSound: a spec that can not become a request stops everything.
func specSound(_ context.Context, q *inquiry) ([]finding, error) {
	if q.bare {
		return nil, nil
	}
	if _, err := lifecycle.ParseSpec(&q.certificate.Spec); err != nil {
		return []finding{{ //nolint:nilerr // the error is what was found
			ID: "invalid-spec", Object: q.certificateName(), Cause: "The spec can not become a certificate", Evidence: []string{err.Error()},
			Fix: []string{fmt.Sprintf("kubectl -n %s edit certificate %s; the next attempt begins with the edit", q.certificate.Namespace, q.certificate.Name)},
		}}, nil
	}
	return nil, nil
}

// secretUncontested: one Secret is for one Certificate.
func secretUncontested(_ context.Context, q *inquiry) ([]finding, error) {
	owner := q.seen.SecretOwner
	ready := q.condition(cmv1.CertificateConditionReady)
	if owner == "" && (ready == nil || ready.Reason != lifecycle.ReasonSecretConflict) {
		return nil, nil
	}
	f := finding{ID: "secret-conflict", Object: q.certificateName(), Cause: fmt.Sprintf("Another Certificate has the right to Secret %q", q.certificate.Spec.SecretName)}
	if owner != "" {
		f.Evidence = append(f.Evidence, fmt.Sprintf("Certificate %q names the same Secret; it was issued for that one, or that one is older", owner))
	}
	if ready != nil && ready.Reason == lifecycle.ReasonSecretConflict {
		f.Evidence = append(f.Evidence, ready.Message)
	}
	f.Fix = []string{fmt.Sprintf("Give Certificate %q another spec.secretName, or delete one of the two", q.certificate.Name)}
	return []finding{f}, nil
}

// keyUncompromised: a key that others know gets no certificate.
func keyUncompromised(_ context.Context, q *inquiry) ([]finding, error) {
	for _, t := range []cmv1.CertificateConditionType{cmv1.CertificateConditionReady, cmv1.CertificateConditionIssuing, cmv1.CertificateConditionRevoked} {
		k := q.condition(t)
		if k == nil || k.Reason != cmv1.CertificateReasonCompromisedKey {
			continue
		}
		return []finding{compromised(q.certificateName(), k.Message, []string{
			"The operator issues another certificate with another key by itself; make sure that it can: see the other causes",
			"If spec.privateKey.rotationPolicy is Never, that holds up nothing: the key is replaced all the same",
		})}, nil
	}
	if req := q.latest(); req != nil {
		invalid := lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionInvalidRequest)
		if invalid != nil && invalid.Reason == cmv1.CertificateReasonCompromisedKey {
			return []finding{compromised("CertificateRequest/"+req.Name, invalid.Message, []string{"Make another key, and another request with it"})}, nil
		}
	}
	return nil, nil
}

func compromised(object, message string, fix []string) finding {
	return finding{ID: "compromised-key", Object: object, Cause: "The private key is one that others know: no certificate may have it any more", Evidence: []string{message}, Fix: append(fix, "See docs/key-leaked.md")}
}

// secretKept: the Secret is not what was stored in it.
func secretKept(_ context.Context, q *inquiry) ([]finding, error) {
	crt, ready := q.certificate, q.condition(cmv1.CertificateConditionReady)
	if q.bare || crt.Status.Revision == nil {
		return nil, nil
	}
	f := finding{Object: "Secret/" + crt.Spec.SecretName, Fix: []string{"Nothing: another certificate is issued by itself, unless another cause here stands against it"}}
	switch {
	case q.secret.missing != "" && q.secret.missing != notAllowed:
		f.ID, f.Cause = "secret-deleted", "Somebody has deleted the Secret with the certificate"
		f.Evidence = []string{fmt.Sprintf("revision %d was issued, and Secret %q is not there", *crt.Status.Revision, crt.Spec.SecretName)}
		f.Fix = append(f.Fix, "Find out who deletes it: if it is gone again and again, the operator waits before each attempt")
	case q.secret.missing == "" && (q.secret.value.broke != "" || !q.secret.value.key):
		f.ID, f.Cause = "secret-broken", "The Secret does not hold a key and a certificate any more"
		if q.secret.value.broke != "" {
			f.Evidence = append(f.Evidence, q.secret.value.broke)
		}
		if !q.secret.value.key {
			f.Evidence = append(f.Evidence, "it has no private key")
		}
	case ready != nil && ready.Status != cmmeta.ConditionTrue && slices.Contains([]string{
		cmv1.CertificateReasonInvalidKeyPair, cmv1.CertificateReasonSecretMismatch, cmv1.CertificateReasonIncorrectIssuer,
		cmv1.CertificateReasonIncorrectCertificate, cmv1.CertificateReasonRequestChanged,
	}, ready.Reason):
		f.ID, f.Cause, f.Evidence = "secret-differs", "The Secret holds something else than the spec asks for", []string{ready.Message}
	case ready != nil && ready.Reason == cmv1.CertificateReasonExpired:
		f.ID, f.Cause, f.Evidence = "expired", "The certificate has expired", []string{ready.Message}
		f.Fix = []string{fmt.Sprintf("kubectl certwright renew %s -n %s", crt.Name, crt.Namespace)}
	default:
		return nil, nil
	}
	return []finding{f}, nil
}

// attemptDue: the last attempt has failed, and the next one is not due yet.
func attemptDue(ctx context.Context, q *inquiry) ([]finding, error) {
	issuing := q.condition(cmv1.CertificateConditionIssuing)
	if issuing == nil || issuing.Status == cmmeta.ConditionTrue || q.certificate.Status.LastFailureTime == nil {
		return nil, nil
	}
	attempts := 1
	if n := q.certificate.Status.FailedIssuanceAttempts; n != nil {
		attempts = *n
	}
	retry, err := q.retryCommand(ctx)
	if err != nil {
		return nil, err
	}
	return []finding{{
		ID: "waits-after-failure", Object: q.certificateName(), Cause: "The last attempt has failed, and the next one waits",
		Evidence: []string{fmt.Sprintf("attempts that have failed in a row: %d", attempts), issuing.Message},
		Fix:      []string{"Mend what the attempt failed of; an edit of the spec is a new attempt at once", "Then, to wait no longer: " + retry},
	}}, nil
}

// unknown is what is left when no diagnoser knows a cause.
func (q *inquiry) unknown() finding {
	f := finding{ID: "in-progress", Object: "what was made for it", Cause: "Nothing is known to be wrong: it is under way, or something waits that does not say for what"}
	for _, r := range q.reasons() {
		if r != "" && !slices.Contains(f.Evidence, r) {
			f.Evidence = append(f.Evidence, r)
		}
	}
	f.Fix = []string{"Wait a minute and ask again; if it stays so, look at the events and the operator's log"}
	if !q.bare {
		f.Fix = append(f.Fix, "kubectl certwright events "+q.certificate.Name+" -n "+q.certificate.Namespace)
	}
	return f
}
