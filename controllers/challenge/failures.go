package challenge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// failures remembers which validations of a name have failed lately at the CA
// of an issuer. After a restart the Challenges that are left tell; they say only
// when they were made, which is a little before.
type failures struct {
	mu    sync.Mutex
	names map[string]map[types.UID]time.Time
}

func newFailures() *failures { return &failures{names: map[string]map[types.UID]time.Time{}} }

// failureKey: limits are counted for an account and a name. Issuers do not share
// accounts as a rule.
func failureKey(c *acmev1.Challenge) string {
	namespace := c.Namespace
	if c.Spec.IssuerRef.KindOrDefault() == cmv1.ClusterIssuerKind {
		namespace = ""
	}
	return namespace + "/" + kube.IssuerKey(c.Spec.IssuerRef) + "/" + c.Spec.DNSName
}

func (f *failures) add(c *acmev1.Challenge, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, known := range f.names { // what is forgotten costs nothing
		for uid, before := range known {
			if at.Sub(before) >= lifecycle.FailedValidationsSpan {
				delete(known, uid)
			}
		}
		if len(known) == 0 {
			delete(f.names, key)
		}
	}
	key := failureKey(c)
	if f.names[key] == nil {
		f.names[key] = map[types.UID]time.Time{}
	}
	f.names[key][c.UID] = at
}

// of lists when validations of a name have failed, the earliest first. left are
// the Challenges that have failed and are still there.
func (f *failures) of(c *acmev1.Challenge, left []acmev1.Challenge, now time.Time) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[types.UID]time.Time{}
	for i := range left {
		all[left[i].UID] = left[i].CreationTimestamp.Time
	}
	for uid, at := range f.names[failureKey(c)] {
		all[uid] = at
	}
	var times []time.Time
	for _, at := range all {
		if now.Sub(at) < lifecycle.FailedValidationsSpan {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, func(a, b time.Time) int { return cmp.Compare(a.UnixNano(), b.UnixNano()) })
	return times
}

// observeFailures looks how often the CA has failed to see the name.
func (r *Reconciler) observeFailures(ctx context.Context, s *sight) error {
	var left acmev1.ChallengeList
	err := r.client.List(ctx, &left, client.MatchingFields{failed: failureKey(s.Challenge)},
		client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		return fmt.Errorf("list failed challenges: %w", err)
	}
	s.FailedValidations = r.failures.of(s.Challenge, left.Items, r.clock())
	return nil
}
