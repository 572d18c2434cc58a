package lifecycle

import (
	"slices"
	"testing"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// simRevocations are the Revocations of a world.
type simRevocations struct {
	revocations map[string]CreateRevocation // by name
	pruned      bool                        // they are removed as soon as they are created
	absent      bool                        // the kind is not installed
	refused     bool                        // the API server takes none
	terminating bool                        // the namespace is being deleted
	finalized   bool                        // the finalizer was there and is gone
}

func (w *certificateWorld) seeRevoking(seen *CertificateSeen, owned []*cmv1.CertificateRequest) {
	seen.Revoking.Available = !w.absent
	if w.absent || !RevokesPresent(w.crt) {
		return
	}
	find := func(r RevocableCertificate) RevocableCertificate {
		name := RevocationName(w.crt.Name, r.Certificate)
		if _, exists := w.revocations[name]; exists {
			r.Revocation = name
		}
		return r
	}
	if RevokesPast(w.crt) {
		// As PastRequests, with what was parsed before.
		for _, req := range owned {
			revision, numbered := Revision(req)
			if r := w.read(req); numbered && revision < NextRevision(w.crt)-1 && req.Annotations[RevokedByAnnotation] == "" && r.issued() && len(r.Chain) > 0 {
				seen.Revoking.Past = append(seen.Revoking.Past, find(RevocableCertificate{Certificate: r.Chain[0], IssuerRef: req.Spec.IssuerRef, Request: req.Name}))
			}
		}
	}
	if w.crt.DeletionTimestamp != nil {
		for _, r := range seen.PresentCertificates() {
			seen.Revoking.Present = append(seen.Revoking.Present, find(r))
		}
	}
}

// refuses says whether the API server does not take what an action writes.
func (w *certificateWorld) refuses(action CertificateAction) bool {
	a, creates := action.(CreateRevocation)
	return creates && (w.refused || w.terminating) && !a.ClusterNamespace
}

func (w *certificateWorld) actOnRevocation(t testing.TB, action CertificateAction) bool {
	t.Helper()
	switch a := action.(type) {
	case CreateRevocation:
		if _, exists := w.revocations[a.Name]; exists {
			return false // AlreadyExists
		}
		if w.crt.DeletionTimestamp == nil {
			if leaf := w.readSecret().Leaf(); leaf != nil && leaf.Equal(a.Certificate) {
				t.Fatal("the certificate in the Secret is to be revoked")
			}
		}
		w.revocations[a.Name] = a
	case MarkRevoked:
		req := w.requests[a.Request]
		if req == nil {
			return false
		}
		req.Annotations[RevokedByAnnotation] = a.Revocation
		if w.pruned {
			delete(w.revocations, a.Revocation)
		}
	case SetFinalizer:
		w.crt.Finalizers = slices.DeleteFunc(w.crt.Finalizers, func(f string) bool { return f == RevocationFinalizer })
		if a.Present {
			w.crt.Finalizers = append(w.crt.Finalizers, RevocationFinalizer)
		}
		w.finalized = !a.Present
	default:
		t.Fatalf("act on %T", action)
	}
	return true
}
