package certificate

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

var (
	shopCA = idOf(cmmeta.IssuerReference{Name: "ca"}, "shop")
	anyCA  = idOf(cmmeta.IssuerReference{Name: "ca", Kind: cmv1.ClusterIssuerKind}, "shop")
	expiry = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
)

func named(i int) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("web-%02d", i)}
}

func namedUpTo(n int) []types.NamespacedName {
	keys := make([]types.NamespacedName, n)
	for i := range keys {
		keys[i] = named(i)
	}
	return keys
}

// is reports a Certificate of which the number says when it expires.
func (r *rotations) is(id issuerID, i int, state lifecycle.RotatingState) {
	r.report(id, "second", lifecycle.RotatingCertificate{NamespacedName: named(i), NotAfter: expiry.Add(time.Duration(i) * time.Hour), State: state})
}

func TestIssuersAreToldApart(t *testing.T) {
	t.Parallel()
	refs := map[issuerID]string{}
	for _, row := range []struct {
		ref       cmmeta.IssuerReference
		namespace string
	}{
		{cmmeta.IssuerReference{Name: "ca"}, "shop"}, {cmmeta.IssuerReference{Name: "ca"}, "bank"},
		{cmmeta.IssuerReference{Name: "ca", Kind: cmv1.ClusterIssuerKind}, "shop"}, {cmmeta.IssuerReference{Name: "other"}, "shop"},
	} {
		refs[idOf(row.ref, row.namespace)] = row.namespace
	}
	if len(refs) != 4 {
		t.Errorf("%d issuers of 4", len(refs))
	}
	if idOf(cmmeta.IssuerReference{Name: "ca", Kind: cmv1.ClusterIssuerKind}, "bank") != anyCA {
		t.Error("a ClusterIssuer is another one in each namespace")
	}
}

func TestTurnsBeginWhenAllHaveBeenLookedAt(t *testing.T) {
	t.Parallel()
	r := newRotations()
	r.announce(shopCA, "second", true, namedUpTo(4))
	for _, i := range []int{3, 2} {
		r.is(shopCA, i, lifecycle.RotatingWaiting)
		if turns := r.looked(named(i)); turns != nil {
			t.Fatalf("turns %v before all were looked at", turns)
		}
	}
	r.forget(named(1)) // deleted meanwhile
	if turns := r.looked(named(1)); turns != nil {
		t.Fatalf("turns %v before all were looked at", turns)
	}
	// The last one could not be read. It does not hold up the others.
	turns := r.looked(named(0))
	if !slices.Equal(turns, []types.NamespacedName{named(2), named(3)}) {
		t.Errorf("turns %v", turns)
	}
	if !r.mayReissue(shopCA, named(2)) || r.mayReissue(shopCA, named(0)) || r.mayReissue(anyCA, named(2)) {
		t.Error("turns are not as given")
	}
	if again := r.looked(named(0)); again != nil {
		t.Errorf("given twice: %v", again)
	}
}

func TestCertificateThatWasJudgedByAnotherCAIsNotCounted(t *testing.T) {
	t.Parallel()
	r := newRotations()
	// The CA has changed and the issuer has not said so.
	r.is(shopCA, 0, lifecycle.RotatingWaiting)
	if turns := r.looked(named(0)); turns != nil {
		t.Errorf("turns %v before the issuer has said anything", turns)
	}
	r.announce(shopCA, "third", true, namedUpTo(1))
	r.is(shopCA, 0, lifecycle.RotatingWaiting)
	if turns := r.looked(named(0)); turns != nil {
		t.Errorf("turns %v by a CA that is not the announced one", turns)
	}
}

func TestRoomIsGivenOn(t *testing.T) {
	t.Parallel()
	rows := []struct {
		sentence string
		happens  func(r *rotations)
		next     []types.NamespacedName
	}{
		{"it is issued", func(r *rotations) { r.forget(named(0)) }, []types.NamespacedName{named(10)}},
		{"it can not begin", func(r *rotations) { r.is(shopCA, 0, lifecycle.RotatingResting) }, []types.NamespacedName{named(10)}},
		{"it begins", func(r *rotations) { r.is(shopCA, 0, lifecycle.RotatingIssuing) }, nil},
		{"a pass ends that did not know of its turn", func(r *rotations) { r.is(shopCA, 0, lifecycle.RotatingWaiting) }, nil},
		{"it gets another issuer", func(r *rotations) {
			r.announce(anyCA, "second", false, nil)
			r.is(anyCA, 0, lifecycle.RotatingWaiting)
		}, []types.NamespacedName{named(10)}},
		{"one that waits is deleted", func(r *rotations) { r.forget(named(10)) }, nil},
	}
	for _, row := range rows {
		r := newRotations()
		r.announce(shopCA, "second", true, namedUpTo(12))
		for i := range 12 {
			r.is(shopCA, i, lifecycle.RotatingWaiting)
			r.looked(named(i))
		}
		row.happens(r)
		if next := r.looked(named(0)); !slices.Equal(next, row.next) {
			t.Errorf("%s: next %v, want %v", row.sentence, next, row.next)
		}
	}
}

func TestCertificateThatMovesToAnotherIssuerDoesNotHoldUpTheFirst(t *testing.T) {
	t.Parallel()
	r := newRotations()
	r.announce(shopCA, "second", true, namedUpTo(2))
	r.is(shopCA, 0, lifecycle.RotatingWaiting)
	r.looked(named(0))
	// The other one is of a ClusterIssuer by now, which has just changed too.
	r.announce(anyCA, "second", true, []types.NamespacedName{named(1)})
	r.is(anyCA, 1, lifecycle.RotatingWaiting)
	turns := r.looked(named(1))
	slices.SortFunc(turns, func(a, b types.NamespacedName) int { return int(a.Name[5]) - int(b.Name[5]) })
	if !slices.Equal(turns, namedUpTo(2)) {
		t.Errorf("turns %v, want both", turns)
	}
}

// The counts that spare a look at all certificates must stay true whatever
// happens.
func TestCountsOfAWaveStayTrue(t *testing.T) {
	t.Parallel()
	for seed := range int64(50) {
		chance := rand.New(rand.NewSource(seed))
		r := newRotations()
		ids := []issuerID{shopCA, anyCA}
		for range 400 {
			id, i := ids[chance.Intn(2)], chance.Intn(30)
			switch chance.Intn(8) {
			case 0:
				r.announce(id, "second", chance.Intn(4) > 0, namedUpTo(30)[i:])
			case 1:
				r.forget(named(i))
			default:
				r.is(id, i, lifecycle.RotatingState(chance.Intn(4)))
			}
			r.looked(named(i))
			for id, w := range r.waves {
				busy, unlooked := 0, 0
				for key, c := range w.former {
					if isBusy(c.State) {
						busy++
					}
					if r.member[key] != id {
						t.Fatalf("seed %d: %s is counted in two waves", seed, key)
					}
				}
				for _, awaited := range r.awaited {
					if awaited == id {
						unlooked++
					}
				}
				if busy != w.busy || unlooked != w.unlooked {
					t.Fatalf("seed %d: counts %d busy and %d unlooked, are %d and %d", seed, w.busy, w.unlooked, busy, unlooked)
				}
			}
		}
	}
}
