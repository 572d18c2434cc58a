package http01

import (
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01/responder"
)

// classAnnotation names the class for ingress controllers that do not know the
// field ingressClassName.
const classAnnotation = "kubernetes.io/ingress.class"

// Ingress is the Ingress that leads the CA to the Service. It is not for
// solvers that name an existing Ingress; see AddPath.
func Ingress(challenge *acmev1.Challenge) *networkingv1.Ingress {
	solver := ingressSolver(challenge)
	var template acmev1.ACMEChallengeSolverHTTP01IngressObjectMeta
	if solver.IngressTemplate != nil {
		template = solver.IngressTemplate.ACMEChallengeSolverHTTP01IngressObjectMeta
	}
	annotations := map[string]string{
		// The CA looks from anywhere, also where the controller lets in only
		// some by default.
		"nginx.ingress.kubernetes.io/whitelist-source-range": "0.0.0.0/0,::/0",
	}
	if solver.Class != nil {
		annotations[classAnnotation] = *solver.Class
	}
	ingress := &networkingv1.Ingress{
		ObjectMeta: meta(challenge, template.Labels, merged(annotations, template.Annotations)),
		Spec: networkingv1.IngressSpec{
			Rules: []networkingv1.IngressRule{rule(challenge)},
		},
	}
	if solver.IngressClassName != nil {
		ingress.Spec.IngressClassName = ptr.To(*solver.IngressClassName)
	}
	return ingress
}

// EditsIngress is the name of the existing Ingress that a challenge adds its
// path to; empty if the challenge has an Ingress of its own.
func EditsIngress(challenge *acmev1.Challenge) string { return ingressSolver(challenge).Name }

// HasPath reports whether the path of the challenge leads to its Service in
// every rule of an Ingress for its name, of which there is at least one.
func HasPath(ingress *networkingv1.Ingress, challenge *acmev1.Challenge) bool {
	edited := ingress.DeepCopy()
	return !AddPath(edited, challenge)
}

// AddPath puts the path of a challenge before the other paths of every rule
// for its name; if there is none, a rule is added. It reports whether anything
// was to be done.
func AddPath(ingress *networkingv1.Ingress, challenge *acmev1.Challenge) bool {
	added := rule(challenge)
	path := added.HTTP.Paths[0]
	changed, found := false, false
	for i := range ingress.Spec.Rules {
		r := &ingress.Spec.Rules[i]
		if r.Host != added.Host {
			continue
		}
		found = true
		if r.HTTP == nil {
			r.HTTP = &networkingv1.HTTPIngressRuleValue{}
		}
		if slices.ContainsFunc(r.HTTP.Paths, isPathOf(challenge)) {
			continue
		}
		r.HTTP.Paths = slices.Insert(r.HTTP.Paths, 0, path)
		changed = true
	}
	if !found {
		ingress.Spec.Rules = append(ingress.Spec.Rules, added)
		changed = true
	}
	return changed
}

// RemovePath takes the path of a challenge out again, and a rule that has no
// other path. It reports whether anything was to be done.
func RemovePath(ingress *networkingv1.Ingress, challenge *acmev1.Challenge) bool {
	changed := false
	ingress.Spec.Rules = slices.DeleteFunc(ingress.Spec.Rules, func(r networkingv1.IngressRule) bool {
		if r.HTTP == nil {
			return false
		}
		before := len(r.HTTP.Paths)
		r.HTTP.Paths = slices.DeleteFunc(r.HTTP.Paths, isPathOf(challenge))
		if len(r.HTTP.Paths) == before {
			return false
		}
		changed = true
		return len(r.HTTP.Paths) == 0
	})
	return changed
}

// isPathOf tells a path by the Service that it leads to, which belongs to this
// challenge alone.
func isPathOf(challenge *acmev1.Challenge) func(networkingv1.HTTPIngressPath) bool {
	service := Name(challenge)
	return func(p networkingv1.HTTPIngressPath) bool {
		return p.Backend.Service != nil && p.Backend.Service.Name == service
	}
}

func rule(challenge *acmev1.Challenge) networkingv1.IngressRule {
	host := challenge.Spec.DNSName
	if _, err := netip.ParseAddr(host); err == nil {
		host = "" // an Ingress knows no addresses; the rule is for every host
	}
	return networkingv1.IngressRule{
		Host: host,
		IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{
				Path:     responder.PathPrefix + challenge.Spec.Token,
				PathType: ptr.To(networkingv1.PathTypeExact),
				Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
					Name: Name(challenge),
					Port: networkingv1.ServiceBackendPort{Number: Port},
				}},
			}},
		}},
	}
}

// ingressSolver is the part of the solver that says how the Ingress is to be;
// empty if the challenge has another kind of solver.
func ingressSolver(challenge *acmev1.Challenge) acmev1.ACMEChallengeSolverHTTP01Ingress {
	if http := challenge.Spec.Solver.HTTP01; http != nil && http.Ingress != nil {
		return *http.Ingress
	}
	return acmev1.ACMEChallengeSolverHTTP01Ingress{}
}
