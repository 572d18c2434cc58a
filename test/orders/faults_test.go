package orders

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/test/acme/faultproxy"
	"github.com/certwright/certwright/test/acme/testca"
)

// editACME changes the issuer.
func (w *world) editACME(change func(*acmev1.ACMEIssuer)) {
	w.t.Helper()
	issuer := &cmv1.Issuer{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "pebble"}, issuer); err != nil {
		w.t.Fatal(err)
	}
	change(issuer.Spec.ACME)
	if err := w.api.Update(w.t.Context(), issuer); err != nil {
		w.t.Fatal(err)
	}
}

// profiled is an Order with a profile, which it has from the first: the operator
// may be at work on it at once.
func (w *world) profiled(name, profile string) {
	w.t.Helper()
	w.orderWith(acmev1.OrderSpec{DNSNames: []string{name + ".example.com"}, Profile: profile}, name)
}

func TestProfileThatTheCADoesNotHaveIsRefusedWithThoseThatItHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.profiled("shop", "gold")
	w.operator()
	w.eventuallyOrder("shop", "errored", func(s acmev1.OrderStatus) bool { return s.State == acmev1.Errored })
	if reason := w.get("shop").Status.Reason; !strings.Contains(reason, "gold") || !strings.HasSuffix(reason, "; the CA offers the profiles classic, shortlived") {
		t.Errorf("reason %q", reason)
	}
	w.profiled("other", "shortlived")
	w.eventuallyOrder("other", "valid", isValid)
	leaf := leafOf(t, w.get("other"))
	if life := leaf.NotAfter.Sub(leaf.NotBefore).Hours(); life > 161 {
		t.Errorf("life of %f hours", life)
	}
}

func leafOf(t *testing.T, o *acmev1.Order) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(o.Status.Certificate)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestAccountThatIsPausedShowsThePortalAndDoesNotFail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const portal = "https://portal.ca.example/unpause?jwt=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Fault: faultproxy.Problem(http.StatusTooManyRequests, "rateLimited",
		"Your account is temporarily prevented from requesting certificates for shop.example.com. Please visit: "+portal, nil)})
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "saying where to go", func(s acmev1.OrderStatus) bool {
		return s.State == "" && strings.Contains(s.Reason, "temporarily prevented") && strings.Contains(s.Reason, "; see "+portal+"; next attempt at ")
	})
	if n := len(w.ca.Faults.Seen(testca.PathNewOrder)); n != 1 {
		t.Errorf("asked %d times: the portal's address would be another one each time", n)
	}
}

func TestNewTermsShowTheirURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := http.Header{"Link": {`<https://ca.example/terms/2>;rel="terms-of-service"`}}
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Fault: faultproxy.Problem(http.StatusForbidden, "userActionRequired", "Terms of service have changed", link)})
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "saying where to go", func(s acmev1.OrderStatus) bool {
		return s.State == "" && strings.Contains(s.Reason, "Terms of service have changed") && strings.Contains(s.Reason, "; see https://ca.example/terms/2")
	})
}

// What a CA has forgotten, or given up, ends the Order: the Certificate orders
// anew, with its back-off.
func TestOrderIsGivenUpWhateverOfItIsGone(t *testing.T) {
	t.Parallel()
	gone := faultproxy.Problem(http.StatusNotFound, "malformed", "it has expired", nil)
	for name, row := range map[string]struct {
		path  string
		fault faultproxy.Fault
		state acmev1.State
	}{
		"authorization":             {testca.PathAuthz, gone, acmev1.Expired},
		"authorization, of a page":  {testca.PathAuthz, faultproxy.Answer(http.StatusGone, nil, "gone"), acmev1.Expired},
		"challenge":                 {testca.PathChallenge, gone, acmev1.Expired},
		"finalize":                  {testca.PathFinalize, gone, acmev1.Expired},
		"certificate":               {testca.PathCert, gone, acmev1.Expired},
		"authorization deactivated": {testca.PathAuthz, status("pending", "deactivated"), acmev1.Invalid},
		"authorization expired":     {testca.PathAuthz, status("pending", "expired"), acmev1.Expired},
		"authorization revoked":     {testca.PathAuthz, status("pending", "revoked"), acmev1.Invalid},
		"order invalid":             {testca.PathFinalize, status("processing", "invalid"), acmev1.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ca.Faults.Add(faultproxy.Rule{Path: row.path, Fault: row.fault})
			w.operator()
			w.order("shop", "shop.example.com")
			w.eventuallyOrder("shop", "over", func(s acmev1.OrderStatus) bool { return s.State.Final() })
			status := w.get("shop").Status
			if status.State != row.state || status.Reason == "" || status.FailureTime == nil {
				t.Errorf("order is %s: %s, want %s", status.State, status.Reason, row.state)
			}
		})
	}
}

