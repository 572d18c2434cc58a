package orders

import (
	"net/http"
	"strings"
	"testing"
	"time"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/test/acme/faultproxy"
	"github.com/certwright/certwright/test/acme/testca"
)

func TestOrdersWaitForTheirTurnAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setAccount("key")
	w.limits = lifecycle.OrderLimits{"*": {Count: 2, Period: 48 * time.Hour}} // one at once
	stop := w.operator()
	w.order("first", "first.example.com")
	w.eventuallyOrder("first", "valid", isValid)
	waiting := func(s acmev1.OrderStatus) bool {
		return s.URL == "" && strings.HasPrefix(s.Reason, "place order: waiting for a turn, because the CA takes 2 orders of an account in 48 hours") &&
			strings.Contains(s.Reason, "; next attempt at 20")
	}
	w.order("second", "second.example.com")
	w.eventuallyOrder("second", "waiting", waiting)
	stop()
	w.operator()
	w.order("third", "third.example.com")
	w.eventuallyOrder("third", "waiting", waiting)
	if n := len(w.ca.Faults.Seen(testca.PathNewOrder)); n != 1 {
		t.Errorf("%d orders were placed", n)
	}
}

func TestLimitThatOneOrderHitsSparesTheOthersTheAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setAccount("key")
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Fault: faultproxy.Problem(http.StatusTooManyRequests, "rateLimited",
		"too many new orders (300) from this account in the last 3h0m0s", http.Header{"Retry-After": {"3600"}})})
	w.operator()
	w.order("first", "first.example.com")
	w.eventuallyOrder("first", "waiting", func(s acmev1.OrderStatus) bool { return strings.Contains(s.Reason, "too many new orders") })
	w.order("second", "second.example.com")
	w.eventuallyOrder("second", "waiting", func(s acmev1.OrderStatus) bool {
		return strings.HasPrefix(s.Reason, "place order: the CA takes no more orders of this account for now; next attempt at ")
	})
	if n := len(w.ca.Faults.Seen(testca.PathNewOrder)); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
