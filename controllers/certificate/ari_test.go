package certificate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/lifecycle"
)

// advisor is a CA that counts who asks.
type advisor struct {
	says func(issuer, certificateID string) (*acme.RenewalInfo, error)

	mu    sync.Mutex
	asked map[string]int // by issuer
	now   int
	most  int // at the same time
}

func (a *advisor) RenewalInfo(ctx context.Context, issuer cmv1.GenericIssuer, certificateID string) (*acme.RenewalInfo, error) {
	a.mu.Lock()
	a.asked[issuer.GetName()]++
	a.now++
	a.most = max(a.most, a.now)
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.now--
	}()
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return a.says(issuer.GetName(), certificateID)
}

func (a *advisor) count(issuer string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[issuer]
}

func acmeIssuer(name string) *cmv1.Issuer {
	return &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{Server: "https://" + name + ".example/directory"}}},
	}
}

// running are inquiries in the bubble of a synctest: its time passes at once.
func running(t *testing.T, says func(issuer, certificateID string) (*acme.RenewalInfo, error)) (*inquiries, *advisor, <-chan turn) {
	t.Helper()
	ca := &advisor{says: says, asked: map[string]int{}}
	woken := make(chan turn, 10_000)
	q := newInquiries(ca, time.Now, woken)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- q.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return q, ca, woken
}

func keyOf(i int) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: fmt.Sprint(i)}
}

func window(string, string) (*acme.RenewalInfo, error) {
	return &acme.RenewalInfo{Start: time.Unix(1, 0), End: time.Unix(2, 0), ExplanationURL: "https://ca.example/why"}, nil
}

func TestAnswerIsThereWhenTheCertificateIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, _, woken := running(t, window)
		began := time.Now()
		q.begin(keyOf(1), "uid", "a.b", acmeIssuer("ca"))
		q.begin(keyOf(1), "uid", "a.b", acmeIssuer("ca")) // asked already
		if asking, answer := q.of(keyOf(1), "uid"); !asking || answer != nil {
			t.Errorf("asking %v, answer %+v", asking, answer)
		}
		if got := <-woken; got.Object != keyOf(1) {
			t.Errorf("woken: %s", got.Object)
		}
		asking, answer := q.of(keyOf(1), "uid")
		if asking || answer == nil || answer.CertificateID != "a.b" || !answer.End.Equal(time.Unix(2, 0)) || answer.ExplanationURL == "" || !answer.At.Equal(began) || answer.Err != "" {
			t.Errorf("asking %v, answer %+v", asking, answer)
		}
		if _, other := q.of(keyOf(1), "another uid"); other != nil {
			t.Error("the answer is given to another Certificate of the same name")
		}
		q.heard(keyOf(1), nil)
		if _, kept := q.of(keyOf(1), "uid"); kept != answer {
			t.Error("an answer that was not heard is gone")
		}
		q.heard(keyOf(1), answer)
		if len(q.about) != 0 || len(q.queue) != 0 {
			t.Errorf("left: %v %v", q.about, q.queue)
		}
		synctest.Wait()
		if len(woken) != 0 {
			t.Error("woken twice")
		}
	})
}

// Two thousand certificates to ask about after a restart are no burst.
func TestManyInquiriesArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, ca, woken := running(t, window)
		began := time.Now()
		const certificates = 2000
		for i := range certificates {
			q.begin(keyOf(i), "uid", "a.b", acmeIssuer("ca"))
		}
		for range certificates {
			<-woken
		}
		took := time.Since(began)
		if took < certificates/6*time.Second || took > certificates/4*time.Second {
			t.Errorf("%d inquiries took %s", certificates, took)
		}
		if ca.most > askers || ca.count("ca") != certificates {
			t.Errorf("%d inquiries, %d at the same time", ca.count("ca"), ca.most)
		}
	})
}

func TestCAWithoutRenewalInformationIsAskedOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, ca, woken := running(t, func(string, string) (*acme.RenewalInfo, error) { return nil, acme.ErrNoRenewalInfo })
		issuer := acmeIssuer("ca")
		began := time.Now()
		for i := range 100 {
			q.begin(keyOf(i), "uid", "a.b", issuer)
			<-woken
			if _, answer := q.of(keyOf(i), "uid"); answer != nil {
				t.Fatalf("answer %+v", answer)
			}
			q.heard(keyOf(i), nil)
		}
		if ca.count("ca") != 1 || !q.state(issuerVersion(issuer)).none || time.Since(began) > time.Second || len(q.about) != 0 {
			t.Errorf("%d inquiries, %s, left %v", ca.count("ca"), time.Since(began), q.about)
		}
		time.Sleep(silence)
		if q.state(issuerVersion(issuer)).none {
			t.Error("it is believed for ever")
		}
	})
}

