package orders

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/test/acme/faultproxy"
	"github.com/certwright/certwright/test/acme/testca"
)

func eachItem(list client.ObjectList, do func(client.Object)) error {
	return meta.EachListItem(list, func(o runtime.Object) error {
		if object, ok := o.(client.Object); ok {
			do(object)
		}
		return nil
	})
}

func isValid(s acmev1.OrderStatus) bool { return s.State == acmev1.Valid && len(s.Certificate) > 0 }

func TestOrderIsIssuedWithinItsBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.operator()
	key := w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventuallyClean()
	w.eventually("the events are there", func() (bool, any) {
		all := append(w.events("Order"), w.events("Challenge")...)
		slices.Sort(all)
		return slices.Equal(all, []string{"Complete", "DomainVerified", "Presented"}), all
	})

	status := w.get("shop").Status
	block, _ := pem.Decode(status.Certificate)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(leaf.PublicKey) || leaf.VerifyHostname("shop.example.com") != nil {
		t.Errorf("certificate is for %v", leaf.DNSNames)
	}
	if a := status.Authorizations; len(a) != 1 || a[0].Identifier != "shop.example.com" || a[0].InitialState != acmev1.Pending || len(a[0].Challenges) < 3 {
		t.Errorf("authorizations: %+v", a)
	}
	want := map[string]int{
		"PUT orders/status": 3, "POST challenges": 1, "PUT challenges/status": 2, "PATCH challenges": 1, "DELETE challenges": 1,
		"POST pods": 1, "POST services": 1, "POST ingresses": 1, "DELETE pods": 1, "DELETE services": 1, "DELETE ingresses": 1,
		"POST events": 3,
	}
	if diff := cmp.Diff(want, w.writes.count()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if n := len(w.ca.Faults.Seen(testca.PathNewOrder)); n != 1 {
		t.Errorf("%d orders were placed", n)
	}
}

// More names than one pass asks about, and than may be under way at once.
func TestOrderOfManyNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.slots = 3
	w.operator()
	var names []string
	for i := range 11 {
		names = append(names, fmt.Sprintf("n%d.example.com", i))
	}
	most := 0
	w.order("shop", names...)
	w.eventuallyOrder("shop", "valid", func(s acmev1.OrderStatus) bool {
		var pods corev1.PodList
		if err := w.api.List(t.Context(), &pods, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })))
		return isValid(s)
	})
	w.eventuallyClean()
	// A slot is given back when the name is proved; its pod goes right after.
	if most > 6 || most == 0 {
		t.Errorf("%d pods at the same time with 3 slots", most)
	}
}

func TestPathComesAndGoesInAnIngressOfTheUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kind := networkingv1.PathTypePrefix
	web := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web"},
		Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{
			Host: "shop.example.com",
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
				Path: "/", PathType: &kind,
				Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "shop", Port: networkingv1.ServiceBackendPort{Number: 80}}},
			}}}},
		}}},
	}
	w.operator()
	w.annotations = map[string]string{acmev1.ACMECertificateHTTP01IngressNameOverride: "web"}
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "waiting for the Ingress", func(s acmev1.OrderStatus) bool {
		return strings.Contains(s.Reason, `"shop.example.com": edit ingress: the Ingress "web" does not exist`)
	})
	if err := w.api.Create(t.Context(), web.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventually("only the user's Ingress is left", func() (bool, any) {
		left := w.left()
		return slices.Equal(left, []string{"ingress web"}), left
	})
	after := &networkingv1.Ingress{}
	if err := w.api.Get(t.Context(), client.ObjectKeyFromObject(web), after); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(web.Spec, after.Spec); diff != "" {
		t.Errorf("the Ingress changed (-before +after):\n%s", diff)
	}
	if w.writes.count()["POST ingresses"] != 0 || w.writes.count()["PATCH ingresses"] != 2 {
		t.Errorf("writes: %v", w.writes.count())
	}
}

func TestOrderSaysThatTheCAIsDownAndGoesOnWhenItIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Fault: faultproxy.Answer(http.StatusServiceUnavailable, nil, "<html>down")})
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "waiting", func(s acmev1.OrderStatus) bool {
		return s.State == "" && strings.Contains(s.Reason, "503") && strings.HasSuffix(s.Reason, "; retried within a minute")
	})
	if n := len(w.ca.Faults.Seen(testca.PathNewOrder)); n > 2 {
		t.Errorf("%d requests in a row", n)
	}
	w.ca.Faults.Reset()
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventuallyClean()
}

