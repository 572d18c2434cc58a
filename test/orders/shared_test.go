package orders

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/controllers/challenge"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/test/acme/testca"
)

// installation is the name of the Service that the chart makes for the
// operator's replicas.
const installation = "certwright-responder"

// responder lets the operator answer by itself, if the world is such, at an
// address that nobody has but the data plane of this test.
func (w *world) responder() *challenge.SharedConfig {
	w.t.Helper()
	if !w.shared {
		return nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	address := "10.99.0." + string(rune('1'+len(w.replicas)))
	w.replicas[address] = listener.Addr().String()
	w.mu.Unlock()
	w.replicasAre(address)
	return &challenge.SharedConfig{Listener: listener, Service: types.NamespacedName{Namespace: w.namespace, Name: installation}}
}

// replicasAre says which replicas are ready, as the cluster does for a Service
// with a selector. It gives the Service's labels to what it makes.
func (w *world) replicasAre(addresses ...string) {
	w.t.Helper()
	port, name := int32(8089), "http"
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: installation + "-abcde",
			Labels: map[string]string{discoveryv1.LabelServiceName: installation, acmev1.SolverIdentificationLabelKey: "true"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
	}
	for _, a := range addresses {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	err := w.api.Create(w.t.Context(), slice.DeepCopy())
	if apierrors.IsAlreadyExists(err) {
		err = w.api.Update(w.t.Context(), slice)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// forwardToReplica asks the first address that the Service has.
func (w *world) forwardToReplica(rw http.ResponseWriter, r *http.Request, service string) {
	addresses := w.addressesOf(service)
	if len(addresses) == 0 {
		http.Error(rw, "no endpoint", http.StatusBadGateway)
		return
	}
	w.mu.Lock()
	target := w.replicas[addresses[0]]
	w.mu.Unlock()
	request, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+target+r.URL.Path, nil)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	request.Host = r.Host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = response.Body.Close() }()
	rw.WriteHeader(response.StatusCode)
	_, _ = io.Copy(rw, response.Body)
}

func (w *world) addressesOf(service string) []string {
	var list discoveryv1.EndpointSliceList
	if err := w.api.List(w.t.Context(), &list, client.InNamespace(w.namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service}); err != nil {
		return nil
	}
	var addresses []string
	for _, slice := range list.Items {
		for _, endpoint := range slice.Endpoints {
			addresses = append(addresses, endpoint.Addresses...)
		}
	}
	return addresses
}

// eventuallyOnlyWay waits until nothing is left but the way to the responder.
func (w *world) eventuallyOnlyWay() {
	w.t.Helper()
	w.eventually("only the way to the responder is left", func() (bool, any) {
		left := w.left()
		return slices.Equal(left, []string{"service " + http01.SharedName}), left
	})
}

func TestSharedResponderStaysWithinItsBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shared = true
	w.operator()
	w.order("first", "first.example.com")
	w.eventuallyOrder("first", "valid", isValid)
	w.eventuallyOnlyWay()
	w.eventually("the events are there", func() (bool, any) {
		all := append(w.events("Order"), w.events("Challenge")...)
		slices.Sort(all)
		return slices.Equal(all, []string{"Complete", "DomainVerified"}), all
	})
	each := map[string]int{
		"PUT orders/status": 3, "POST challenges": 1, "PUT challenges/status": 1, "DELETE challenges": 1,
		"POST ingresses": 1, "POST events": 2,
	}
	first := map[string]int{"POST services": 1, "POST endpointslices": 1}
	for what, n := range each {
		first[what] = n
	}
	if diff := cmp.Diff(first, w.writes.count()); diff != "" {
		t.Errorf("writes for the first certificate of a namespace (-want +got):\n%s", diff)
	}

	w.order("second", "second.example.com")
	w.eventuallyOrder("second", "valid", isValid)
	w.eventuallyOnlyWay()
	w.eventually("the events are there", func() (bool, any) {
		all := append(w.events("Order"), w.events("Challenge")...)
		return len(all) == 4, all
	})
	both := w.writes.count()
	for what, n := range first {
		both[what] -= n
		if both[what] == 0 {
			delete(both, what)
		}
	}
	if diff := cmp.Diff(each, both); diff != "" {
		t.Errorf("writes for the next (-want +got):\n%s", diff)
	}
}

func TestManyNamesShareOneWayToTheResponder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shared = true
	w.operator()
	names := []string{"a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com", "f.example.com"}
	for _, name := range names {
		w.order(strings.TrimSuffix(name, ".example.com"), name)
	}
	for _, name := range names {
		w.eventuallyOrder(strings.TrimSuffix(name, ".example.com"), "valid", isValid)
	}
	w.eventuallyOnlyWay()
	if got := w.writes.count(); got["POST services"] != 1 || got["POST endpointslices"] != 1 || got["POST pods"] != 0 {
		t.Errorf("writes: %v", got)
	}
}

func TestNameThatIsStuckGivesWayToOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shared, w.slots = true, 1
	w.operator()
	w.order("stuck", "stuck.example.com")
	w.eventually("the stuck name has the only slot", func() (bool, any) {
		left := w.left()
		return len(left) == 3, left
	})
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "valid", isValid)
	want := `"stuck.example.com": self-check, before the CA is told to look: the answer has status 503 instead of 200; retried within a minute`
	if got := w.get("stuck").Status.Reason; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
}

func TestWayToTheResponderFollowsItsReplicasAndGoesWhenNobodyNeedsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shared = true
	w.setOpen(false)
	w.operator()
	w.replicasAre() // the operator has just been started, and none is ready
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "waiting for a replica", func(s acmev1.OrderStatus) bool {
		return strings.Contains(s.Reason, `"shop.example.com": no replica of the operator is ready to answer`)
	})
	w.replicasAre("10.99.0.1")
	addresses := func(want ...string) {
		t.Helper()
		w.eventually("the way leads to "+strings.Join(want, ", "), func() (bool, any) {
			got := w.addressesOf(http01.SharedName)
			return slices.Equal(got, want), got
		})
	}
	addresses("10.99.0.1")
	w.replicasAre("10.99.0.1", "10.99.0.7") // one more
	addresses("10.99.0.1", "10.99.0.7")

	// Somebody deletes it.
	if err := w.api.Delete(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: http01.SharedName}}); err != nil {
		t.Fatal(err)
	}
	addresses("10.99.0.1", "10.99.0.7")
	w.setOpen(true)
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventuallyOnlyWay()

	w.laterOn()
	w.eventuallyClean()
	w.eventually("the slices are gone, too", func() (bool, any) {
		got := w.addressesOf(http01.SharedName)
		return len(got) == 0, got
	})
}

// laterOn lets ten minutes pass for the operator, and has it look at the way to
// the responder, as it does by itself when the time has come.
func (w *world) laterOn() {
	w.t.Helper()
	w.mu.Lock()
	w.ahead += 10 * time.Minute
	w.mu.Unlock()
	service := &corev1.Service{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: http01.SharedName}, service); err != nil {
		w.t.Fatal(err)
	}
	service.Annotations["later"] = "on"
	if err := w.api.Update(w.t.Context(), service); err != nil {
		w.t.Fatal(err)
	}
}

func TestWayToTheResponderGoesWhenPodsAnswerAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shared = true
	stop := w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventuallyOnlyWay()
	stop()
	w.shared = false
	w.operator()
	w.order("other", "other.example.com")
	w.eventuallyOrder("other", "valid", isValid) // the operator has looked at the way by now
	w.eventuallyOnlyWay()
	w.laterOn()
	w.eventuallyClean()
}

func TestServiceOfSomebodyElseIsNotTakenForTheWayToTheResponder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shared = true
	other := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: http01.SharedName, Labels: map[string]string{acmev1.SolverIdentificationLabelKey: "true"}},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "shop"}, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	if err := w.api.Create(t.Context(), other.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "saying so", func(s acmev1.OrderStatus) bool {
		return s.Reason == `"shop.example.com": the Service cm-acme-http-solver has been made for something else: remove its selector, or the Service; tried again as soon as that changes`
	})
	if err := w.api.Delete(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	w.eventuallyOrder("shop", "valid", isValid)
}

// An operator with pods is replaced by one without, while a challenge is under
// way: its route is turned, and its pod goes in the end.
func TestChallengeBegunWithAPodGoesOnWithTheResponder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setOpen(false)
	stop := w.operator()
	w.order("shop", "shop.example.com")
	w.eventually("the challenge is presented", func() (bool, any) {
		left := w.left()
		return len(left) == 4, left
	})
	stop()
	w.shared = true
	w.operator()
	w.eventually("the Ingress leads to the responder", func() (bool, any) {
		var list networkingv1.IngressList
		if err := w.api.List(t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		return len(list.Items) == 1 && list.Items[0].Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name == http01.SharedName, list.Items
	})
	w.setOpen(true)
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventuallyOnlyWay()
}

// The resolver refuses, from another port each time. What is written must not
// tell. It can not be told from here what the CA sees, so the CA is told to
// look after a while; it sees nothing.
func TestRefusingResolverCausesNoWritesAndTheCAIsToldToLookAfterAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shared = true
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.nameservers = []string{closed.LocalAddr().String()}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "invalid", func(s acmev1.OrderStatus) bool { return s.State == acmev1.Invalid })
	reason := w.get("shop").Status.Reason
	if !strings.HasPrefix(reason, `"shop.example.com": the CA refused the proof: `) || !strings.HasSuffix(reason, "; the self-check before could not tell: looking up the name failed") {
		t.Errorf("reason %q", reason)
	}
	if n := len(w.ca.Faults.Seen(testca.PathChallenge)); n != 1 {
		t.Errorf("the CA was told to look %d times", n)
	}
	if got := w.writes.count(); got["PUT challenges/status"] != 2 || got["PUT orders/status"] != 3 {
		t.Errorf("writes: %v", got)
	}
}
