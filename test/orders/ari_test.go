package orders

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/acme/faultproxy"
	"github.com/certwright/certwright/test/acme/testca"
)

const page = "https://ca.example/incidents/7"

// renewals is a world with all controllers that a Certificate takes, and an
// account that the operator registers itself.
type renewals struct {
	*world

	mu       sync.Mutex
	replaces []string // of each order that the CA was asked for
	refuse   []faultproxy.Fault
}

func newRenewals(t *testing.T) *renewals {
	t.Helper()
	w := &renewals{world: newWorld(t)}
	w.editIssuer(func(spec *acmev1.ACMEIssuer) { spec.SkipTLSVerify = true })
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Fault: w.placeOrder})
	return w
}

func (w *renewals) editIssuer(edit func(*acmev1.ACMEIssuer)) {
	w.t.Helper()
	it := &cmv1.Issuer{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "pebble"}, it); err != nil {
		w.t.Fatal(err)
	}
	before := it.DeepCopy()
	edit(it.Spec.ACME)
	if err := w.api.Patch(w.t.Context(), it, client.MergeFrom(before)); err != nil {
		w.t.Fatal(err)
	}
}

// placeOrder notes what an order says it replaces, and passes it on or refuses
// it.
func (w *renewals) placeOrder(rw http.ResponseWriter, r *http.Request, next http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var signed struct{ Payload string }
	var order struct{ Replaces string }
	if json.Unmarshal(body, &signed) == nil {
		if payload, err := base64.RawURLEncoding.DecodeString(signed.Payload); err == nil {
			_ = json.Unmarshal(payload, &order) // what is no order has no replaces
		}
	}
	w.mu.Lock()
	w.replaces = append(w.replaces, order.Replaces)
	var refuse faultproxy.Fault
	if order.Replaces != "" && len(w.refuse) > 0 {
		refuse, w.refuse = w.refuse[0], w.refuse[1:]
	}
	w.mu.Unlock()
	if refuse != nil {
		refuse(rw, r, next)
		return
	}
	next.ServeHTTP(rw, r)
}

func (w *renewals) replaced() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.replaces)
}

// certificate applies a Certificate and waits until it is Ready.
func (w *renewals) certificate(name string) *cmv1.Certificate {
	w.t.Helper()
	crt := &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web"},
		Spec: cmv1.CertificateSpec{
			SecretName: "web-tls", DNSNames: []string{name}, IssuerRef: cmmeta.IssuerReference{Name: "pebble"},
			PrivateKey: &cmv1.CertificatePrivateKey{Algorithm: cmv1.ECDSAKeyAlgorithm},
		},
	}
	if err := w.api.Create(w.t.Context(), crt); err != nil {
		w.t.Fatal(err)
	}
	return w.eventuallyCertificate("issued", func(s *cmv1.CertificateStatus) bool { return s.Revision != nil && *s.Revision == 1 })
}

func (w *renewals) eventuallyCertificate(what string, is func(*cmv1.CertificateStatus) bool) *cmv1.Certificate {
	w.t.Helper()
	crt := &cmv1.Certificate{}
	w.eventually("the Certificate is "+what, func() (bool, any) {
		if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "web"}, crt); err != nil {
			w.t.Fatal(err)
		}
		text, _ := json.Marshal(crt.Status)
		return is(&crt.Status), string(text)
	})
	return crt
}

func advised(s *cmv1.CertificateStatus) bool {
	return s.ACME != nil && s.ACME.ARI != nil && s.ACME.ARI.SuggestedWindow != nil
}

// later moves the operator's clock, and has it look at the Certificate.
func (w *renewals) later(d time.Duration) {
	w.t.Helper()
	w.world.mu.Lock()
	w.ahead += d
	look := w.ahead.String()
	w.world.mu.Unlock()
	crt := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web"}}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"look":%q}}}`, look)
	if err := w.api.Patch(w.t.Context(), crt, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		w.t.Fatal(err)
	}
}

// editStatus changes the Certificate's status as a person can.
func (w *renewals) editStatus(edit func(crt *cmv1.Certificate)) {
	w.t.Helper()
	w.eventually("the status is edited", func() (bool, any) {
		crt := &cmv1.Certificate{}
		if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "web"}, crt); err != nil {
			return false, err
		}
		edit(crt)
		err := w.api.Status().Update(w.t.Context(), crt)
		return err == nil, err
	})
}

