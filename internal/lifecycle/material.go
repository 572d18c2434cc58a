package lifecycle

import (
	"crypto"
	"crypto/x509"
	"errors"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// The keys of a Secret of type kubernetes.io/tls.
const (
	TLSKey  = "tls.key"
	TLSCert = "tls.crt"
	CACert  = "ca.crt"
)

// StoredSecret is the Secret of a Certificate as a decision sees it: parsed
// once, without the private key itself.
type StoredSecret struct {
	Labels      map[string]string
	Annotations map[string]string
	Data        map[string][]byte

	Type      corev1.SecretType
	Immutable bool
	Owners    []metav1.OwnerReference
	Applied   *AppliedFields // nil if it can not be told

	// PublicKey belongs to tls.key. It is nil, and KeyErr says why, if that
	// does not parse; both are nil if it is empty.
	PublicKey crypto.PublicKey
	KeyErr    error

	// Chain is tls.crt, leaf first. It is empty, and ChainErr says why, if
	// that does not parse; both are empty if it is.
	Chain    []*x509.Certificate
	ChainErr error
}

// ReadSecret parses the parts of a Certificate's Secret.
func ReadSecret(labels, annotations map[string]string, data map[string][]byte) *StoredSecret {
	s := &StoredSecret{Labels: labels, Annotations: annotations, Data: data}
	if key := data[TLSKey]; len(key) > 0 {
		signer, err := pki.DecodeKey(key)
		if err != nil {
			s.KeyErr = err
		} else {
			s.PublicKey = signer.Public()
		}
	}
	if chain := data[TLSCert]; len(chain) > 0 {
		s.Chain, s.ChainErr = pki.DecodeCertificates(chain)
	}
	return s
}

// Leaf is the certificate itself, or nil.
func (s *StoredSecret) Leaf() *x509.Certificate {
	if s == nil || len(s.Chain) == 0 {
		return nil
	}
	return s.Chain[0]
}

// NextKey is the Secret that keeps the private key of the issuance under way.
type NextKey struct {
	Name      string
	UID       types.UID
	PublicKey crypto.PublicKey
	Err       error // tls.key does not parse; PublicKey is nil
}

func (k *NextKey) delete() DeleteNextKey { return DeleteNextKey{Name: k.Name, UID: k.UID} }

// ReadNextKey parses the Secret of a next private key.
func ReadNextKey(name string, uid types.UID, data map[string][]byte) *NextKey {
	k := &NextKey{Name: name, UID: uid}
	if len(data[TLSKey]) == 0 {
		k.Err = errors.New("tls.key is empty")
		return k
	}
	signer, err := pki.DecodeKey(data[TLSKey])
	if err != nil {
		k.Err = err
		return k
	}
	k.PublicKey = signer.Public()
	return k
}

// SeenRequest is a CertificateRequest with what is in it.
type SeenRequest struct {
	Object *cmv1.CertificateRequest

	CSR    *x509.CertificateRequest
	CSRErr error

	// Chain is status.certificate, once there is one.
	Chain    []*x509.Certificate
	ChainErr error
}

// ReadRequest parses a CertificateRequest. Whether the CSR's signature is right
// is for who signs; here its key is compared with the one that we have.
func ReadRequest(req *cmv1.CertificateRequest) *SeenRequest {
	s := &SeenRequest{Object: req}
	s.CSR, s.CSRErr = pki.ParseRequest(req.Spec.Request)
	if len(req.Status.Certificate) > 0 {
		s.Chain, s.ChainErr = pki.DecodeCertificates(req.Status.Certificate)
	}
	return s
}

func (r *SeenRequest) condition(t cmv1.CertificateRequestConditionType) *cmv1.CertificateRequestCondition {
	return FindRequestCondition(r.Object.Status.Conditions, t)
}

// refused returns the condition that ended the request without a certificate,
// or nil.
func (r *SeenRequest) refused() *cmv1.CertificateRequestCondition {
	for _, t := range []cmv1.CertificateRequestConditionType{
		cmv1.CertificateRequestConditionDenied,
		cmv1.CertificateRequestConditionInvalidRequest,
	} {
		if c := r.condition(t); c != nil && c.Status == cmmeta.ConditionTrue {
			return c
		}
	}
	ready := r.condition(cmv1.CertificateRequestConditionReady)
	if ready != nil && ready.Status == cmmeta.ConditionFalse &&
		(ready.Reason == cmv1.CertificateRequestReasonFailed || ready.Reason == cmv1.CertificateRequestReasonDenied) {
		return ready
	}
	return nil
}

// issued says whether the request has its certificate.
func (r *SeenRequest) issued() bool {
	ready := r.condition(cmv1.CertificateRequestConditionReady)
	return ready != nil && ready.Status == cmmeta.ConditionTrue && len(r.Object.Status.Certificate) > 0
}
