package lifecycle

import (
	"maps"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// DefaultCopiedAnnotations are the prefixes of the annotations that go from a
// Certificate to its requests: all but those that tools use to manage the
// Certificate itself (contract 1.7). "*" is any, "-" in front excludes.
var DefaultCopiedAnnotations = []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}

// BuildRequest is the CertificateRequest of a Certificate for a revision.
func BuildRequest(crt *cmv1.Certificate, action CreateRequest, keyName string, csrPEM []byte, copied []string) *cmv1.CertificateRequest {
	annotations := CopiedAnnotations(crt.Annotations, copied)
	annotations[cmv1.CertificateNameKey] = crt.Name
	annotations[cmv1.CertificateRequestRevisionAnnotationKey] = strconv.Itoa(action.Revision)
	annotations[cmv1.CertificateRequestPrivateKeyAnnotationKey] = keyName
	return &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       crt.Namespace,
			Name:            action.Name,
			Labels:          maps.Clone(crt.Labels),
			Annotations:     annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(crt, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))},
		},
		Spec: cmv1.CertificateRequestSpec{
			Request:   csrPEM,
			IssuerRef: crt.Spec.IssuerRef,
			Duration:  crt.Spec.Duration,
			IsCA:      crt.Spec.IsCA,
			Usages:    crt.Spec.Usages,
		},
	}
}

// BuildNextKey is the Secret that keeps the key of the issuance under way.
func BuildNextKey(crt *cmv1.Certificate, name string, keyPEM []byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: crt.Namespace,
			Name:      name,
			Labels: map[string]string{
				cmv1.IsNextPrivateKeySecretLabelKey:      "true",
				cmv1.PartOfCertManagerControllerLabelKey: "true",
			},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(crt, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))},
		},
		Data: map[string][]byte{TLSKey: keyPEM},
	}
}

// Revision is the revision that a request was made for; false if it has none.
func Revision(req *cmv1.CertificateRequest) (int, bool) {
	n, err := strconv.Atoi(req.Annotations[cmv1.CertificateRequestRevisionAnnotationKey])
	return n, err == nil && n > 0
}

// CopiedAnnotations picks the annotations that the prefixes let through. The
// longest prefix that fits decides.
func CopiedAnnotations(from map[string]string, prefixes []string) map[string]string {
	to := map[string]string{}
	for key, value := range from {
		if copies(key, prefixes) {
			to[key] = value
		}
	}
	return to
}

func copies(key string, prefixes []string) bool {
	verdict, longest := false, -1
	for _, p := range prefixes {
		prefix, excluded := strings.CutPrefix(p, "-")
		if prefix == "*" {
			prefix = ""
		}
		if strings.HasPrefix(key, prefix) && len(prefix) > longest {
			verdict, longest = !excluded, len(prefix)
		}
	}
	return verdict
}