// renewByHand is what cmctl renew does.
func (w *renewals) renewByHand() {
	w.t.Helper()
	w.editStatus(func(crt *cmv1.Certificate) {
		crt.Status.Conditions = append(crt.Status.Conditions, cmv1.CertificateCondition{
			Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered, ObservedGeneration: crt.Generation,
		})
	})
}

// askNow has the CA asked at once. The clock can not be moved by six hours when
// an order is to follow: Pebble's authorizations end after one.
func (w *renewals) askNow() {
	w.t.Helper()
	w.editStatus(func(crt *cmv1.Certificate) { crt.Status.ACME.ARI.NextCheck = crt.Status.ACME.ARI.LastChecked })
}

// stored is the certificate in the Secret, in PEM, and its name for the CA.
func (w *renewals) stored() (leaf []byte, id string) {
	w.t.Helper()
	secret := &corev1.Secret{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "web-tls"}, secret); err != nil {
		w.t.Fatal(err)
	}
	chain, err := pki.DecodeCertificates(secret.Data[corev1.TLSCertKey])
	if err != nil {
		w.t.Fatal(err)
	}
	if id, err = acme.CertificateID(chain[0]); err != nil {
		w.t.Fatal(err)
	}
	return pki.EncodeCertificates(chain[0]), id
}

// notes are the events about the Certificate with a reason.
func (w *renewals) notes(reason string) []string {
	w.t.Helper()
	var list eventsv1.EventList
	if err := w.api.List(w.t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	var notes []string
	for _, e := range list.Items {
		if e.Regarding.Kind == cmv1.CertificateKind && e.Reason == reason {
			notes = append(notes, e.Note)
		}
	}
	return notes
}

func (w *renewals) asked() int { return len(w.ca.Faults.Seen(testca.PathRenewal)) }

func isRevision(n int) func(*cmv1.CertificateStatus) bool {
	return func(s *cmv1.CertificateStatus) bool { return s.Revision != nil && *s.Revision == n }
}

func windowJSON(start, end time.Time, page string) string {
	return fmt.Sprintf(`{"suggestedWindow":{"start":%q,"end":%q},"explanationURL":%q}`, start.Format(time.RFC3339), end.Format(time.RFC3339), page)
}

func TestCertificateIsRenewedAtOnceWhenTheCASaysSo(t *testing.T) {
	t.Parallel()
	w := newRenewals(t)
	w.run()
	w.certificate("ari.example.com")
	crt := w.eventuallyCertificate("advised", advised)
	window, at := crt.Status.ACME.ARI.SuggestedWindow, crt.Status.RenewalTime
	if at.Before(window.Start) || window.End.Before(at) {
		t.Errorf("renewal at %s, the CA suggests %s to %s", at, window.Start, window.End)
	}
	leaf, id := w.stored()
	w.ca.SetRenewalInfo(t, leaf, windowJSON(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour), page))
	w.later(10 * time.Minute)
	if n := w.asked(); n != 1 {
		t.Errorf("asked %d times, before it was time to", n)
	}
	w.askNow()
	w.eventuallyCertificate("renewed", isRevision(2))
	w.eventuallyCertificate("advised again", advised)
	if got := w.replaced(); !slices.Equal(got, []string{"", id}) {
		t.Errorf("orders replace %q, want nothing and %s", got, id)
	}
	var orders acmev1.OrderList
	if err := w.api.List(t.Context(), &orders, client.InNamespace(w.namespace)); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(orders.Items, func(o acmev1.Order) bool { return o.Spec.Replaces == id }) {
		t.Error("no Order says what it replaces")
	}
	w.eventually("the events say why", func() (bool, any) {
		suggested, issuing := w.notes(lifecycle.ReasonRenewalSuggested), w.notes(cmv1.CertificateEventIssuing)
		return len(suggested) == 1 && strings.Contains(suggested[0], page) &&
			slices.ContainsFunc(issuing, func(note string) bool { return strings.Contains(note, page) }), append(suggested, issuing...)
	})
	if n := w.asked(); n != 3 {
		t.Errorf("asked %d times, want twice about the first certificate and once about the second", n)
	}
}