// A CA that is down costs one inquiry, and the certificates of other CAs
// nothing.
func TestCAThatIsDownIsAskedOnceInFiveMinutes(t *testing.T) {
	for name, fault := range map[string]error{
		"no answer":   &acme.TransportError{Action: acme.ActionGetDirectory, Host: "down.example", Err: errors.New("connection refused")},
		"503":         &acme.HTTPError{Action: acme.ActionGetDirectory, Host: "down.example", Status: http.StatusServiceUnavailable, Reason: "no problem document"},
		"an own word": &acme.Problem{Action: acme.ActionGetRenewalInfo, Status: http.StatusInternalServerError, Type: "urn:ietf:params:acme:error:serverInternal"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, ca, woken := running(t, func(issuer, _ string) (*acme.RenewalInfo, error) {
					if issuer == "down" {
						return nil, fault
					}
					return window("", "")
				})
				down, up := acmeIssuer("down"), acmeIssuer("up")
				q.begin(keyOf(0), "uid", "a.b", down)
				<-woken
				for i := 1; i <= 100; i++ {
					q.begin(keyOf(i), "uid", "a.b", down)
				}
				q.begin(keyOf(101), "uid", "a.b", up)
				for range 101 {
					<-woken
				}
				var first *lifecycle.ARIAnswer
				for i := range 101 {
					_, answer := q.of(keyOf(i), "uid")
					if answer == nil || answer.Err == "" {
						t.Fatalf("answer %+v", answer)
					}
					if first = answer; answer.Err != first.Err {
						t.Errorf("another text for the same fault: %q, %q", answer.Err, first.Err)
					}
				}
				if _, answer := q.of(keyOf(101), "uid"); answer == nil || answer.Err != "" {
					t.Errorf("the other CA's answer: %+v", answer)
				}
				if n := ca.count("down"); n != 1 {
					t.Errorf("%d inquiries", n)
				}
				time.Sleep(downtime)
				q.begin(keyOf(0), "uid", "a.b", down)
				<-woken
				if n := ca.count("down"); n != 2 {
					t.Errorf("%d inquiries after five minutes", n)
				}
			})
		})
	}
}

// What a CA does not know of one certificate says nothing about the others.
func TestNonsenseAboutOneCertificateIsAboutThatOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, _, woken := running(t, func(_, id string) (*acme.RenewalInfo, error) {
			switch id {
			case "unknown.a":
				return nil, &acme.Problem{Action: acme.ActionGetRenewalInfo, Status: http.StatusNotFound, Type: "urn:ietf:params:acme:error:malformed", Detail: "no such certificate"}
			case "broken.a":
				return nil, &acme.HTTPError{Action: acme.ActionGetRenewalInfo, Host: "ca.example", Status: http.StatusOK, Reason: "suggestedWindow does not end after it starts"}
			}
			return window("", "")
		})
		issuer := acmeIssuer("ca")
		for i, c := range []struct{ id, err string }{
			{"unknown.a", "get renewal info: no such certificate (malformed)"},
			{"broken.a", "get renewal info: ca.example answered 200 OK: suggestedWindow does not end after it starts"},
			{"good.a", ""},
		} {
			q.begin(keyOf(i), "uid", c.id, issuer)
			<-woken
			if _, answer := q.of(keyOf(i), "uid"); answer == nil || answer.Err != c.err {
				t.Errorf("%s: answer %+v", c.id, answer)
			}
		}
	})
}

func TestCertificateThatIsGoneIsNotAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := &advisor{says: window, asked: map[string]int{}}
		q := newInquiries(ca, time.Now, make(chan turn, 1))
		q.begin(keyOf(1), "uid", "a.b", acmeIssuer("ca"))
		q.forget(keyOf(1))
		q.begin(keyOf(2), "uid", "a.b", acmeIssuer("ca"))
		q.begin(keyOf(2), "uid", "b.b", acmeIssuer("ca")) // renewed meanwhile
		if key, next := q.take(); key != keyOf(2) || next.certificateID != "b.b" {
			t.Errorf("taken: %s %+v", key, next)
		}
		if key, next := q.take(); next != nil {
			t.Errorf("taken again: %s %+v", key, next)
		}
	})
}

func TestWhoIsAskedWhenToRenew(t *testing.T) {
	t.Parallel()
	other := acmeIssuer("ca")
	other.Spec.ACME.Server = "https://staging.example/directory"
	none := acmeIssuer("ca")
	none.Spec.ACME.RenewalInformationSource = acmev1.RenewalInformationSourceNone
	explicit := acmeIssuer("ca")
	explicit.Spec.ACME.RenewalInformationSource = acmev1.RenewalInformationSourceARI
	if whomToAsk(acmeIssuer("ca")) == "" || whomToAsk(acmeIssuer("ca")) != whomToAsk(explicit) {
		t.Error("to ask the CA is not the default")
	}
	if whomToAsk(none) != "" || whomToAsk(&cmv1.Issuer{}) != "" {
		t.Error("somebody is asked although the issuer says not to, or has nobody")
	}
	if whomToAsk(other) == whomToAsk(explicit) {
		t.Error("another server is taken for the same")
	}
}
