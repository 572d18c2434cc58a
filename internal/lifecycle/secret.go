package lifecycle

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// The keys of additional output formats (contract 1.2).
const (
	keyDER      = "key.der"
	combinedPEM = "tls-combined.pem"
)

// ReasonSecretNotOurs, of events: the Secret is not wholly as the spec says,
// because it was somebody else's before.
const ReasonSecretNotOurs = "SecretNotOurs"

// SecretSeen is what a decision needs to know around the Secret.
type SecretSeen struct {
	// OwnSecrets: the installation makes Certificates the owners of their
	// Secrets, unless spec.secretDeletionPolicy says otherwise.
	OwnSecrets bool
	// Keystores are those that the Secret should hold around the key and the
	// chain that it holds.
	Keystores Keystores
	// Refusal is why the API server has refused the action of this pass; empty
	// if it was not asked yet.
	Refusal string
}

// Keystores are the stores that the spec asks for.
type Keystores struct {
	// Data are their bytes by their keys in the Secret: those that are there
	// if they are right, or if it can not be told.
	Data map[string][]byte
	// Notes are why some can not be made or checked.
	Notes []Event
}

// SecretContent is what a Certificate's Secret holds of ours.
type SecretContent struct {
	Labels      map[string]string
	Annotations map[string]string
	Data        map[string][]byte
	Owner       *metav1.OwnerReference // the Certificate; nil if it is not to be
}

// ReadSecretObject is [ReadSecret] of a whole Secret. manager is the field
// manager of our applies.
func ReadSecretObject(secret *corev1.Secret, manager string) *StoredSecret {
	s := ReadSecret(secret.Labels, secret.Annotations, secret.Data)
	s.Type = secret.Type
	s.Immutable = secret.Immutable != nil && *secret.Immutable
	s.Owners = secret.OwnerReferences
	s.Applied = ReadApplied(secret.ManagedFields, manager)
	return s
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
			if der := pki.KeyDER(keyPEM); der != nil {
				content.Data[keyDER] = der
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
	content := NewContent(seen, s.Leaf(), s.Data[TLSKey], s.Data[TLSCert], seen.knownCA())
	maps.Copy(content.Data, seen.Keystores.Data)
	return content
}

// NewContent is the content that the Secret should have around another key and
// chain, but for the keystores.
func NewContent(seen *CertificateSeen, leaf *x509.Certificate, keyPEM, chainPEM, caPEM []byte) SecretContent {
	content := ContentOf(seen.Certificate, leaf, keyPEM, chainPEM, caPEM)
	content.Owner = seen.owner()
	return content
}

// knownCA is ca.crt, if it came with the certificate. One that somebody else
// put there is theirs: to apply it would make it ours, and the next certificate
// would take it away.
func (seen *CertificateSeen) knownCA() []byte {
	a := seen.Secret.Applied
	theirs := a != nil && a.Data[TLSCert] && !a.Data[CACert]
	if theirs && (seen.CA.CA == nil || seen.CA.Former) {
		return nil
	}
	return seen.Secret.Data[CACert]
}

// SecretUpToDate says whether everything around key and chain is as the spec
// asks for, and nothing of ours is there that it asks for no more.
func SecretUpToDate(seen *CertificateSeen) bool {
	want := StoredContent(seen)
	return contains(seen.Secret.Labels, want.Labels) && contains(seen.Secret.Annotations, want.Annotations) &&
		containsBytes(seen.Secret.Data, want.Data) && containsOwner(seen.Secret.Owners, want.Owner) &&
		seen.Secret.Applied.is(&want)
}

// owner is the owner reference that the Secret should have: with it the Secret
// goes when the Certificate does. There can be but one controller: who is it
// already stays it.
func (seen *CertificateSeen) owner() *metav1.OwnerReference {
	if !seen.wantsOwner() || seen.foreignController() != nil {
		return nil
	}
	return metav1.NewControllerRef(seen.Certificate, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))
}

func (seen *CertificateSeen) wantsOwner() bool {
	switch seen.Certificate.Spec.SecretDeletionPolicy {
	case cmv1.SecretDeletionPolicyDelete:
		return true
	case cmv1.SecretDeletionPolicyRetain:
		return false
	}
	return seen.OwnSecrets
}

// foreignController is who else controls the Secret. A reference that we have
// applied ourselves is that of an earlier Certificate of this name, and goes
// with the next apply.
func (seen *CertificateSeen) foreignController() *metav1.OwnerReference {
	if seen.Secret == nil {
		return nil
	}
	for i := range seen.Secret.Owners {
		o := &seen.Secret.Owners[i]
		ours := seen.Secret.Applied != nil && seen.Secret.Applied.Owners[o.UID]
		if o.Controller != nil && *o.Controller && o.UID != seen.Certificate.UID && !ours {
			return o
		}
	}
	return nil
}

func containsOwner(have []metav1.OwnerReference, want *metav1.OwnerReference) bool {
	if want == nil {
		return true
	}
	return slices.ContainsFunc(have, func(o metav1.OwnerReference) bool {
		return o.UID == want.UID && o.Name == want.Name && o.Controller != nil && *o.Controller && o.BlockOwnerDeletion != nil && *o.BlockOwnerDeletion
	})
}

// secretNotes are what of the Secret is not as the spec says and can not be.
func (seen *CertificateSeen) secretNotes() []Event {
	notes := slices.Clone(seen.Keystores.Notes)
	if seen.Secret == nil {
		return notes
	}
	note := func(format string, args ...any) {
		notes = append(notes, Event{Type: Warning, Reason: ReasonSecretNotOurs, Message: fmt.Sprintf(format, args...)})
	}
	name := seen.Certificate.Spec.SecretName
	if o := seen.foreignController(); o != nil && seen.wantsOwner() {
		note("Secret %q is controlled by %s %q and is not deleted together with this Certificate", name, o.Kind, o.Name)
	}
	if !seen.wantsOwner() && seen.Secret.Applied != nil && !seen.Secret.Applied.Owners[seen.Certificate.UID] &&
		slices.ContainsFunc(seen.Secret.Owners, func(o metav1.OwnerReference) bool { return o.UID == seen.Certificate.UID }) {
		note("Secret %q has an owner reference to this Certificate that another program has set, and is deleted together with it", name)
	}
	// Opaque is how many a Secret was made by hand before it got a
	// Certificate, and serves as well.
	if t := seen.Secret.Type; t != "" && t != corev1.SecretTypeTLS && t != corev1.SecretTypeOpaque {
		note("Secret %q has the type %s, which can not be changed; delete it to have one of type %s", name, t, corev1.SecretTypeTLS)
	}
	return notes
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
