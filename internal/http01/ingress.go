package http01

import (
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01/responder"
)

// classAnnotation names the class for ingress controllers that do not know the
// field ingressClassName.
const classAnnotation = "kubernetes.io/ingress.class"

// Ingress is the Ingress that leads the CA to a Service. It is not for solvers
// that name an existing Ingress; see AddPath.
func Ingress(challenge *acmev1.Challenge, service string) *networkingv1.Ingress {
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
			Rules: []networkingv1.IngressRule{rule(challenge, service)},
		},
	}
	if solver.IngressClassName != nil {
		ingress.Spec.IngressClassName = ptr.To(*solver.IngressClassName)
	}
	return ingress
}

// SyncIngress makes an Ingress of ours lead where it should, and reports whether
// anything was to be done. What others added stays: classes and annotations are
// what some ingress controllers write themselves.
func SyncIngress(ingress *networkingv1.Ingress, challenge *acmev1.Challenge, service string) bool {
	want := Ingress(challenge, service).Spec.Rules
	if equality.Semantic.DeepEqual(ingress.Spec.Rules, want) {
		return false
	}
	ingress.Spec.Rules = want
	return true
}

func rule(challenge *acmev1.Challenge, service string) networkingv1.IngressRule {
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
					Name: service,
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
