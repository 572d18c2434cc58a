package http01

import (
	"fmt"
	"net/netip"

	"k8s.io/apimachinery/pkg/api/equality"
	conditions "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01/responder"
)

// HTTPRoute is the route that leads the CA to a Service through the parents
// that the solver names. Every field that the API would fill in is set, so that
// what is stored can be compared with it.
func HTTPRoute(challenge *acmev1.Challenge, service string) *gwapi.HTTPRoute {
	solver := routeSolver(challenge)
	route := &gwapi.HTTPRoute{
		ObjectMeta: meta(challenge, solver.Labels, nil),
		Spec: gwapi.HTTPRouteSpec{
			Rules: []gwapi.HTTPRouteRule{{
				Matches: []gwapi.HTTPRouteMatch{{Path: &gwapi.HTTPPathMatch{
					Type:  ptr.To(gwapi.PathMatchExact),
					Value: ptr.To(responder.PathPrefix + challenge.Spec.Token),
				}}},
				BackendRefs: []gwapi.HTTPBackendRef{{BackendRef: gwapi.BackendRef{
					BackendObjectReference: gwapi.BackendObjectReference{
						Group: ptr.To(gwapi.Group("")),
						Kind:  ptr.To(gwapi.Kind("Service")),
						Name:  gwapi.ObjectName(service),
						Port:  ptr.To(gwapi.PortNumber(Port)),
					},
					Weight: ptr.To(int32(1)),
				}}},
			}},
		},
	}
	if _, err := netip.ParseAddr(challenge.Spec.DNSName); err != nil { // a hostname is no address; without one, the route is for every host
		route.Spec.Hostnames = []gwapi.Hostname{gwapi.Hostname(challenge.Spec.DNSName)}
	}
	for i := range solver.ParentRefs {
		parent := solver.ParentRefs[i].DeepCopy()
		if parent.Group == nil {
			parent.Group = ptr.To(gwapi.Group(gwapi.GroupName))
		}
		if parent.Kind == nil {
			parent.Kind = ptr.To(gwapi.Kind("Gateway"))
		}
		route.Spec.ParentRefs = append(route.Spec.ParentRefs, *parent)
	}
	return route
}

// SyncHTTPRoute makes a route what it should be, and reports whether anything
// was to be done. Fields that we do not know, and labels of others, stay.
func SyncHTTPRoute(route *gwapi.HTTPRoute, challenge *acmev1.Challenge, service string) bool {
	want := HTTPRoute(challenge, service)
	changed := false
	for key, value := range want.Labels {
		if got, ok := route.Labels[key]; !ok || got != value {
			route.Labels = merged(route.Labels, map[string]string{key: value})
			changed = true
		}
	}
	// Derivative: an API server of another version may set more by itself.
	same := len(want.Spec.ParentRefs) == len(route.Spec.ParentRefs) &&
		len(want.Spec.Hostnames) == len(route.Spec.Hostnames) &&
		len(route.Spec.Rules) == 1 && len(route.Spec.Rules[0].Matches) == 1 &&
		len(route.Spec.Rules[0].BackendRefs) == 1 && len(route.Spec.Rules[0].Filters) == 0 &&
		equality.Semantic.DeepDerivative(want.Spec, route.Spec)
	if !same {
		route.Spec = want.Spec
		changed = true
	}
	return changed
}

// RouteTrouble says why no Gateway takes requests for the route, in the reasons
// that the Gateways' controllers give, or nothing. That nobody has said anything
// yet is a trouble, too: there may be no such controller. One Gateway that does
// is enough: which one the CA comes through is not known.
func RouteTrouble(route *gwapi.HTTPRoute) string {
	trouble := "no Gateway controller has taken it up"
	for i := range route.Status.Parents {
		parent := &route.Status.Parents[i]
		trouble = ""
		for _, kind := range []gwapi.RouteConditionType{gwapi.RouteConditionAccepted, gwapi.RouteConditionResolvedRefs} {
			if c := conditions.FindStatusCondition(parent.Conditions, string(kind)); c != nil && c.Status == metav1.ConditionFalse {
				trouble = fmt.Sprintf("%s %q: %s", ptr.Deref(parent.ParentRef.Kind, "Gateway"), parent.ParentRef.Name, c.Reason)
				break
			}
		}
		if trouble == "" {
			return ""
		}
	}
	return trouble
}

// routeSolver is the part of the solver that says how the HTTPRoute is to be;
// empty if the challenge has another kind of solver.
func routeSolver(challenge *acmev1.Challenge) acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute {
	if http := challenge.Spec.Solver.HTTP01; http != nil && http.GatewayHTTPRoute != nil {
		return *http.GatewayHTTPRoute
	}
	return acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{}
}
