package lifecycle

import (
	"crypto/x509"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// ReissueSelection is the selector of a campaign, parsed.
type ReissueSelection struct {
	// Labels of the Certificates; everything if it has none.
	Labels labels.Selector

	selector *v1alpha1.ReissueSelector
}

// ParseReissueSelector reads a selector. The error says what is wrong with it.
func ParseReissueSelector(s *v1alpha1.ReissueSelector) (*ReissueSelection, error) {
	out := &ReissueSelection{Labels: labels.Everything(), selector: s}
	if s.Labels != nil {
		var err error
		if out.Labels, err = metav1.LabelSelectorAsSelector(s.Labels); err != nil {
			return nil, fmt.Errorf("read labels: %w", err)
		}
	}
	if a := s.SignatureAlgorithm; a != "" && !knownSignatureAlgorithm(a) {
		return nil, fmt.Errorf("read signatureAlgorithm: %q is none; they are called SHA256-RSA, ECDSA-SHA256 and the like", a)
	}
	return out, nil
}

func knownSignatureAlgorithm(name string) bool {
	for a := x509.MD2WithRSA; a <= x509.PureEd25519; a++ {
		if a.String() == name {
			return true
		}
	}
	return false
}

// Selects says whether all but what is in the certificate itself fits.
func (s *ReissueSelection) Selects(crt *cmv1.Certificate) bool {
	sel := s.selector
	if !s.Labels.Matches(labels.Set(crt.Labels)) {
		return false
	}
	if sel.IssuerRef != nil && !SameIssuer(*sel.IssuerRef, crt.Spec.IssuerRef) {
		return false
	}
	return sel.IssuedBefore == nil || crt.Status.NotBefore != nil && crt.Status.NotBefore.Time.Before(sel.IssuedBefore.Time)
}

// ByLeaf says whether the certificate itself has to be looked at.
func (s *ReissueSelection) ByLeaf() bool {
	return s.selector.PublicKeyHash != "" || s.selector.SignatureAlgorithm != ""
}

// SelectsLeaf says whether a certificate fits. None, nil, does not.
func (s *ReissueSelection) SelectsLeaf(leaf *x509.Certificate) bool {
	if leaf == nil {
		return false
	}
	if want := s.selector.PublicKeyHash; want != "" {
		if hash, err := pki.KeyHash(leaf.PublicKey); err != nil || hash != want {
			return false
		}
	}
	return s.selector.SignatureAlgorithm == "" || leaf.SignatureAlgorithm.String() == s.selector.SignatureAlgorithm
}
