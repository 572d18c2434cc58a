package challenge

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

// checkerFunc is a Checker that is told when to answer.
type checkerFunc func(ctx context.Context, domain string) (lifecycle.SelfCheckVerdict, string)

func (f checkerFunc) Check(ctx context.Context, target http01.Target) (lifecycle.SelfCheckVerdict, string) {
	return f(ctx, target.Domain)
}

func startChecks(t *testing.T, checker Checker) (*checks, chan wakeUp) {
	t.Helper()
	wake := make(chan wakeUp, 8)
	c := newChecks(checker, func() time.Time { return started }, wake)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c, wake
}

func TestCheckRunsInTheBackgroundOnceAndWakes(t *testing.T) {
	t.Parallel()
	begun, answer := make(chan string, 8), make(chan lifecycle.SelfCheckVerdict)
	c, wake := startChecks(t, checkerFunc(func(ctx context.Context, domain string) (lifecycle.SelfCheckVerdict, string) {
		begun <- domain
		select {
		case v := <-answer:
			return v, "seen"
		case <-ctx.Done():
			return 0, ""
		}
	}))
	one := check{uid: "1", key: types.NamespacedName{Name: "one"}, target: http01.Target{Domain: "a.example.com"}}
	c.begin(one)
	<-begun
	c.begin(one) // is under way
	if _, running := c.of("1"); !running {
		t.Error("the check is not under way")
	}
	answer <- lifecycle.SelfCheckWrong
	if got := (<-wake).Object.Name; got != "one" {
		t.Errorf("%s is woken", got)
	}
	last, running := c.of("1")
	if running || last == nil || last.Verdict != lifecycle.SelfCheckWrong || last.Text != "seen" || last.Checks != 1 || !last.At.Equal(started) {
		t.Errorf("running %t, last %+v", running, last)
	}
	c.begin(one)
	<-begun
	answer <- lifecycle.SelfCheckPassed
	<-wake
	if last, _ := c.of("1"); last.Checks != 2 || last.Verdict != lifecycle.SelfCheckPassed {
		t.Errorf("last %+v", last)
	}
	if n := len(begun); n != 0 {
		t.Errorf("%d more checks began", n)
	}
}

func TestCheckOfAChallengeThatIsGoneIsForgotten(t *testing.T) {
	t.Parallel()
	begun, answer := make(chan string, 1), make(chan struct{})
	c, wake := startChecks(t, checkerFunc(func(_ context.Context, domain string) (lifecycle.SelfCheckVerdict, string) {
		begun <- domain
		<-answer
		return lifecycle.SelfCheckPassed, ""
	}))
	c.begin(check{uid: "1"})
	<-begun
	c.forget("1")
	close(answer)
	<-wake
	if last, running := c.of("1"); last != nil || running {
		t.Errorf("running %t, last %+v", running, last)
	}
}

func TestChecksThatAllHangEndWithTheOperator(t *testing.T) {
	t.Parallel()
	c, _ := startChecks(t, checkerFunc(func(ctx context.Context, _ string) (lifecycle.SelfCheckVerdict, string) {
		<-ctx.Done()
		return 0, ""
	}))
	for n := range maxQueuedChecks + 2*checkers {
		c.begin(check{uid: uidNo(n)}) // never blocks
	}
}
