package http01_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01"
)

func endpoint(ready *bool, addresses ...string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: addresses, Conditions: discoveryv1.EndpointConditions{Ready: ready}}
}

func sliceOf(family discoveryv1.AddressType, port int32, endpoints ...discoveryv1.Endpoint) discoveryv1.EndpointSlice {
	return discoveryv1.EndpointSlice{
		AddressType: family, Endpoints: endpoints,
		Ports: []discoveryv1.EndpointPort{{Name: ptr.To("metrics"), Port: ptr.To[int32](9402)}, {Name: ptr.To("http"), Port: ptr.To(port)}},
	}
}

func TestReplicasAreThoseThatAreReady(t *testing.T) {
	t.Parallel()
	yes, no := ptr.To(true), ptr.To(false)
	got := http01.ReplicasIn([]discoveryv1.EndpointSlice{
		sliceOf(discoveryv1.AddressTypeIPv4, 8089, endpoint(yes, "10.0.0.3"), endpoint(no, "10.0.0.4"), endpoint(nil, "10.0.0.2")),
		sliceOf(discoveryv1.AddressTypeIPv4, 8089, endpoint(yes, "10.0.0.1"), endpoint(yes, "10.0.0.3")),
		sliceOf(discoveryv1.AddressTypeIPv6, 8089, endpoint(no, "fd00::1")),
		sliceOf(discoveryv1.AddressTypeFQDN, 8089, endpoint(yes, "pod.example.com")),
		{AddressType: discoveryv1.AddressTypeIPv6, Endpoints: []discoveryv1.Endpoint{endpoint(yes, "fd00::2")}}, // without our port
	})
	want := http01.Replicas{discoveryv1.AddressTypeIPv4: {Addresses: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, Port: 8089}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("replicas (-want +got):\n%s", diff)
	}
}

func golden(t *testing.T, name string, objects ...any) {
	t.Helper()
	var got []byte
	for _, object := range objects {
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		got = append(append(got, "---\n"...), text...)
	}
	file := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

func TestSharedObjects(t *testing.T) {
	t.Parallel()
	service := http01.SharedService("shop", "")
	service.UID = "service-uid"
	slices := http01.SharedSlices(service, http01.Replicas{
		discoveryv1.AddressTypeIPv4: {Addresses: []string{"10.0.0.1", "10.0.0.2"}, Port: 8089},
		discoveryv1.AddressTypeIPv6: {Addresses: []string{"fd00::1"}, Port: 8089},
	})
	golden(t, "shared", service, slices[0], slices[1])
	for i, want := range slices {
		got := want.DeepCopy()
		got.Labels["of"] = "somebody's"
		if !http01.SameSlice(got, want) || http01.SameSlice(got, slices[1-i]) {
			t.Errorf("slice %d is not told from the other", i)
		}
		got.OwnerReferences[0].UID = "a service of before"
		if http01.SameSlice(got, want) {
			t.Error("a slice of a Service that is gone is taken")
		}
	}
	if !http01.IsSharedService(service) || http01.IsSharedService(&corev1.Service{ObjectMeta: service.ObjectMeta, Spec: corev1.ServiceSpec{Selector: map[string]string{"a": "b"}}}) {
		t.Error("a Service that leads to pods is not told from ours")
	}
	if got := http01.SharedService("shop", corev1.ServiceTypeNodePort).Spec.Type; got != corev1.ServiceTypeNodePort {
		t.Errorf("type %s", got)
	}
}

func routeChallenge(domain string, solver acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute) *acmev1.Challenge {
	challenge := challengeFor(domain, ingressSolver{})
	challenge.Spec.Solver.HTTP01 = &acmev1.ACMEChallengeSolverHTTP01{GatewayHTTPRoute: &solver}
	return challenge
}

func TestHTTPRoute(t *testing.T) {
	t.Parallel()
	challenge := routeChallenge("shop.example.com", acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{
		Labels:      map[string]string{"gateway": "edge", acmev1.SolverIdentificationLabelKey: "false"},
		ServiceType: corev1.ServiceTypeClusterIP,
		ParentRefs:  []gwapi.ParentReference{{Name: "web", Namespace: ptr.To(gwapi.Namespace("infra")), SectionName: ptr.To(gwapi.SectionName("http"))}},
		PodTemplate: &podTemplate{Spec: podSpec{PriorityClassName: "high"}},
	})
	golden(t, "httproute", http01.HTTPRoute(challenge, http01.Name(challenge)), http01.Service(challenge))
	if got := http01.Pod(challenge, http01.DefaultOptions("i")).Spec.PriorityClassName; got != "high" {
		t.Errorf("priority class of the pod: %q", got)
	}
	address := routeChallenge("2001:db8::7", acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{})
	if got := http01.HTTPRoute(address, "s").Spec.Hostnames; got != nil {
		t.Errorf("an address is a hostname: %v", got)
	}
}

func TestHTTPRouteIsKeptInSync(t *testing.T) {
	t.Parallel()
	challenge := routeChallenge("shop.example.com", acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{
		Labels: map[string]string{"gateway": "edge"}, ParentRefs: []gwapi.ParentReference{{Name: "web"}},
	})
	tests := map[string]struct {
		change func(*gwapi.HTTPRoute)
		synced bool
	}{
		"as it is":              {func(*gwapi.HTTPRoute) {}, true},
		"a label of the user's": {func(r *gwapi.HTTPRoute) { r.Labels["team"] = "shop" }, true},
		"a label gone":          {func(r *gwapi.HTTPRoute) { delete(r.Labels, "gateway") }, false},
		"another parent":        {func(r *gwapi.HTTPRoute) { r.Spec.ParentRefs[0].Name = "other" }, false},
		"one parent more": {func(r *gwapi.HTTPRoute) {
			r.Spec.ParentRefs = append(r.Spec.ParentRefs, gwapi.ParentReference{Name: "x"})
		}, false},
		"no hostname":            {func(r *gwapi.HTTPRoute) { r.Spec.Hostnames = nil }, false},
		"another backend":        {func(r *gwapi.HTTPRoute) { r.Spec.Rules[0].BackendRefs[0].Name = http01.SharedName }, false},
		"a rule more":            {func(r *gwapi.HTTPRoute) { r.Spec.Rules = append(r.Spec.Rules, gwapi.HTTPRouteRule{}) }, false},
		"a filter":               {func(r *gwapi.HTTPRoute) { r.Spec.Rules[0].Filters = []gwapi.HTTPRouteFilter{{}} }, false},
		"a field of later times": {func(r *gwapi.HTTPRoute) { r.Spec.Rules[0].Name = ptr.To(gwapi.SectionName("rule-1")) }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			route := http01.HTTPRoute(challenge, "solver")
			test.change(route)
			if changed := http01.SyncHTTPRoute(route, challenge, "solver"); changed == test.synced {
				t.Errorf("changed: %t", changed)
			}
			if http01.SyncHTTPRoute(route, challenge, "solver") {
				t.Error("changed twice")
			}
		})
	}
}

