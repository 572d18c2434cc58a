package lifecycle

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// spec.revocationPolicy has certificates revoked without a person asking. Each
// time that is done by a Revocation, so that it leaves its trace:
//
//	OnReplace  the certificate of an earlier revision, once its successor is
//	           stored and before its CertificateRequest is deleted. The Revocation
//	           leaves it valid for the usual hold.
//	OnDelete   what is there when the Certificate is deleted, of earlier revisions
//	           too if the policy is OnReplace. A finalizer keeps the Certificate
//	           until the Revocations are created, for ten minutes at most.
//
// The name of a Revocation follows from the certificate, so that none is
// revoked twice; and a request that stays as history is marked, so that it is not
// revoked again when the Revocation has been pruned.
//
// In a namespace that is being deleted no Revocation can be created. Those of a
// ClusterIssuer are created in the cluster resource namespace then. An Issuer
// goes with its namespace, and nobody could revoke for it: that is logged.

const (
	// RevocationFinalizer keeps a Certificate until its certificates are being
	// revoked.
	RevocationFinalizer = "certwright.dev/revocation"
	// RevokedByAnnotation names, on a CertificateRequest, the Revocation of its
	// certificate.
	RevokedByAnnotation = "certwright.dev/revoked-by"
	// RevocationPolicyLabel says on a Revocation which policy it is because of.
	RevocationPolicyLabel = "certwright.dev/revocation-policy"

	// finalizerPatience is how long the deletion of a Certificate, and with it
	// that of its namespace, may be held up.
	finalizerPatience = 10 * time.Minute
	// finalizerRetry is when what was refused is tried again meanwhile.
	finalizerRetry = 15 * time.Second
)

// ReasonNotRevoked, of events: a certificate was to be revoked, and was not.
const ReasonNotRevoked = "NotRevoked"

// RevokingSeen is what spec.revocationPolicy has to know. The zero value is
// that of an installation without the kind Revocation.
type RevokingSeen struct {
	// Available: Revocations are served.
	Available bool
	// Past are the certificates of earlier revisions, oldest first, of requests
	// that are not marked. They are looked for if the policy is OnReplace.
	Past []RevocableCertificate
	// Present are the certificates that are in use. They are looked for when
	// the Certificate is being deleted.
	Present []RevocableCertificate
	// Terminating: the API server has refused a Revocation in this pass because
	// the namespace is being deleted.
	Terminating bool
}

// RevocableCertificate is one that a policy may have revoked.
type RevocableCertificate struct {
	Certificate *x509.Certificate
	IssuerRef   cmmeta.IssuerReference
	Request     string // the CertificateRequest; empty if it is gone
	Revocation  string // the Revocation that is about it; empty if there is none
}

type (
	// CreateRevocation has a certificate revoked.
	CreateRevocation struct {
		RevocableCertificate

		Name   string
		Reason v1alpha1.RevocationReason
		Policy cmv1.RevocationPolicy
		Hold   time.Duration
		// ClusterNamespace: in the cluster resource namespace, because that of
		// the Certificate is being deleted.
		ClusterNamespace bool
	}
	// MarkRevoked notes on a request of the past that its certificate is being
	// revoked.
	MarkRevoked struct{ Request, Revocation string }
	// SetFinalizer adds RevocationFinalizer to the Certificate, or removes it.
	SetFinalizer struct{ Present bool }
)

func (CreateRevocation) isCertificateAction() {}
func (MarkRevoked) isCertificateAction()      {}
func (SetFinalizer) isCertificateAction()     {}

// RevocationName is the name of the Revocation of a Certificate's certificate
// that a policy asks for.
func RevocationName(certificate string, cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return cut(certificate, maxName-12) + "-" + shortHash("revocation", hex.EncodeToString(sum[:]))
}

// RevocationGivenUp says whether a Revocation is over without having revoked
// anything.
func RevocationGivenUp(rev *v1alpha1.Revocation) bool {
	end := revocationOver(&rev.Status)
	return end != nil && end.Type == v1alpha1.RevocationFailed
}