func TestOrderWaitsForARateLimitHoweverOftenItIsLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limited := http.Header{"Retry-After": {strconv.Itoa(3600)}}
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Fault: faultproxy.Problem(http.StatusTooManyRequests, "rateLimited", "too many new orders recently", limited)})
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "waiting", func(s acmev1.OrderStatus) bool { return strings.Contains(s.Reason, "next attempt at ") })
	first := w.get("shop")
	if !strings.Contains(first.Status.Reason, "too many new orders recently") || first.Status.State != "" {
		t.Errorf("order is %q: %s", first.Status.State, first.Status.Reason)
	}
	for i := range 10 {
		o := w.get("shop")
		before := o.DeepCopy()
		o.Annotations = map[string]string{"look": strconv.Itoa(i)}
		if err := w.api.Patch(t.Context(), o, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	// Another order is through when the ten looks are over: the queue is fair.
	w.ca.Faults.Reset()
	w.order("other", "other.example.com")
	w.eventuallyOrder("other", "valid", isValid)
	if n := len(w.ca.Faults.Seen(testca.PathNewOrder)); n != 1 {
		t.Errorf("%d orders were placed since, want that of the other alone", n)
	}
	if diff := cmp.Diff(first.Status, w.get("shop").Status); diff != "" {
		t.Errorf("the status changed:\n%s", diff)
	}
}

func TestOrderThatTheCAForgotIsExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathOrder, Fault: faultproxy.Problem(http.StatusNotFound, "malformed", "no such order", nil)})
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "expired", func(s acmev1.OrderStatus) bool { return s.State == acmev1.Expired })
	status := w.get("shop").Status
	if !strings.Contains(status.Reason, "no such order") || status.FailureTime == nil {
		t.Errorf("reason %q, failure time %v", status.Reason, status.FailureTime)
	}
	if n := len(w.ca.Faults.Seen(testca.PathOrder)); n != 1 {
		t.Errorf("%d reads of the order", n)
	}
}

func TestOrderSurvivesALostFinalize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathFinalize, Times: 1, Fault: faultproxy.LoseAnswer()})
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "valid", isValid)
	if n := len(w.ca.Faults.Seen(testca.PathFinalize)); n != 1 {
		t.Errorf("finalized %d times", n)
	}
	w.eventuallyClean()
}

func TestNameThatCannotBeSeenIsToldAndTheCAIsNotAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setOpen(false)
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "saying why", func(s acmev1.OrderStatus) bool { return s.Reason != "" })
	want := `"shop.example.com": self-check, before the CA is told to look: the answer has status 503 instead of 200; retried within a minute`
	if got := w.get("shop").Status.Reason; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	if n := len(w.ca.Faults.Seen(testca.PathChallenge)); n != 0 {
		t.Errorf("the CA was told to look %d times", n)
	}
	total := 0
	for _, n := range w.writes.count() {
		total += n
	}
	if total > 12 {
		t.Errorf("%d writes: %v", total, w.writes.count())
	}
	w.setOpen(true)
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventuallyClean()
}

func TestOperatorThatIsRestartedGoesOnWithTheSameOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setOpen(false)
	stop := w.operator()
	w.order("shop", "shop.example.com")
	w.eventually("the challenge is presented", func() (bool, any) {
		var list acmev1.ChallengeList
		if err := w.api.List(t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		return len(list.Items) == 1 && list.Items[0].Status.Presented, list.Items
	})
	stop()
	w.setOpen(true)
	w.operator()
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventuallyClean()
	if n := len(w.ca.Faults.Seen(testca.PathNewOrder)); n != 1 {
		t.Errorf("%d orders were placed", n)
	}
	if n := w.writes.count()["POST pods"]; n != 1 {
		t.Errorf("%d pods were created", n)
	}
}

func TestOrderThatIsDeletedHalfWayLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setOpen(false)
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventually("the challenge is presented", func() (bool, any) {
		left := w.left()
		return len(left) == 4, left
	})
	if err := w.api.Delete(t.Context(), w.get("shop")); err != nil {
		t.Fatal(err)
	}
	w.eventuallyClean()
}
