package main

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// issuerThere: the issuer exists and can issue.
func issuerThere(_ context.Context, q *inquiry) ([]finding, error) {
	ref := q.certificate.Spec.IssuerRef
	name := issuerText(&ref)
	if group := ref.GroupOrDefault(); group != cmv1.GroupName {
		_, err := q.api.RESTMapper().RESTMapping(schema.GroupKind{Group: group, Kind: ref.KindOrDefault()})
		switch {
		case isNoMatch(err):
			return []finding{{
				ID: "issuer-kind-missing", Object: name, Cause: fmt.Sprintf("The cluster has no kind %s in the group %s", ref.KindOrDefault(), group),
				Evidence: []string{"the API server does not serve it"}, Fix: []string{"Install the external issuer, or correct spec.issuerRef (docs/external-issuers.md)"},
			}}, nil
		case err != nil:
			return nil, fmt.Errorf("look up the kind of issuer: %w", err)
		}
		return nil, nil
	}
	if q.issuer.missing == notAllowed {
		q.notSeen = append(q.notSeen, name+": "+notAllowed)
		return nil, nil
	}
	if q.issuer.missing != "" {
		where := "in namespace " + q.certificate.Namespace
		if ref.KindOrDefault() == cmv1.ClusterIssuerKind {
			where = "in the cluster"
		}
		return []finding{{
			ID: "issuer-missing", Object: name, Cause: fmt.Sprintf("There is no %s %q %s", ref.KindOrDefault(), ref.Name, where),
			Evidence: []string{"spec.issuerRef names it"},
			Fix:      []string{"Create it, or correct spec.issuerRef: a name without kind is that of an Issuer of the same namespace, not of a ClusterIssuer"},
		}}, nil
	}
	ready := lifecycle.IssuerReady(q.issuer.value)
	switch {
	case ready == nil:
		return []finding{{ID: "issuer-not-ready", Object: name, Cause: "Nobody has looked at the issuer yet", Evidence: []string{"it has no condition Ready"}, Fix: []string{"Look whether the operator runs"}}}, nil
	case ready.Status == cmmeta.ConditionTrue:
		return nil, nil
	}
	f := finding{ID: "issuer-not-ready", Object: name, Cause: "The issuer is not ready, and nothing is issued by it", Evidence: []string{ready.Reason + ": " + ready.Message}}
	secret := "the Secret that its spec names"
	if ca := q.issuer.value.GetSpec().CA; ca != nil {
		secret = fmt.Sprintf("Secret %q", ca.SecretName)
	}
	switch ready.Reason {
	case cmv1.IssuerReasonErrGetKeyPair:
		f.ID, f.Cause = "ca-secret-missing", "The Secret with the CA's certificate and key is not there"
		f.Fix = []string{fmt.Sprintf("Create %s with tls.crt and tls.key in the namespace that is named above; for a ClusterIssuer that is the operator's, not yours", secret)}
	case cmv1.IssuerReasonErrInvalidKeyPair:
		f.ID, f.Cause = "ca-secret-invalid", "The Secret with the CA's certificate and key can not be used"
		f.Fix = []string{fmt.Sprintf("Put a CA's certificate and its private key into %s, as tls.crt and tls.key", secret)}
	case cmv1.IssuerReasonErrRegisterACMEAccount, cmv1.IssuerReasonErrVerifyACMEAccount, cmv1.IssuerReasonErrUpdateACMEAccount:
		f.Fix = []string{"Look at spec.acme: server, email, externalAccountBinding; and whether the operator reaches the server (proxy, NetworkPolicy, spec.acme.caBundle)"}
	case cmv1.IssuerReasonVaultError:
		f.Fix = []string{"Look at spec.vault: server, path, auth; see docs/vault.md"}
	default:
		f.Fix = []string{"Correct its spec as the message says"}
	}
	f.Fix = append(f.Fix, "The operator looks again as soon as the issuer or its Secret changes")
	return []finding{f}, nil
}

// signerOf is the name by which permissions to approve for an issuer go.
func signerOf(ref cmmeta.IssuerReference, namespace string) string {
	if ref.GroupOrDefault() != cmv1.GroupName {
		return ""
	}
	if ref.KindOrDefault() == cmv1.ClusterIssuerKind {
		return "clusterissuers." + cmv1.GroupName + "/" + ref.Name
	}
	return "issuers." + cmv1.GroupName + "/" + namespace + "." + ref.Name
}

