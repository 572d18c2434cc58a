package reissue

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

// later records what is put off, and for how long.
type later struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	added map[string]time.Duration
}

func (l *later) AddAfter(r reconcile.Request, d time.Duration) { l.added[r.String()] = d }

func campaignOf(name string, generation int64) (types.NamespacedName, *v1alpha1.Reissue) {
	return types.NamespacedName{Namespace: "shop", Name: name},
		&v1alpha1.Reissue{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Generation: generation}}
}

func TestEventsBringALookLaterTheLongerALookTakes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	c := newCampaigns()
	for name, look := range map[string]struct {
		phase v1alpha1.ReissuePhase
		took  time.Duration
	}{
		"small": {v1alpha1.ReissueRunning, time.Millisecond}, "large": {v1alpha1.ReissueRunning, 400 * time.Millisecond},
		"planned": {v1alpha1.ReissuePlanned, time.Millisecond}, "over": {v1alpha1.ReissueDone, time.Second},
	} {
		key, r := campaignOf(name, 1)
		c.of(key, r, now)
		c.looked(key, look.phase, look.took)
	}
	over, _ := campaignOf("over", 1)
	c.forget(over)
	q := &later{added: map[string]time.Duration{}}
	c.handler().Update(t.Context(), event.UpdateEvent{}, q)
	if diff := cmp.Diff(map[string]time.Duration{"shop/small": time.Second, "shop/large": 8 * time.Second, "shop/planned": 10 * time.Second}, q.added); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusalIsRememberedUntilItIsTimeOrTheCampaignIsChanged(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		after      time.Duration
		generation int64
		want       string
	}{
		"before it is time":        {4 * time.Minute, 1, "exceeded quota"},
		"when it is time":          {5 * time.Minute, 1, ""},
		"when the spec is changed": {time.Second, 2, ""},
	} {
		c := newCampaigns()
		key, r := campaignOf("a", 1)
		c.of(key, r, now)
		c.refused(key, "exceeded quota", now)
		r.Generation = row.generation
		if got := c.of(key, r, now.Add(row.after)).refusal; got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
	// Of another campaign with the same name nothing is known.
	c := newCampaigns()
	key, r := campaignOf("a", 1)
	c.of(key, r, now)
	c.refused(key, "exceeded quota", now)
	c.stored(key, now)
	r.UID = "another"
	if got := c.of(key, r, now); got.refusal != "" || !got.storedAt.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestCertificateThatOnlyGetsAnAnnotationTellsNothing(t *testing.T) {
	t.Parallel()
	crt := func(change func(*cmv1.Certificate)) *cmv1.Certificate {
		c := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Generation: 1, Labels: map[string]string{"a": "b"}}}
		change(c)
		return c
	}
	for name, row := range map[string]struct {
		change func(*cmv1.Certificate)
		want   bool
	}{
		"annotation": {func(c *cmv1.Certificate) { c.Annotations = map[string]string{"a": "b"} }, false},
		"label":      {func(c *cmv1.Certificate) { c.Labels = nil }, true},
		"spec":       {func(c *cmv1.Certificate) { c.Generation = 2 }, true},
		"status":     {func(c *cmv1.Certificate) { c.Status.Revision = new(2) }, true},
	} {
		before := crt(func(*cmv1.Certificate) {})
		if got := tells.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: crt(row.change)}); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