func TestIngressIsTurnedToAnotherBackend(t *testing.T) {
	t.Parallel()
	challenge := challengeFor("shop.example.com", ingressSolver{IngressClassName: ptr.To("web")})
	ingress := http01.Ingress(challenge, http01.Backend(challenge, false))
	ingress.Spec.DefaultBackend = nil
	ingress.Annotations["of"] = "the ingress controller's"
	if http01.SyncIngress(ingress, challenge, http01.Backend(challenge, false)) {
		t.Error("changed without need")
	}
	if !http01.SyncIngress(ingress, challenge, http01.Backend(challenge, true)) ||
		ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name != http01.SharedName || ingress.Annotations["of"] == "" {
		t.Errorf("ingress: %+v", ingress)
	}
}

func TestRouteTrouble(t *testing.T) {
	t.Parallel()
	parent := func(name string, conditions ...metav1.Condition) gwapi.RouteParentStatus {
		return gwapi.RouteParentStatus{ParentRef: gwapi.ParentReference{Name: gwapi.ObjectName(name)}, Conditions: conditions}
	}
	yes := metav1.Condition{Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Accepted"}
	no := metav1.Condition{Type: "Accepted", Status: metav1.ConditionFalse, Reason: "NotAllowedByListeners"}
	lost := metav1.Condition{Type: "ResolvedRefs", Status: metav1.ConditionFalse, Reason: "BackendNotFound"}
	tests := map[string]struct {
		parents []gwapi.RouteParentStatus
		want    string
	}{
		"nobody said anything":      {nil, "no Gateway controller has taken it up"},
		"accepted":                  {[]gwapi.RouteParentStatus{parent("a", yes)}, ""},
		"not accepted":              {[]gwapi.RouteParentStatus{parent("a", no)}, `Gateway "a": NotAllowedByListeners`},
		"without its backend":       {[]gwapi.RouteParentStatus{parent("a", yes, lost)}, `Gateway "a": BackendNotFound`},
		"accepted by one of two":    {[]gwapi.RouteParentStatus{parent("a", no), parent("b", yes)}, ""},
		"accepted by none of two":   {[]gwapi.RouteParentStatus{parent("a", no), parent("b", lost)}, `Gateway "b": BackendNotFound`},
		"taken up, but not decided": {[]gwapi.RouteParentStatus{parent("a")}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			route := &gwapi.HTTPRoute{}
			route.Status.Parents = test.parents
			if got := http01.RouteTrouble(route); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