// status has the CA say another status than it has.
func status(from, to string) faultproxy.Fault {
	return faultproxy.Alter(func(r *faultproxy.Response) {
		r.Body = strings.Replace(r.Body, `"status": "`+from+`"`, `"status": "`+to+`"`, 1)
	})
}

func TestCertificateIsFetchedAgainUntilItIsWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathCert, Times: 1, Fault: faultproxy.Alter(func(r *faultproxy.Response) { r.Body = r.Body[:len(r.Body)-100] })})
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "valid", isValid)
	if n := len(w.ca.Faults.Seen(testca.PathCert)); n != 2 {
		t.Errorf("%d downloads", n)
	}
}

func TestSmallestChainIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Pebble's chains are of about the same size: the default one gets a certificate more.
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathCert, Times: 1, Fault: faultproxy.Alter(func(r *faultproxy.Response) {
		r.Body += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.Roots[0].Raw}))
	})})
	w.editACME(func(a *acmev1.ACMEIssuer) { a.PreferredChain = acme.SmallestChain })
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "valid", isValid)
	chain := w.get("shop").Status.Certificate
	if n := bytes.Count(chain, []byte("-----BEGIN CERTIFICATE-----")); n != 3 && n != 2 {
		t.Errorf("%d certificates", n)
	}
	if n := len(w.ca.Faults.Seen(testca.PathCert)); n != 2 {
		t.Errorf("%d downloads, want both chains", n)
	}
	if strings.Contains(string(chain), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.Roots[0].Raw}))) {
		t.Error("the larger chain was taken")
	}
}

func TestSlowCAIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathFinalize, Times: 1, Fault: faultproxy.Alter(func(r *faultproxy.Response) {
		r.Body = strings.Replace(r.Body, `"status": "valid"`, `"status": "processing"`, 1)
		r.Header.Set("Retry-After", "1")
	})})
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathOrder, Skip: 1, Times: 2, Fault: faultproxy.Alter(func(r *faultproxy.Response) {
		r.Body = strings.Replace(r.Body, `"status": "valid"`, `"status": "processing"`, 1)
		r.Header.Set("Retry-After", "1")
	})})
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "valid", isValid)
	if n := len(w.ca.Faults.Seen(testca.PathFinalize)); n != 1 {
		t.Errorf("finalized %d times", n)
	}
}

func TestChallengeOfBeforeARolloverIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setOpen(false)
	w.operator()
	w.order("shop", "shop.example.com")
	challenge := func() *acmev1.Challenge {
		var list acmev1.ChallengeList
		if err := w.api.List(t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != 1 || list.Items[0].DeletionTimestamp != nil {
			return nil
		}
		return &list.Items[0]
	}
	w.eventually("the challenge is presented", func() (bool, any) {
		c := challenge()
		return c != nil && c.Status.Presented, c
	})
	before := challenge()
	key, err := acme.GenerateAccountKey(acme.KeyECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.account.KeyChange(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	// The account's new key stands in the issuer's status, which is watched.
	w.setAccount("new key")
	w.eventually("the challenge is another one", func() (bool, any) {
		c := challenge()
		return c != nil && c.UID != before.UID && c.Spec.Key != before.Spec.Key, c
	})
	w.setOpen(true)
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventuallyClean()
	if n := len(w.ca.Faults.Seen(testca.PathNewOrder)); n != 1 {
		t.Errorf("%d orders were placed", n)
	}
}

// setAccount does what the issuer's controller does, which does not run here.
func (w *world) setAccount(keyHash string) {
	w.t.Helper()
	issuer := &cmv1.Issuer{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "pebble"}, issuer); err != nil {
		w.t.Fatal(err)
	}
	issuer.Status.ACME = &acmev1.ACMEIssuerStatus{URI: w.account.AccountURL(), LastPrivateKeyHash: keyHash}
	if err := w.api.Status().Update(w.t.Context(), issuer); err != nil {
		w.t.Fatal(err)
	}
}
