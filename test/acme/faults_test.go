package acme_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/test/acme/faultproxy"
	"github.com/certwright/certwright/test/acme/testca"
)

func TestIssuanceSurvivesRefusedNonces(t *testing.T) {
	t.Parallel()
	for name, percent := range map[string]int{"30 percent": 30, "90 percent": 90} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := testca.Start(t, testca.Options{})
			ca.Faults.RefuseNonces(percent, testca.PathNonce, 1)
			begin(t, ca, acme.KeyECDSAP256).issue(acme.OrderRequest{Identifiers: names("nonce.example.com")})
		})
	}
}

func TestIssuanceSurvivesThatTheCAItselfRefusesNonces(t *testing.T) {
	t.Parallel()
	for _, percent := range []int{30, 90} {
		t.Run(strconv.Itoa(percent), func(t *testing.T) {
			t.Parallel()
			begin(t, testca.Start(t, testca.Options{RefusedNonces: percent}), acme.KeyECDSAP256).issue(acme.OrderRequest{Identifiers: names("nonce.example.com")})
		})
	}
}

func TestAnswersOfAWrongKindAreTriedAgain(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	page := http.Header{"Content-Type": {"text/html"}}
	for _, path := range []string{testca.PathNewOrder, testca.PathAuthz, testca.PathOrder, testca.PathCert} {
		j.ca.Faults.Add(faultproxy.Rule{Path: path, Times: 1, Fault: faultproxy.Answer(200, page, "<html>please log in</html>")})
	}
	j.issue(acme.OrderRequest{Identifiers: names("captive.example.com")})
}

func TestPausedAccountIsStalledAndShowsThePortalVerbatim(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	const portal = "https://portal.ca.example/unpause?jwt=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
	detail := "Your account is temporarily prevented from requesting certificates for paused.example.com and possibly others. Please visit: " + portal
	j.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Times: 1, Fault: faultproxy.Problem(429, "rateLimited", detail, nil)})
	_, err := j.client.NewOrder(j.ctx, acme.OrderRequest{Identifiers: names("paused.example.com")})
	if kind := acme.Classify(err, time.Now()).Kind; kind != acme.Stalled || acme.IsOrdersLimited(err) {
		t.Errorf("class %v, want stalled: waiting does not help", kind)
	}
	const want = "create order: Your account is temporarily prevented from requesting certificates for paused.example.com and possibly others. " +
		"Please visit: the page below (rateLimited); see " + portal
	if got := acme.Summary(err); got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
}

func TestLimitOnOrdersIsToldFromLimitsOnNames(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	for detail, want := range map[string]bool{
		"too many new orders (300) from this account in the last 3h0m0s, retry after 2036-11-24 10:00:00 UTC: see https://ca.example/rate-limits":                         true,
		"too many certificates (50) already issued for \"example.com\" in the last 168h0m0s, retry after 2036-11-24 10:00:00 UTC: see https://ca.example/rate-limits":     false,
		"too many failed authorizations (5) for \"a.example.com\" in the last 1h0m0s, retry after 2036-11-24 10:00:00 UTC: see https://ca.example/rate-limits#new-orders": false,
	} {
		j.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Times: 1, Fault: faultproxy.Problem(429, "rateLimited", detail, nil)})
		_, err := j.client.NewOrder(j.ctx, acme.OrderRequest{Identifiers: names("limited.example.com")})
		if got := acme.IsOrdersLimited(err); got != want || acme.Classify(err, time.Now()).Kind != acme.Wait {
			t.Errorf("%q: %t, want %t", detail, got, want)
		}
		j.ca.Faults.Reset()
	}
}

func TestLostFinalizeAnswerIsFoundByTheOrder(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	ready := j.authorize(j.order(acme.OrderRequest{Identifiers: names("lost.example.com")}))
	csr, key := j.request(ready)
	j.ca.Faults.Add(faultproxy.Rule{Path: testca.PathFinalize, Times: 1, Fault: faultproxy.LoseAnswer()})
	_, err := j.client.Finalize(j.ctx, ready.FinalizeURL, csr)
	if _, ok := errors.AsType[*acme.TransportError](err); !ok {
		t.Fatalf("error %v, want a lost answer", err)
	}
	j.certificate(j.settled(ready.URL), key)
	if _, err := j.client.Finalize(j.ctx, ready.FinalizeURL, csr); !acme.IsOrderNotReady(err) {
		t.Errorf("second finalize: %v, want orderNotReady", err)
	}
	if got := len(j.ca.Faults.Seen(testca.PathFinalize)); got != 2 {
		t.Errorf("%d finalize requests, want 2: the HTTP client must not repeat one by itself", got)
	}
}

