package lifecycle

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"strings"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// The keys of additional output formats (contract 1.2).
const (
	keyDER      = "key.der"
	combinedPEM = "tls-combined.pem"
)

// SecretContent is what a Certificate's Secret holds of ours.
type SecretContent struct {
	Labels      map[string]string
	Annotations map[string]string
	Data        map[string][]byte
}

// ContentOf builds the content of a Certificate's Secret (contract 1.7, 2.5)
// around a private key, its certificate and, if known, its CA, all PEM.
func ContentOf(crt *cmv1.Certificate, leaf *x509.Certificate, keyPEM, chainPEM, caPEM []byte) SecretContent {
	content := SecretContent{
		Labels:      map[string]string{},
		Annotations: pki.SecretAnnotations(leaf),
		Data:        map[string][]byte{TLSKey: keyPEM, TLSCert: chainPEM},
	}
	if len(caPEM) > 0 {
		content.Data[CACert] = caPEM
	}
	for _, format := range crt.Spec.AdditionalOutputFormats {
		switch format.Type {
		case cmv1.CertificateOutputFormatDER:
			if block, _ := pem.Decode(keyPEM); block != nil {
				content.Data[keyDER] = block.Bytes
			}
		case cmv1.CertificateOutputFormatCombinedPEM:
			content.Data[combinedPEM] = pki.CombinedPEM(keyPEM, chainPEM)
		}
	}
	content.Annotations[cmv1.CertificateNameKey] = crt.Name
	content.Annotations[cmv1.IssuerNameAnnotationKey] = crt.Spec.IssuerRef.Name
	content.Annotations[cmv1.IssuerKindAnnotationKey] = orElse(crt.Spec.IssuerRef.Kind, cmv1.IssuerKind)
	content.Annotations[cmv1.IssuerGroupAnnotationKey] = crt.Spec.IssuerRef.Group
	if template := crt.Spec.SecretTemplate; template != nil {
		maps.Copy(content.Labels, template.Labels)
		for key, value := range template.Annotations {
			// What the API rules forbid may still be in an object that is
			// older than they are; it must not change what we rely on.
			if !strings.HasPrefix(key, "cert-manager.io/") || key == cmv1.AllowsInjectionFromSecretAnnotation {
				content.Annotations[key] = value
			}
		}
	}
	content.Labels[cmv1.PartOfCertManagerControllerLabelKey] = "true"
	return content
}

// StoredContent is the content that the Secret should have around the key and
// the chain that it holds.
func StoredContent(seen *CertificateSeen) SecretContent {
	s := seen.Secret
	return ContentOf(seen.Certificate, s.Leaf(), s.Data[TLSKey], s.Data[TLSCert], s.Data[CACert])
}

// SecretUpToDate says whether everything around key and chain is as the spec
// asks for.
func SecretUpToDate(seen *CertificateSeen) bool {
	want := StoredContent(seen)
	return contains(seen.Secret.Labels, want.Labels) && contains(seen.Secret.Annotations, want.Annotations) &&
		containsBytes(seen.Secret.Data, want.Data)
}

func contains(have, want map[string]string) bool {
	for key, value := range want {
		if got, found := have[key]; !found || got != value {
			return false
		}
	}
	return true
}

func containsBytes(have, want map[string][]byte) bool {
	for key, value := range want {
		if !bytes.Equal(have[key], value) {
			return false
		}
	}
	return true
}
