package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func TestSecretGoesToOneOfTheCertificatesThatNameIt(t *testing.T) {
	t.Parallel()
	crt := func(name string, age time.Duration) *cmv1.Certificate {
		return &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(simStart.Add(-age))}}
	}
	going := func(c *cmv1.Certificate) *cmv1.Certificate {
		c.DeletionTimestamp = &metav1.Time{Time: simStart}
		return c
	}
	for name, c := range map[string]struct {
		sharing   []*cmv1.Certificate
		issuedFor string
		owner     string
	}{
		"the one that it was issued for":                  {[]*cmv1.Certificate{crt("a", day), crt("b", 0)}, "b", "b"},
		"else the oldest":                                 {[]*cmv1.Certificate{crt("a", 0), crt("b", day)}, "", "b"},
		"also if it was issued for one that is gone":      {[]*cmv1.Certificate{crt("a", 0), crt("b", day)}, "gone", "b"},
		"else the first by name":                          {[]*cmv1.Certificate{crt("b", day), crt("a", day), crt("c", day)}, "", "a"},
		"one that is being deleted gives way":             {[]*cmv1.Certificate{going(crt("a", day)), crt("b", 0)}, "a", "b"},
		"one is alone":                                    {[]*cmv1.Certificate{crt("a", 0)}, "", "a"},
		"many are told of each other, the first by name":  {[]*cmv1.Certificate{crt("e", 0), crt("d", 0), crt("c", 0), crt("b", 0), crt("a", day)}, "", "a"},
		"the name decides between two of one and no more": {[]*cmv1.Certificate{crt("b", 0), crt("c", day), crt("a", 0)}, "b", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, self := range c.sharing {
				if !self.DeletionTimestamp.IsZero() {
					continue
				}
				owner, rivals := ShareSecret(self, c.sharing, c.issuedFor)
				if self.Name != c.owner {
					if owner != c.owner || rivals != nil {
						t.Errorf("%s takes %q for the owner, want %q; rivals %q", self.Name, owner, c.owner, rivals)
					}
					continue
				}
				var want []string
				for _, other := range []string{"a", "b", "c", "d", "e"} {
					for _, s := range c.sharing {
						if s.Name == other && other != self.Name && s.DeletionTimestamp.IsZero() {
							want = append(want, other)
						}
					}
				}
				if diff := cmp.Diff(want, rivals); owner != "" || diff != "" {
					t.Errorf("the owner takes %q for it; rivals (-want +got):\n%s", owner, diff)
				}
			}
		})
	}
}

// The one that yields neither keeps a key nor a request, says it once, and
// needs no waking: the other's end is watched.
func TestCertificateThatYieldsItsSecretComesToRest(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.settle(t) // an issuance is under way
	older := newCertificateWorld()
	older.crt.Name, older.crt.UID = "older", "uid-older"
	older.crt.CreationTimestamp = metav1.NewTime(simStart.Add(-time.Hour))
	w.others = []*certificateWorld{older}
	w.events = nil
	d := w.settle(t)
	ready := FindCertificateCondition(w.crt.Status.Conditions, cmv1.CertificateConditionReady)
	if ready.Reason != ReasonSecretConflict || !strings.Contains(ready.Message, `Certificate "older"`) {
		t.Errorf("condition %+v does not name the other Certificate", ready)
	}
	if len(w.events) != 1 || w.events[0].Type != Warning || !strings.Contains(w.events[0].Message, `"older"`) {
		t.Errorf("events %+v, want one that names the other", w.events)
	}
	if len(w.keys) != 0 || len(w.requests) != 0 || !d.Wake.IsZero() || IsIssuing(&w.crt.Status) {
		t.Errorf("keys %d, requests %d, wake %v, issuing %v; want nothing", len(w.keys), len(w.requests), d.Wake, IsIssuing(&w.crt.Status))
	}
}

func TestOwnerOfASecretIsToldOfTheFirstThree(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.issue(t, 90*day)
	seen := w.see()
	seen.Rivals = []string{"a", "b", "c", "d", "e"}
	d := NextCertificate(seen, w.now)
	ready := FindCertificateCondition(d.Status.Conditions, cmv1.CertificateConditionReady)
	want := readyMessage + `; Certificates "a", "b", "c" and 2 more name the same Secret "web-tls" and get nothing; give them other secretNames`
	if ready.Message != want || ready.Status != "True" || len(d.Events) != 1 {
		t.Errorf("%s %q with events %+v, want %q", ready.Status, ready.Message, d.Events, want)
	}
}