// BuildRevocation is the Revocation of an action, in a namespace. It has no
// owner: it has to be there when the Certificate is gone.
func BuildRevocation(crt *cmv1.Certificate, a CreateRevocation, namespace string) *v1alpha1.Revocation {
	ref := a.IssuerRef
	rev := &v1alpha1.Revocation{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   namespace,
			Name:        a.Name,
			Labels:      map[string]string{RevocationPolicyLabel: string(a.Policy)},
			Annotations: map[string]string{cmv1.CertificateNameKey: crt.Name},
		},
		Spec: v1alpha1.RevocationSpec{
			Target:  v1alpha1.RevocationTarget{PEM: string(pki.EncodeCertificates(a.Certificate)), IssuerRef: &ref},
			Reason:  a.Reason,
			Reissue: v1alpha1.ReissueNo,
		},
	}
	if a.Hold > 0 {
		rev.Spec.Hold = &metav1.Duration{Duration: a.Hold}
	}
	return rev
}

// RevokesPast says whether a spec has replaced certificates revoked.
func RevokesPast(crt *cmv1.Certificate) bool {
	return crt.Spec.RevocationPolicy == cmv1.RevocationPolicyOnReplace
}

// RevokesPresent says whether a spec has certificates revoked upon deletion.
func RevokesPresent(crt *cmv1.Certificate) bool {
	switch crt.Spec.RevocationPolicy {
	case cmv1.RevocationPolicyOnDelete, cmv1.RevocationPolicyOnReplace:
		return true
	case cmv1.RevocationPolicyNever:
	}
	return false
}

// PastRequests picks the owned requests of earlier revisions that were issued,
// and that are not marked: oldest first.
func PastRequests(crt *cmv1.Certificate, owned []*cmv1.CertificateRequest) []*SeenRequest {
	var past []*SeenRequest
	for _, req := range owned {
		revision, numbered := Revision(req)
		if !numbered || revision >= NextRevision(crt)-1 || req.Annotations[RevokedByAnnotation] != "" {
			continue
		}
		if r := ReadRequest(req); r.issued() && len(r.Chain) > 0 {
			past = append(past, r)
		}
	}
	slices.SortFunc(past, func(a, b *SeenRequest) int {
		ra, _ := Revision(a.Object)
		rb, _ := Revision(b.Object)
		return ra - rb
	})
	return past
}

// PresentCertificates are the certificates to revoke with the Certificate: those
// of its last requests, and that in the Secret if the Secret has its key. Who may
// write a Secret could put somebody else's certificate there, but not the key.
func (seen *CertificateSeen) PresentCertificates() []RevocableCertificate {
	var present []RevocableCertificate
	for _, r := range []*SeenRequest{seen.Current, seen.Next} {
		if r != nil && r.issued() && len(r.Chain) > 0 {
			present = append(present, RevocableCertificate{Certificate: r.Chain[0], IssuerRef: r.Object.Spec.IssuerRef, Request: r.Object.Name})
		}
	}
	if leaf := seen.Secret.Leaf(); leaf != nil && !pki.IsTemporary(leaf) && ownerDiffers(seen, time.Time{}) == nil && keyPairBroken(seen, time.Time{}) == nil {
		a := seen.Secret.Annotations
		ref := cmmeta.IssuerReference{Name: a[cmv1.IssuerNameAnnotationKey], Kind: a[cmv1.IssuerKindAnnotationKey], Group: a[cmv1.IssuerGroupAnnotationKey]}
		if ref.Name != "" && !slices.ContainsFunc(present, func(r RevocableCertificate) bool { return r.Certificate.Equal(leaf) }) {
			present = append(present, RevocableCertificate{Certificate: leaf, IssuerRef: ref})
		}
	}
	return present
}

// revokePast has replaced certificates revoked, one thing at a time. It says
// false if there is nothing to do.
func (c *certificateLadder) revokePast() bool {
	if !RevokesPast(c.seen.Certificate) || !c.seen.Revoking.Available {
		return false
	}
	for _, past := range c.seen.Revoking.Past {
		switch {
		case c.now.After(past.Certificate.NotAfter), c.inUse(past.Certificate):
		case past.Revocation == "":
			c.Action = c.revoke(past, v1alpha1.Superseded)
			return true
		case !slices.Contains(c.seen.Superfluous, past.Request):
			c.Action = MarkRevoked{Request: past.Request, Revocation: past.Revocation}
			return true
		}
	}
	return false
}

// stray is a superfluous request that no certificate is to be revoked of; empty
// if there is none.
func (c *certificateLadder) stray() string {
	for _, name := range c.seen.Superfluous {
		if !slices.ContainsFunc(c.seen.Revoking.Past, func(r RevocableCertificate) bool { return r.Request == name }) {
			return name
		}
	}
	return ""
}