func TestOrderIsPlacedWithoutReplacesWhenTheCARefusesIt(t *testing.T) {
	t.Parallel()
	w := newRenewals(t)
	w.refuse = []faultproxy.Fault{
		faultproxy.Problem(http.StatusConflict, "alreadyReplaced", "certificate already has a replacement order", nil),
		faultproxy.Problem(http.StatusForbidden, "unauthorized", "requester account did not request the certificate", nil),
		faultproxy.Problem(http.StatusInternalServerError, "serverInternal", "could not find an order for the given certificate", nil),
	}
	refused := len(w.refuse)
	w.run()
	w.certificate("refused.example.com")
	want := []string{""}
	for i := range refused {
		w.eventuallyCertificate("advised", advised)
		_, id := w.stored()
		w.renewByHand()
		w.eventuallyCertificate("renewed", isRevision(2+i))
		want = append(want, id, "")
		if got := w.replaced(); !slices.Equal(got, want) {
			t.Fatalf("orders replace %q, want %q", got, want)
		}
	}
}

func TestNonsenseFromTheCAIsToldOnceAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newRenewals(t)
	w.run()
	w.certificate("nonsense.example.com")
	before := w.eventuallyCertificate("advised", advised)
	leaf, _ := w.stored()
	w.ca.SetRenewalInfo(t, leaf, `{"suggestedWindow": "soon"}`)
	w.later(7 * time.Hour)
	failed := w.eventuallyCertificate("told of the error", func(s *cmv1.CertificateStatus) bool { return advised(s) && s.ACME.ARI.LastError != "" })
	if got := failed.Status; *got.ACME.ARI.SuggestedWindow.Start != *before.Status.ACME.ARI.SuggestedWindow.Start || !got.RenewalTime.Equal(before.Status.RenewalTime) {
		t.Errorf("the window or the renewal moved: %+v, %+v", got.ACME.ARI, got.RenewalTime)
	}
	w.later(7 * time.Hour)
	w.eventuallyCertificate("asked about again", func(s *cmv1.CertificateStatus) bool {
		return s.ACME.ARI.LastChecked.After(failed.Status.ACME.ARI.LastChecked.Time)
	})
	w.eventually("the error is told", func() (bool, any) {
		notes := w.notes(cmv1.CertificateEventARIError)
		return len(notes) == 1 && strings.Contains(notes[0], "suggestedWindow"), notes
	})
	w.ca.SetRenewalInfo(t, leaf, windowJSON(time.Now().Add(100*time.Hour), time.Now().Add(101*time.Hour), ""))
	w.later(7 * time.Hour)
	healed := w.eventuallyCertificate("advised again", func(s *cmv1.CertificateStatus) bool { return s.ACME.ARI.LastError == "" })
	if got := healed.Status.RenewalTime; got.After(time.Now().Add(102*time.Hour)) || *healed.Status.Revision != 1 {
		t.Errorf("renewal at %s, revision %d", got, *healed.Status.Revision)
	}
}

func TestCAWithoutRenewalInformationCostsNothing(t *testing.T) {
	t.Parallel()
	w := newRenewals(t)
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathDirectory, Fault: faultproxy.Alter(func(r *faultproxy.Response) {
		r.Body = strings.Replace(r.Body, `"renewalInfo"`, `"nothing"`, 1)
	})})
	w.run()
	w.certificate("without.example.com")
	w.later(10 * time.Minute)
	w.renewByHand()
	crt := w.eventuallyCertificate("renewed", isRevision(2))
	if crt.Status.ACME != nil || w.asked() != 0 {
		t.Errorf("status.acme %+v, asked %d times", crt.Status.ACME, w.asked())
	}
	if got := w.replaced(); !slices.Equal(got, []string{"", ""}) {
		t.Errorf("orders replace %q", got)
	}
}

func TestIssuerMaySayNotToAskTheCA(t *testing.T) {
	t.Parallel()
	w := newRenewals(t)
	w.run()
	w.certificate("none.example.com")
	w.eventuallyCertificate("advised", advised)
	w.editIssuer(func(spec *acmev1.ACMEIssuer) { spec.RenewalInformationSource = acmev1.RenewalInformationSourceNone })
	crt := w.eventuallyCertificate("no longer advised", func(s *cmv1.CertificateStatus) bool { return s.ACME == nil })
	lifetime := crt.Status.NotAfter.Sub(crt.Status.NotBefore.Time)
	if got, want := crt.Status.RenewalTime.Time, crt.Status.NotAfter.Add(-lifetime/3).Truncate(time.Second); !got.Equal(want) {
		t.Errorf("renewal at %s, want %s", got, want)
	}
	w.editIssuer(func(spec *acmev1.ACMEIssuer) { spec.RenewalInformationSource = "" })
	w.eventuallyCertificate("advised again", advised)
}
