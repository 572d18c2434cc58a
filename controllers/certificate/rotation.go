package certificate

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// maxCAs bounds the CAs that are kept parsed.
const maxCAs = 1024

// issuerID is an issuer of the cluster.
type issuerID struct {
	namespace string // empty for a ClusterIssuer
	key       string // kube.IssuerKey
}

// idOf is the issuer that a reference in a namespace means.
func idOf(ref cmmeta.IssuerReference, namespace string) issuerID {
	if ref.KindOrDefault() == cmv1.ClusterIssuerKind {
		namespace = ""
	}
	return issuerID{namespace: namespace, key: kube.IssuerKey(ref)}
}

// rotations keeps, of each issuer whose CA has changed, the certificates that
// are left over from the former one, and gives them their turns. What it holds
// is made anew after a restart, when all Certificates are looked at.
type rotations struct {
	mu sync.Mutex
	// waves are the issuers with a CA.
	waves map[issuerID]*wave
	// awaited is by which wave a Certificate is to be looked at, member is in
	// which one it is counted.
	awaited, member map[types.NamespacedName]issuerID
	// moved are the waves in which there may be room for another one.
	moved map[issuerID]struct{}
	// cas are the CAs in Secrets, parsed once for each version.
	cas map[types.NamespacedName]*parsedCA
}

// wave is the rotation of one issuer.
type wave struct {
	announced string // by the issuer, see lifecycle.AnnouncedCA
	reissue   bool
	unlooked  int
	busy      int // granted or issuing
	former    map[types.NamespacedName]lifecycle.RotatingCertificate
}

// parsedCA is what a version of a Secret has in it.
type parsedCA struct {
	uid          types.UID
	version      string
	ca           *lifecycle.CA // nil if there is none in it that can be used
	announcement string
}

func newRotations() *rotations {
	return &rotations{
		waves:   map[issuerID]*wave{},
		awaited: map[types.NamespacedName]issuerID{},
		member:  map[types.NamespacedName]issuerID{},
		moved:   map[issuerID]struct{}{},
		cas:     map[types.NamespacedName]*parsedCA{},
	}
}

// announce notes what an issuer says of its CA. No turn is given before all of
// its Certificates have been looked at.
func (r *rotations) announce(id issuerID, announcement string, reissue bool, all []types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.waves[id]
	if w == nil {
		w = &wave{former: map[types.NamespacedName]lifecycle.RotatingCertificate{}}
		r.waves[id] = w
	}
	w.announced, w.reissue = announcement, reissue
	for _, key := range all {
		r.notAwaited(key)
		r.awaited[key] = id
		w.unlooked++
	}
	r.moved[id] = struct{}{}
}

// mayReissue says whether it is a Certificate's turn.
func (r *rotations) mayReissue(id issuerID, key types.NamespacedName) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.waves[id]
	return w != nil && w.former[key].State == lifecycle.RotatingGranted
}

// report notes that a pass has left a Certificate with a certificate of a
// former CA. announcement is that of the CA by which it was judged.
func (r *rotations) report(id issuerID, announcement string, c lifecycle.RotatingCertificate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.waves[id]
	if w == nil || w.announced != announcement {
		// Not judged by the CA that the others are judged by: another pass
		// comes with the announcement.
		r.leave(c.NamespacedName)
		return
	}
	before, known := w.former[c.NamespacedName]
	if known && before.State == lifecycle.RotatingGranted && c.State == lifecycle.RotatingWaiting {
		c.State = lifecycle.RotatingGranted // given while the pass was under way
	}
	if known && before == c {
		return
	}
	r.leave(c.NamespacedName)
	r.member[c.NamespacedName] = id
	w.set(c)
	r.moved[id] = struct{}{}
}

// forget takes a Certificate out of the wave that it is counted in.
func (r *rotations) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(key)
}

func (r *rotations) leave(key types.NamespacedName) {
	id, found := r.member[key]
	if !found {
		return
	}
	w := r.waves[id]
	if isBusy(w.former[key].State) {
		w.busy--
	}
	delete(w.former, key)
	delete(r.member, key)
	r.moved[id] = struct{}{}
}

func (r *rotations) notAwaited(key types.NamespacedName) {
	id, found := r.awaited[key]
	if !found {
		return
	}
	delete(r.awaited, key)
	r.waves[id].unlooked--
	r.moved[id] = struct{}{}
}

// looked ends a pass over a Certificate, whatever came of it, and returns the
// Certificates whose turn it is now.
func (r *rotations) looked(key types.NamespacedName) []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notAwaited(key)
	var turns []types.NamespacedName
	for id := range r.moved {
		turns = append(turns, r.waves[id].next()...)
	}
	clear(r.moved)
	return turns
}

// next gives turns.
func (w *wave) next() []types.NamespacedName {
	seen := lifecycle.RotationSeen{Reissue: w.reissue, Unlooked: w.unlooked}
	if !w.reissue || w.unlooked > 0 || w.busy >= lifecycle.MaxReissues || len(w.former) == w.busy {
		return nil // before anything is copied
	}
	seen.Former = make([]lifecycle.RotatingCertificate, 0, len(w.former))
	for _, c := range w.former {
		seen.Former = append(seen.Former, c)
	}
	turns := lifecycle.NextRotation(seen)
	for _, turn := range turns {
		c := w.former[turn]
		c.State = lifecycle.RotatingGranted
		w.set(c)
	}
	return turns
}

func (w *wave) set(c lifecycle.RotatingCertificate) {
	if before, known := w.former[c.NamespacedName]; known && isBusy(before.State) {
		w.busy--
	}
	if isBusy(c.State) {
		w.busy++
	}
	w.former[c.NamespacedName] = c
}

func isBusy(s lifecycle.RotatingState) bool {
	return s == lifecycle.RotatingGranted || s == lifecycle.RotatingIssuing
}

// ca returns the CA in a Secret.
func (r *rotations) ca(secret *corev1.Secret) *parsedCA {
	key := client.ObjectKeyFromObject(secret)
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := r.cas[key]; kept != nil && kept.uid == secret.UID && kept.version == secret.ResourceVersion {
		return kept
	}
	parsed := &parsedCA{uid: secret.UID, version: secret.ResourceVersion}
	if ca, err := lifecycle.ReadCA(secret.Data); err == nil {
		parsed.ca, parsed.announcement = ca, ca.Announcement()
	}
	if len(r.cas) >= maxCAs {
		clear(r.cas) // rare, and each is parsed again when it is needed
	}
	r.cas[key] = parsed
	return parsed
}