// requestDecided: a request that nobody approves is signed by nobody.
func requestDecided(ctx context.Context, q *inquiry) ([]finding, error) {
	req := q.latest()
	if req == nil {
		return nil, nil
	}
	object := "CertificateRequest/" + req.Name
	if k := lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionDenied); k != nil && k.Status == cmmeta.ConditionTrue {
		return []finding{{
			ID: "request-denied", Object: object, Cause: "Somebody has denied the request, and that is for good", Evidence: []string{k.Reason + ": " + k.Message},
			Fix: []string{"Ask whoever denies requests here (a person, or a policy such as approver-policy) what it would allow, and change the Certificate accordingly; another request is made then"},
		}}, nil
	}
	if !lifecycle.RequestUndecided(req) || q.now.Sub(req.CreationTimestamp.Time) < unseenFor || lifecycle.RequestOver(req) {
		return nil, nil
	}
	f := finding{ID: "request-not-approved", Object: object, Cause: "Nobody has approved the request", Evidence: []string{"it has neither the condition Approved nor Denied"}}
	signer := signerOf(req.Spec.IssuerRef, req.Namespace)
	may, known, err := q.operatorApproves(ctx, signer)
	switch {
	case err != nil:
		return nil, err
	case !known:
	case may:
		f.Evidence = append(f.Evidence, "the operator has the permission to approve for this issuer, and has not yet done so")
	default:
		f.Evidence = append(f.Evidence, "the operator has no permission to approve for "+signer+" (chart value approveSignerNames)")
	}
	approve, err := q.yourRight(ctx, "kubectl certwright approve "+req.Name+" -n "+req.Namespace, authorizationv1.ResourceAttributes{
		Verb: "approve", Group: cmv1.GroupName, Resource: "signers", Name: signer,
	})
	if err != nil {
		return nil, err
	}
	f.Fix = []string{"By hand: " + approve, "For good: let a policy engine approve, or name the issuer in the chart's approveSignerNames (docs/requests.md)"}
	return []finding{f}, nil
}

// operatorApproves asks whether the operator may approve for a signer; known is
// false if that can not be found out.
func (q *inquiry) operatorApproves(ctx context.Context, signer string) (may, known bool, err error) {
	deployment, _, err := q.api.operatorDeployment(ctx)
	if deployment == nil || err != nil || signer == "" {
		return false, false, err
	}
	kind, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{kind + "/*", signer} {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               fmt.Sprintf("system:serviceaccount:%s:%s", deployment.Namespace, deployment.Spec.Template.Spec.ServiceAccountName),
			Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + deployment.Namespace, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "approve", Group: cmv1.GroupName, Resource: "signers", Name: name},
		}}
		why, err := missing(q.api.Create(ctx, review))
		if err != nil {
			return false, false, fmt.Errorf("ask for the operator's permission: %w", err)
		}
		if why != "" {
			q.notSeen = append(q.notSeen, "the operator's permission to approve: you may not ask")
			return false, false, nil
		}
		if review.Status.Allowed {
			return true, true, nil
		}
	}
	return false, true, nil
}

// requestAlive: the request was refused, or can not be read.
func requestAlive(_ context.Context, q *inquiry) ([]finding, error) {
	req := q.latest()
	if req == nil {
		return nil, nil
	}
	for i := range q.orders.value {
		if s := q.orders.value[i].Status.State; s.Final() && s != acmev1.Valid {
			return nil, nil // the order knows better
		}
	}
	invalid := lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionInvalidRequest)
	ready := lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionReady)
	switch {
	case invalid != nil && invalid.Status == cmmeta.ConditionTrue && invalid.Reason != cmv1.CertificateReasonCompromisedKey:
		return []finding{{
			ID: "request-invalid", Object: "CertificateRequest/" + req.Name, Cause: "The request can never be issued", Evidence: []string{invalid.Message},
			Fix: []string{"Correct what the message names in the Certificate, or in the signing request if it is your own"},
		}}, nil
	case ready != nil && ready.Reason == cmv1.CertificateRequestReasonFailed && invalid == nil:
		return []finding{{
			ID: "request-failed", Object: "CertificateRequest/" + req.Name, Cause: "The issuer has refused the request", Evidence: []string{ready.Message},
			Fix: []string{"Correct what the message names; a failed request is not tried again, a Certificate makes another one"},
		}}, nil
	}
	return nil, nil
}