func TestLostAnswerToNewOrderCostsNothingButAnotherOrder(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	j.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Times: 1, Fault: faultproxy.LoseAnswer()})
	j.issue(acme.OrderRequest{Identifiers: names("again.example.com")})
}

func TestLostAnswerToNewAccountFindsTheAccountAgain(t *testing.T) {
	t.Parallel()
	j := stranger(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	j.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewAccount, Times: 1, Fault: faultproxy.LoseAnswer()})
	account := retry(j, func() (*acme.Account, error) {
		return j.client.NewAccount(j.ctx, acme.AccountRequest{TermsAgreed: true})
	})
	if account.Created {
		t.Error("the lost request created no account")
	}
}

func TestSlowProcessingSaysWhenToAskAgain(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	ready := j.authorize(j.order(acme.OrderRequest{Identifiers: names("slow.example.com")}))
	valid, key := j.finalize(ready)
	j.ca.Faults.Add(faultproxy.Rule{Path: testca.PathOrder, Times: 2, Fault: faultproxy.Alter(func(r *faultproxy.Response) {
		r.Header.Set("Retry-After", "30")
		r.Body = strings.Replace(r.Body, `"status": "valid"`, `"status": "processing"`, 1)
	})})
	for range 2 {
		order := j.getOrder(ready.URL)
		if wait := time.Until(order.RetryAfter); order.Status != acme.StatusProcessing || wait < 20*time.Second || wait > 31*time.Second {
			t.Errorf("order %s, to be asked for again in %v, want processing and 30 s", order.Status, wait)
		}
	}
	if got := j.getOrder(ready.URL).Status; got != acme.StatusValid {
		t.Errorf("order %s, want valid", got)
	}
	j.certificate(valid, key)
}

func TestCutOffChainIsFetchedAgain(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	j.ca.Faults.Add(faultproxy.Rule{Path: testca.PathCert, Times: 1, Fault: faultproxy.Alter(func(r *faultproxy.Response) {
		r.Body = r.Body[:len(r.Body)-100]
	})})
	j.issue(acme.OrderRequest{Identifiers: names("cut.example.com")})
	if got := len(j.ca.Faults.Seen(testca.PathCert)); got != 2 {
		t.Errorf("%d downloads, want 2", got)
	}
}

func TestOutageIsRetriedAndRateLimitWaitedFor(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	page := http.Header{"Content-Type": {"text/html"}}
	until := time.Now().Add(2 * time.Hour).UTC().Truncate(time.Second)
	rule := func(fault faultproxy.Fault) faultproxy.Rule {
		return faultproxy.Rule{Path: testca.PathNewOrder, Times: 1, Fault: fault}
	}
	j.ca.Faults.Add(rule(faultproxy.Answer(503, page, "<html>down</html>")))
	j.ca.Faults.Add(rule(faultproxy.Refuse()))
	j.ca.Faults.Add(rule(faultproxy.Problem(500, "serverInternal", "database", nil)))
	j.ca.Faults.Add(rule(faultproxy.Problem(429, "rateLimited", "slow down", http.Header{"Retry-After": {"7200"}})))
	j.ca.Faults.Add(rule(faultproxy.Problem(429, "rateLimited", "slow down", http.Header{"Retry-After": {until.Format(http.TimeFormat)}})))
	j.ca.Faults.Add(rule(faultproxy.Problem(429, "rateLimited", "too many, retry after "+until.Format("2006-01-02 15:04:05 MST")+": see https://ca.example/", nil)))
	for i, want := range []acme.Kind{acme.Retry, acme.Retry, acme.Retry, acme.Wait, acme.Wait, acme.Wait} {
		_, err := j.client.NewOrder(j.ctx, acme.OrderRequest{Identifiers: names("outage.example.com")})
		class := acme.Classify(err, time.Now())
		if class.Kind != want {
			t.Errorf("answer %d: class %v of %v, want %v", i, class.Kind, err, want)
		}
		if difference := class.Until.Sub(until).Abs(); want == acme.Wait && difference > time.Minute {
			t.Errorf("answer %d: until %v, want %v", i, class.Until, until)
		}
	}
	j.issue(acme.OrderRequest{Identifiers: names("outage.example.com")})
}
