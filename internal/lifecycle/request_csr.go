package lifecycle

import (
	"fmt"
	"maps"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// A CertificateSigningRequest of Kubernetes goes the way of a CertificateRequest
// (contract 2.9): it is read as one, and what is decided about that is written
// back as far as it has a place. Its approval is always left to others.

// Signer names of Kubernetes that are ours, up to the issuer.
const (
	signerOfIssuers        = "issuers." + cmv1.GroupName + "/"
	signerOfClusterIssuers = "clusterissuers." + cmv1.GroupName + "/"
)

// Reasons of a failed CertificateSigningRequest that a CertificateRequest does
// not have.
const (
	CSRReasonInvalidSignerName = "InvalidSignerName"
	CSRReasonInvalidDuration   = "ErrorParsingDuration"
	CSRReasonInvalidIsCA       = "ErrorParsingIsCA"
	CSRReasonDeniedReference   = "DeniedReference"
)

// minCSRDuration is the shortest lifetime that may be asked for, as that of
// spec.expirationSeconds is.
const minCSRDuration = 600 * time.Second

// IsOurSigner says whether it is for us to sign what has a signer name.
func IsOurSigner(signerName string) bool {
	return strings.HasPrefix(signerName, signerOfIssuers) || strings.HasPrefix(signerName, signerOfClusterIssuers)
}

// SignerName is the signer name of an issuer; the namespace of a ClusterIssuer
// is ignored.
func SignerName(ref cmmeta.IssuerReference, namespace string) string {
	if ref.KindOrDefault() == cmv1.ClusterIssuerKind {
		return signerOfClusterIssuers + ref.Name
	}
	return signerOfIssuers + namespace + "." + ref.Name
}

// IssuerOfSigner reads a signer name of ours. An Issuer is in the namespace,
// which is empty for a ClusterIssuer.
func IssuerOfSigner(signerName string) (ref cmmeta.IssuerReference, namespace string, ok bool) {
	ref.Group = cmv1.GroupName
	if name, found := strings.CutPrefix(signerName, signerOfClusterIssuers); found {
		ref.Kind, ref.Name = cmv1.ClusterIssuerKind, name
		return ref, "", name != ""
	}
	name, found := strings.CutPrefix(signerName, signerOfIssuers)
	if !found {
		return ref, "", false
	}
	// The name of a namespace has no dots.
	namespace, name, found = strings.Cut(name, ".")
	ref.Kind, ref.Name = cmv1.IssuerKind, name
	return ref, namespace, found && namespace != "" && name != ""
}

// CSRToSign says whether there is something to do about a
// CertificateSigningRequest: it is ours, somebody has approved it, and it has
// neither been signed nor failed.
func CSRToSign(csr *certificatesv1.CertificateSigningRequest) bool {
	if !IsOurSigner(csr.Spec.SignerName) || csr.DeletionTimestamp != nil || len(csr.Status.Certificate) > 0 {
		return false
	}
	approved := false
	for _, c := range csr.Status.Conditions {
		switch c.Type {
		case certificatesv1.CertificateApproved:
			approved = true
		case certificatesv1.CertificateDenied, certificatesv1.CertificateFailed:
			return false
		}
	}
	return approved
}

// RequestOfCSR reads a CertificateSigningRequest that is to be signed as the
// CertificateRequest that it would be. The namespace is that of everything
// belonging to it: that of the Issuer, or the cluster resource namespace. said
// is what was last told about it, for which it has no condition. A fault means
// that it asks for something that there is not.
//
// Its annotations stay behind but for those that it may have: a solver would
// be overridden for a namespace in which the requester may have no rights.
func RequestOfCSR(csr *certificatesv1.CertificateSigningRequest, namespace, said string, now time.Time) (*cmv1.CertificateRequest, *RequestFault) {
	ref, _, ok := IssuerOfSigner(csr.Spec.SignerName)
	req := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: csr.Name, UID: csr.UID, CreationTimestamp: csr.CreationTimestamp,
			Labels: maps.Clone(csr.Labels), Annotations: map[string]string{},
		},
		Spec: cmv1.CertificateRequestSpec{
			IssuerRef: ref, Request: csr.Spec.Request,
			Username: csr.Spec.Username, UID: csr.Spec.UID, Groups: csr.Spec.Groups,
		},
	}
	for theirs, ours := range map[string]string{
		cmv1.CertificateSigningRequestPrivateKeyAnnotationKey:         cmv1.CertificateRequestPrivateKeyAnnotationKey,
		cmv1.CertificateSigningRequestVenafiCustomFieldsAnnotationKey: cmv1.VenafiCustomFieldsAnnotationKey,
		cmv1.CertificateSigningRequestVenafiPickupIDAnnotationKey:     cmv1.VenafiPickupIDAnnotationKey,
	} {
		if value := csr.Annotations[theirs]; value != "" {
			req.Annotations[ours] = value
		}
	}
	for _, usage := range csr.Spec.Usages {
		req.Spec.Usages = append(req.Spec.Usages, cmv1.KeyUsage(usage))
	}
	req.Status.Conditions = SetRequestCondition(nil, cmv1.CertificateRequestCondition{
		Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue,
	}, now)
	if said != "" {
		req.Status.Conditions = SetRequestCondition(req.Status.Conditions, cmv1.CertificateRequestCondition{
			Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Reason: cmv1.CertificateRequestReasonPending, Message: said,
		}, now)
	}
	if !ok {
		return req, &RequestFault{CSRReasonInvalidSignerName, fmt.Sprintf("spec.signerName is neither %s<namespace>.<name> nor %s<name>", signerOfIssuers, signerOfClusterIssuers)}
	}
	if fault := readCSRLifetime(csr, req); fault != nil {
		return req, fault
	}
	switch isCA := csr.Annotations[cmv1.CertificateSigningRequestIsCAAnnotationKey]; isCA {
	case "true":
		req.Spec.IsCA = true
	case "", "false":
	default:
		return req, &RequestFault{CSRReasonInvalidIsCA, fmt.Sprintf("The annotation %s is %q, neither \"true\" nor \"false\"", cmv1.CertificateSigningRequestIsCAAnnotationKey, isCA)}
	}
	return req, nil
}

