package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

// solverRuns: the pod that answers. Without one the operator answers itself.
func solverRuns(ctx context.Context, q *inquiry) ([]finding, error) {
	var all []finding
	for _, ch := range q.provingNow(acmev1.ACMEChallengeTypeHTTP01) {
		pod := &corev1.Pod{}
		why, err := missing(q.api.Get(ctx, client.ObjectKey{Namespace: ch.Namespace, Name: http01.Name(ch)}, pod))
		switch {
		case err != nil:
			return nil, fmt.Errorf("read solver's pod: %w", err)
		case why == notAllowed:
			q.notSeen = append(q.notSeen, "solver's Pod: "+why)
		case why == "":
			if trouble := http01.PodTrouble(pod); trouble != "" {
				all = append(all, finding{
					ID: "solver-pod", Object: "Pod/" + pod.Name, Cause: "The pod that answers the CA does not run", Evidence: []string{trouble},
					Fix: []string{fmt.Sprintf("kubectl -n %s describe pod %s", ch.Namespace, pod.Name), "An admission policy or a quota of the namespace may be against it: podTemplate of the solver changes the pod, http01SolverMode: Shared does without (docs/http01.md)"},
				})
			}
		}
	}
	return all, nil
}

// routeLeads: the Ingress or HTTPRoute by which the CA comes in.
func routeLeads(ctx context.Context, q *inquiry) ([]finding, error) {
	var all []finding
	for _, ch := range q.provingNow(acmev1.ACMEChallengeTypeHTTP01) {
		if ch.Spec.Solver.HTTP01 != nil && ch.Spec.Solver.HTTP01.GatewayHTTPRoute != nil {
			route := &gwapi.HTTPRoute{}
			why, err := missing(q.api.Get(ctx, client.ObjectKey{Namespace: ch.Namespace, Name: http01.Name(ch)}, route))
			if err != nil && !isNoMatch(err) {
				return nil, fmt.Errorf("read solver's HTTPRoute: %w", err)
			}
			if trouble := http01.RouteTrouble(route); why == "" && err == nil && trouble != "" {
				all = append(all, finding{
					ID: "route-not-taken", Object: "HTTPRoute/" + route.Name, Cause: "No Gateway takes requests for the challenge", Evidence: []string{trouble},
					Fix: []string{"Look at parentRefs of the solver, and at the listener for HTTP on port 80 of that Gateway: it must be there and allow routes of this namespace (docs/gateway.md)"},
				})
			}
			continue
		}
		found, err := q.ingressLeads(ctx, ch)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (q *inquiry) ingressLeads(ctx context.Context, ch *acmev1.Challenge) ([]finding, error) {
	key := client.ObjectKey{Namespace: ch.Namespace, Name: http01.Name(ch)}
	if edited := http01.EditsIngress(ch); edited != "" {
		key.Name = edited
	}
	ingress := &networkingv1.Ingress{}
	why, err := missing(q.api.Get(ctx, key, ingress))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read solver's Ingress: %w", err)
	case why == notAllowed:
		q.notSeen = append(q.notSeen, "solver's Ingress: "+why)
		return nil, nil
	case why != "" && key.Name == http01.EditsIngress(ch):
		return []finding{{
			ID: "ingress-missing", Object: "Ingress/" + key.Name, Cause: "The Ingress that the solver is to edit is not there", Evidence: []string{"spec.acme.solvers[].http01.ingress.name names it"},
			Fix: []string{"Create it, or name a class (ingressClassName) in the solver instead"},
		}}, nil
	case why != "":
		return nil, nil
	}
	class := ""
	if ingress.Spec.IngressClassName != nil {
		class = *ingress.Spec.IngressClassName
	}
	if class != "" {
		why, err := missing(q.api.Get(ctx, client.ObjectKey{Name: class}, &networkingv1.IngressClass{}))
		switch {
		case err != nil:
			return nil, fmt.Errorf("read IngressClass: %w", err)
		case why == notAllowed:
			q.notSeen = append(q.notSeen, "IngressClass "+class+": "+why)
		case why != "":
			return []finding{{
				ID: "ingress-class", Object: "Ingress/" + ingress.Name, Cause: fmt.Sprintf("No ingress controller takes up the route: there is no IngressClass %q", class),
				Evidence: []string{fmt.Sprintf("the solver's Ingress is of the class %q", class)}, Fix: []string{"kubectl get ingressclass", "Name one of those as ingressClassName in the issuer's solver, or install the ingress controller"},
			}}, nil
		}
	}
	if len(ingress.Status.LoadBalancer.Ingress) == 0 && ch.Status.Reason != "" {
		return []finding{{
			ID: "ingress-no-address", Object: "Ingress/" + ingress.Name, Cause: "No ingress controller has given the route an address",
			Evidence: []string{"its status has no address", ch.Status.Reason},
			Fix: []string{
				"Look whether the ingress controller of this class runs, and whether its Service of type LoadBalancer has an external address: kubectl get service -A",
				"Some controllers never write an address; then look at the name itself, below",
			},
		}}, nil
	}
	return nil, nil
}

// nameAnswers looks at the name as the CA does.
func nameAnswers(ctx context.Context, q *inquiry) ([]finding, error) {
	var all []finding
	for _, ch := range q.provingNow(acmev1.ACMEChallengeTypeHTTP01) {
		if !ch.Status.Presented && ch.Status.Reason == "" {
			continue
		}
		f := finding{
			ID: "self-check", Object: "Challenge/" + ch.Name, Cause: fmt.Sprintf("http://%s does not answer what the CA wants to hear", ch.Spec.DNSName),
			Fix: []string{
				"DNS of the name has to lead to the ingress controller or Gateway of this cluster, and port 80 has to be open from the internet",
				"What answers instead (a redirect to a login, a CDN, another server) must let /.well-known/acme-challenge/ through",
			},
		}
		if ch.Status.Reason != "" {
			f.Evidence = append(f.Evidence, "seen by the operator: "+ch.Status.Reason)
		}
		if q.world == nil {
			if ch.Status.Reason != "" {
				all = append(all, f)
			}
			continue
		}
		verdict, text := q.world.answer(ctx, http01.Target{Domain: ch.Spec.DNSName, Token: ch.Spec.Token, Key: ch.Spec.Key})
		switch {
		case verdict == lifecycle.SelfCheckPassed && ch.Status.Reason == "":
			continue
		case verdict == lifecycle.SelfCheckPassed:
			f.ID, f.Cause = "self-check-inside", fmt.Sprintf("http://%s answers right as seen from here, but the operator or the CA does not see it", ch.Spec.DNSName)
			f.Fix = []string{"If the cluster can not see its own public address, that costs 20 s and no more; name DNS servers in http01.nameservers (docs/http01.md)", "Otherwise look at a firewall between the CA and port 80"}
		default:
			f.Evidence = append(f.Evidence, "seen from here: "+text)
			elsewhere, err := q.leadsElsewhere(ctx, ch)
			if err != nil {
				return nil, err
			}
			if elsewhere != "" {
				f.ID, f.Cause = "dns-elsewhere", fmt.Sprintf("The name %s does not lead to this cluster", ch.Spec.DNSName)
				f.Evidence = append(f.Evidence, elsewhere)
				f.Fix = []string{"Change the A, AAAA or CNAME record of the name, or prove it by DNS-01 (docs/dns01.md)"}
			}
		}
		all = append(all, f)
	}
	return all, nil
}

// leadsElsewhere compares the addresses of the name with those of the route.
func (q *inquiry) leadsElsewhere(ctx context.Context, ch *acmev1.Challenge) (string, error) {
	at, err := q.world.addresses(ctx, ch.Spec.DNSName)
	if err != nil || len(at) == 0 {
		return fmt.Sprintf("%s has no address", ch.Spec.DNSName), nil //nolint:nilerr // why it does not resolve is in the text of the look
	}
	name := http01.Name(ch)
	if edited := http01.EditsIngress(ch); edited != "" {
		name = edited
	}
	ingress := &networkingv1.Ingress{}
	why, err := missing(q.api.Get(ctx, client.ObjectKey{Namespace: ch.Namespace, Name: name}, ingress))
	if why != "" || err != nil {
		return "", err
	}
	want := map[netip.Addr]bool{}
	var said []string
	for _, lb := range ingress.Status.LoadBalancer.Ingress {
		if a, err := netip.ParseAddr(lb.IP); err == nil {
			want[a] = true
			said = append(said, lb.IP)
		}
	}
	if len(want) == 0 {
		return "", nil
	}
	var is []string
	for _, a := range at {
		if want[a] {
			return "", nil
		}
		is = append(is, a.String())
	}
	return fmt.Sprintf("%s resolves to %s; the Ingress has %s", ch.Spec.DNSName, strings.Join(is, ", "), strings.Join(said, ", ")), nil
}
