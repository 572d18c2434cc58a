package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
)

// MaxBundleCertificates bounds what [BuildBundle] looks at.
const MaxBundleCertificates = 1000

// Bundle is an issued certificate as it is handed out.
type Bundle struct {
	// Chain has the leaf first, then each issuer of the one before. A self-signed root at its end is left
	// out, since whoever trusts it has it; a lone certificate stays whatever it is.
	Chain []*x509.Certificate
	// CA is the root if it was among the certificates, else the topmost one.
	CA *x509.Certificate
}

var errNotOneChain = errors.New("the certificates do not form one chain")

// BuildBundle puts certificates in order. They may come in any order and more than once, but must be one
// chain: every certificate but one is signed by another, and no two by the same. At most
// [MaxBundleCertificates] are looked at.
func BuildBundle(leafFirst []*x509.Certificate) (Bundle, error) {
	if len(leafFirst) > MaxBundleCertificates {
		return Bundle{}, fmt.Errorf("build chain: %d certificates are more than %d", len(leafFirst), MaxBundleCertificates)
	}
	certs := distinct(leafFirst)
	if len(certs) == 0 {
		return Bundle{}, errors.New("build chain: no certificate")
	}
	chain, err := order(certs)
	if err != nil {
		return Bundle{}, fmt.Errorf("build chain: %w", err)
	}
	top := chain[len(chain)-1]
	if len(chain) > 1 && IsSelfSigned(top) {
		chain = chain[:len(chain)-1]
	}
	return Bundle{Chain: chain, CA: top}, nil
}

func distinct(certs []*x509.Certificate) []*x509.Certificate {
	seen := make(map[string]bool, len(certs))
	out := make([]*x509.Certificate, 0, len(certs))
	for _, cert := range certs {
		if !seen[string(cert.Raw)] {
			seen[string(cert.Raw)] = true
			out = append(out, cert)
		}
	}
	return out
}

// order finds the one path through all certificates, leaf first.
func order(certs []*x509.Certificate) ([]*x509.Certificate, error) {
	bySubject := make(map[string][]int, len(certs))
	for i, cert := range certs {
		bySubject[string(cert.RawSubject)] = append(bySubject[string(cert.RawSubject)], i)
	}
	// One signature is checked per link when names are unambiguous. Many certificates of one name would
	// make that quadratic, so the work is bounded; no chain in use comes near.
	budget := 4*len(certs) + 16
	const none = -1
	issuerOf := make([]int, len(certs))
	subjectOf := make([]int, len(certs))
	for i := range certs {
		issuerOf[i], subjectOf[i] = none, none
	}
	for i, cert := range certs {
		if IsSelfSigned(cert) {
			continue
		}
		for _, candidate := range bySubject[string(cert.RawIssuer)] {
			if candidate == i {
				continue
			}
			if budget--; budget < 0 {
				return nil, errors.New("too many certificates of the same name")
			}
			if certs[candidate].CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil {
				continue
			}
			if issuerOf[i] != none || subjectOf[candidate] != none {
				return nil, errNotOneChain
			}
			issuerOf[i], subjectOf[candidate] = candidate, i
		}
	}
	leaf := slices.Index(subjectOf, none)
	if leaf == none {
		return nil, errNotOneChain
	}
	chain := make([]*x509.Certificate, 0, len(certs))
	for at := leaf; at != none; at = issuerOf[at] {
		chain = append(chain, certs[at])
	}
	if len(chain) != len(certs) {
		return nil, errNotOneChain
	}
	return chain, nil
}

// IsSelfSigned tells whether a certificate is signed by its own key, as roots are. A root with a signature of
// a kind no longer trusted (SHA-1) counts by its name, for nothing is proved by a root's own signature.
func IsSelfSigned(cert *x509.Certificate) bool {
	if !bytes.Equal(cert.RawIssuer, cert.RawSubject) {
		return false
	}
	err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature)
	var insecure x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &insecure)
}