// readCSRLifetime takes over how long the certificate is to be valid: by
// spec.expirationSeconds, else by the annotation.
func readCSRLifetime(csr *certificatesv1.CertificateSigningRequest, req *cmv1.CertificateRequest) *RequestFault {
	if seconds := csr.Spec.ExpirationSeconds; seconds != nil {
		req.Spec.Duration = &metav1.Duration{Duration: time.Duration(*seconds) * time.Second}
		return nil
	}
	text := csr.Annotations[cmv1.CertificateSigningRequestDurationAnnotationKey]
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return &RequestFault{CSRReasonInvalidDuration, fmt.Sprintf("The annotation %s is %q, not a duration such as 2160h", cmv1.CertificateSigningRequestDurationAnnotationKey, text)}
	}
	if d < minCSRDuration {
		return &RequestFault{CSRReasonInvalidDuration, fmt.Sprintf("The annotation %s asks for %s, and %s is the least", cmv1.CertificateSigningRequestDurationAnnotationKey, d, minCSRDuration)}
	}
	req.Spec.Duration = &metav1.Duration{Duration: d}
	return nil
}

// WriteToCSR carries a decision over to the CertificateSigningRequest that the
// CertificateRequest was read from. said is what there is to tell about it
// while it is neither signed nor failed; changed is false if its status stays
// as it is.
func WriteToCSR(csr *certificatesv1.CertificateSigningRequest, d RequestDecision, now time.Time) (said string, changed bool) {
	ready := FindRequestCondition(d.Status.Conditions, cmv1.CertificateRequestConditionReady)
	switch {
	case ready == nil:
		return "", false
	case ready.Reason == cmv1.CertificateRequestReasonIssued:
		csr.Status.Certificate = d.Status.Certificate
		return "", true
	case ready.Reason == cmv1.CertificateRequestReasonFailed:
		reason := cmv1.CertificateRequestReasonFailed
		for _, e := range d.Events {
			if e.Type == Warning {
				reason = e.Reason
			}
		}
		csr.Status.Conditions = append(csr.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
			Type: certificatesv1.CertificateFailed, Status: corev1.ConditionTrue, Reason: reason, Message: ready.Message,
			LastUpdateTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
		})
		return "", true
	}
	return ready.Message, false
}