// inUse says whether a certificate is the present one, whatever its revision.
func (c *certificateLadder) inUse(cert *x509.Certificate) bool {
	if leaf := c.seen.Secret.Leaf(); leaf != nil && leaf.Equal(cert) {
		return true
	}
	current := c.seen.Current
	return current != nil && len(current.Chain) > 0 && current.Chain[0].Equal(cert)
}

func (c *certificateLadder) revoke(r RevocableCertificate, reason v1alpha1.RevocationReason) CreateRevocation {
	a := CreateRevocation{
		RevocableCertificate: r, Name: RevocationName(c.seen.Certificate.Name, r.Certificate), Reason: reason, Policy: c.seen.Certificate.Spec.RevocationPolicy,
	}
	if reason == v1alpha1.Superseded {
		a.Hold = DefaultRevocationHold
	}
	return a
}

// wantsFinalizer adds the finalizer to a Certificate that is at rest, or takes
// it away when the policy has changed.
func (c *certificateLadder) wantsFinalizer() bool {
	wanted := RevokesPresent(c.seen.Certificate) && c.seen.Revoking.Available
	if wanted == c.hasFinalizer() {
		return false
	}
	c.Action = SetFinalizer{Present: wanted}
	return true
}

func (c *certificateLadder) hasFinalizer() bool {
	return slices.Contains(c.seen.Certificate.Finalizers, RevocationFinalizer)
}

// end is what is left to do about a Certificate that is being deleted. Requests
// go with their owner; the Secret stays for who uses it.
func (c *certificateLadder) end() {
	if !c.hasFinalizer() {
		return
	}
	deadline := c.seen.Certificate.DeletionTimestamp.Add(finalizerPatience)
	for _, r := range c.toEnd() {
		cluster := c.seen.Revoking.Terminating
		switch why := c.notRevocable(r, deadline); {
		case why != "":
			c.event(Warning, ReasonNotRevoked, fmt.Sprintf("The certificate with the serial number %s of %s is not revoked: %s",
				hex.EncodeToString(r.Certificate.SerialNumber.Bytes()), issuerText(r.IssuerRef), why))
			continue
		case c.seen.Refusal != "":
			c.wake(c.now.Add(finalizerRetry))
		default:
			a := c.revoke(r, v1alpha1.CessationOfOperation)
			a.ClusterNamespace = cluster
			c.Action = a
		}
		c.wake(deadline)
		c.Events = nil // they are told with the end
		return
	}
	c.Action = SetFinalizer{Present: false}
}

// toEnd are the certificates that are still to be revoked.
func (c *certificateLadder) toEnd() []RevocableCertificate {
	if !RevokesPresent(c.seen.Certificate) {
		return nil
	}
	all := c.seen.Revoking.Present
	if RevokesPast(c.seen.Certificate) {
		all = append(slices.Clone(c.seen.Revoking.Past), all...)
	}
	return slices.DeleteFunc(slices.Clone(all), func(r RevocableCertificate) bool {
		return r.Revocation != "" || c.now.After(r.Certificate.NotAfter)
	})
}

// notRevocable says why a certificate is given up; empty if it is not.
func (c *certificateLadder) notRevocable(r RevocableCertificate, deadline time.Time) string {
	switch {
	case !c.seen.Revoking.Available:
		return "the kind Revocation is not installed"
	case !c.now.Before(deadline):
		why := fmt.Sprintf("its Revocation could not be created for %d minutes", int(finalizerPatience.Minutes()))
		if c.seen.Refusal != "" {
			why += ": " + c.seen.Refusal
		}
		return why
	case c.seen.Revoking.Terminating && r.IssuerRef.KindOrDefault() != cmv1.ClusterIssuerKind:
		return "its issuer is being deleted together with the namespace"
	}
	return ""
}

// policyNote says that spec.revocationPolicy is not kept.
func policyNote(seen *CertificateSeen) string {
	if !RevokesPresent(seen.Certificate) || seen.Revoking.Available {
		return ""
	}
	return fmt.Sprintf("spec.revocationPolicy is %s, but nothing is revoked: install the CRDs of %s", seen.Certificate.Spec.RevocationPolicy, v1alpha1.GroupName)
}
