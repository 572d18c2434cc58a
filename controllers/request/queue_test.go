package request

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

func turnOf(issuer string, i int) turn {
	return turn{NamespacedName: types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("%s-%d", issuer, i)}, issuer: issuer}
}

// take takes turns that are to be had at once, and names their issuers.
func (q *turnQueue) take(n int) (turns []turn, issuers []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range n {
		t, ok := q.pop()
		if !ok {
			break
		}
		turns, issuers = append(turns, t), append(issuers, t.issuer)
	}
	return turns, issuers
}

func TestRequestsOfOneIssuerWaitBehindEachOtherAndNotBeforeThoseOfAnother(t *testing.T) {
	t.Parallel()
	q := newTurnQueue(1)
	for i := range 1000 {
		q.Add(turnOf("broken", i))
	}
	q.Add(turnOf("healthy", 0))
	q.Add(turnOf("healthy", 1))
	var order []string
	for range 5 {
		turns, issuers := q.take(1)
		order = append(order, issuers...)
		q.Done(turns[0])
	}
	if want := []string{"broken", "healthy", "broken", "healthy", "broken"}; !slices.Equal(order, want) {
		t.Errorf("turns went to %q, want %q", order, want)
	}
	if q.Len() != 997 {
		t.Errorf("%d wait, want 997", q.Len())
	}
}

func TestIssuersThatHangLeaveWorkersToOthers(t *testing.T) {
	t.Parallel()
	q := newTurnQueue(20)
	for _, issuer := range []string{"a", "b", "c", "d", "e"} {
		for i := range 100 {
			q.Add(turnOf(issuer, i))
		}
		// Whoever comes next finds a worker.
		if turns, _ := q.take(100); len(turns) == 0 {
			t.Fatalf("issuer %s has got no worker", issuer)
		}
	}
	if busy := q.lanes["a"].busy; busy != 10 {
		t.Errorf("the first issuer has %d workers, want half of them", busy)
	}
	if idle := q.workers - len(q.processing); idle != 0 {
		t.Errorf("%d workers are idle", idle)
	}
}

func TestWorkersThatHangingIssuersHadAreGivenBack(t *testing.T) {
	t.Parallel()
	q := newTurnQueue(4)
	for i := range 10 {
		q.Add(turnOf("slow", i))
	}
	held, _ := q.take(10)
	if len(held) != 2 {
		t.Fatalf("%d workers, want 2", len(held))
	}
	q.Done(held[0])
	if next, _ := q.take(10); len(next) != 1 || next[0] != turnOf("slow", 2) {
		t.Errorf("next are %v", next)
	}
}

func TestAnObjectIsWithOneWorkerAtATimeAndLookedAtAgainIfItChangesMeanwhile(t *testing.T) {
	t.Parallel()
	q := newTurnQueue(8)
	one := turnOf("ca", 1)
	q.Add(one)
	q.Add(one)
	if turns, _ := q.take(8); len(turns) != 1 {
		t.Fatalf("handed out %v, want it once", turns)
	}
	q.Add(one)
	q.Add(one)
	if turns, _ := q.take(8); len(turns) != 0 {
		t.Fatalf("handed out %v, while a worker has it", turns)
	}
	q.Done(one)
	if turns, _ := q.take(8); len(turns) != 1 {
		t.Errorf("a change meanwhile is lost")
	}
	q.Done(one)
	q.Done(one) // nobody has it
	if len(q.lanes) > 0 || len(q.dirty) > 0 || len(q.processing) > 0 || len(q.ring) > 0 {
		t.Errorf("something is left of what is done: %+v", q)
	}
}

func TestIdleWorkersWakeUpForWhatIsAdded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newTurnQueue(4)
		done := make(chan turn)
		for range 4 {
			go func() {
				for {
					next, closed := q.Get()
					if closed {
						done <- turn{}
						return
					}
					if next.issuer == "slow" {
						<-time.After(time.Hour) // of the bubble
					}
					q.Done(next)
					done <- next
				}
			}()
		}
		for i := range 10 {
			q.Add(turnOf("slow", i))
		}
		synctest.Wait()
		start := time.Now()
		for i := range 100 {
			q.Add(turnOf("fast", i))
			if got := <-done; got != turnOf("fast", i) {
				t.Fatalf("done is %v", got)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("a healthy issuer waited %s for a slow one", took)
		}
		for range 10 {
			<-done
		}
		if took := time.Since(start); took != 5*time.Hour {
			t.Errorf("10 turns of a slow issuer took %s on two workers of four", took)
		}
		q.ShutDown()
		for range 4 {
			<-done
		}
	})
}

func TestShutdownHandsOutTheRestAndThenEndsTheWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newTurnQueue(2)
		for i := range 3 {
			q.Add(turnOf("ca", i))
		}
		drained := make(chan struct{})
		go func() {
			q.ShutDownWithDrain()
			close(drained)
		}()
		synctest.Wait()
		q.Add(turnOf("ca", 4))
		if !q.ShuttingDown() || q.Len() != 3 {
			t.Fatalf("%d wait, want the 3 from before", q.Len())
		}
		for range 3 {
			next, closed := q.Get()
			if closed {
				t.Fatal("something is lost")
			}
			select {
			case <-drained:
				t.Fatal("drained with work in hand")
			default:
			}
			q.Done(next)
		}
		<-drained
		if _, closed := q.Get(); !closed {
			t.Error("a worker is not told that it is over")
		}
	})
}
