package request

import (
	"sync"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/lifecycle"
)

// maxNotes bounds what is remembered. What is forgotten is told once more.
const maxNotes = 4096

// notes remember what was told about CertificateSigningRequests that are on
// their way: unlike a CertificateRequest they have no condition for it, and
// nobody wants to hear it upon every look at them.
type notes struct {
	clusterNamespace string

	mu sync.Mutex
	of map[string]note // by name
}

type note struct {
	uid  types.UID
	said string
}

// namespaceOf is where everything is that belongs to a request.
func (n *notes) namespaceOf(csr *certificatesv1.CertificateSigningRequest) string {
	if _, namespace, ok := lifecycle.IssuerOfSigner(csr.Spec.SignerName); ok && namespace != "" {
		return namespace
	}
	return n.clusterNamespace
}

func (n *notes) said(csr *certificatesv1.CertificateSigningRequest) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if kept := n.of[csr.Name]; kept.uid == csr.UID {
		return kept.said
	}
	return ""
}

// keep notes what was said; nothing, if the request is over.
func (n *notes) keep(csr *certificatesv1.CertificateSigningRequest, said string) {
	if said == "" {
		n.forget(csr.Name)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.of) >= maxNotes {
		clear(n.of)
	}
	n.of[csr.Name] = note{csr.UID, said}
}

func (n *notes) forget(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.of, name)
}
