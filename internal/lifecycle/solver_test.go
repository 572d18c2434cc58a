package lifecycle

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

func http01Solver(class string, selector *acmev1.CertificateDNSNameSelector) acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{
		Selector: selector,
		HTTP01:   &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{IngressClassName: &class}},
	}
}

func TestChooseSolver(t *testing.T) {
	t.Parallel()
	type selector = acmev1.CertificateDNSNameSelector
	zones := func(z ...string) *selector { return &selector{DNSZones: z} }
	names := func(n ...string) *selector { return &selector{DNSNames: n} }
	labels := func(kv map[string]string) *selector { return &selector{MatchLabels: kv} }
	dns01 := acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{}}
	route := acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{GatewayHTTPRoute: &acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{}}}

	tests := map[string]struct {
		solvers  []acmev1.ACMEChallengeSolver
		name     string
		wildcard bool
		offered  []string
		labels   map[string]string
		want     string // class of the chosen solver
		why      string
	}{
		"the first of two without selectors":    {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", nil), http01Solver("b", nil)}, want: "a"},
		"any selector goes before none":         {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", nil), http01Solver("b", zones("example.com"))}, want: "b"},
		"an empty selector is like none":        {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", nil), http01Solver("b", &selector{})}, want: "a"},
		"a longer zone goes before a shorter":   {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", zones("com", "example.com")), http01Solver("b", zones("www.example.com"))}, want: "b"},
		"a name goes before a zone":             {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", zones("www.example.com")), http01Solver("b", names("www.example.com"))}, want: "b"},
		"a zone goes before labels":             {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", labels(map[string]string{"x": "1", "y": "2"})), http01Solver("b", zones("com"))}, want: "b"},
		"more labels go before fewer":           {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", labels(map[string]string{"x": "1"})), http01Solver("b", labels(map[string]string{"x": "1", "y": "2"}))}, want: "b"},
		"labels that the Order lacks do not":    {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", labels(map[string]string{"z": "1"})), http01Solver("b", nil)}, want: "b"},
		"all that is set must fit":              {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", &selector{DNSNames: []string{"www.example.com"}, DNSZones: []string{"example.org"}}), http01Solver("b", nil)}, want: "b"},
		"names are compared without case":       {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", names("WWW.example.com"))}, want: "a"},
		"a zone ends at a dot":                  {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", zones("xample.com")), http01Solver("b", nil)}, want: "b"},
		"a zone holds its own apex":             {solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", nil), http01Solver("b", zones("www.example.com."))}, want: "b"},
		"a type that is not offered is skipped": {solvers: []acmev1.ACMEChallengeSolver{dns01, http01Solver("b", nil)}, offered: []string{"http-01"}, want: "b"},
		"a wildcard is not proved over HTTP": {
			solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", nil)}, wildcard: true,
			why: `no solver of the issuer fits "*.www.example.com": the CA offers dns-01, http-01, tls-alpn-01`,
		},
		"without solvers": {why: `no solver of the issuer fits "www.example.com": the CA offers dns-01, http-01, tls-alpn-01`},
		"DNS-01 that was selected is not replaced": {
			solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", nil), {Selector: zones("example.com"), DNS01: &acmev1.ACMEChallengeSolverDNS01{}}},
			want:    "DNS-01",
		},
		"a wildcard is proved by DNS": {
			solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", nil), dns01}, wildcard: true, want: "DNS-01",
		},
		"a solver that can do nothing is not replaced": {
			solvers: []acmev1.ACMEChallengeSolver{{Selector: zones("example.com"), HTTP01: &acmev1.ACMEChallengeSolverHTTP01{}}, http01Solver("a", nil)},
			why:     `the solver that the issuer has for "www.example.com" can not be used: it has neither http01.ingress nor another way to prove a name`,
		},
		"an HTTPRoute without a parent": {
			solvers: []acmev1.ACMEChallengeSolver{route},
			why:     `the solver that the issuer has for "www.example.com" can not be used: its gatewayHTTPRoute has no parentRefs, and neither has the Certificate annotations that name a Gateway`,
		},
		"nothing known is offered": {
			solvers: []acmev1.ACMEChallengeSolver{http01Solver("a", nil)}, offered: []string{"dns-persist-01"},
			why: `no solver of the issuer fits "www.example.com": the CA offers dns-persist-01`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			authorization := acmev1.ACMEAuthorization{Identifier: "www.example.com", Wildcard: &test.wildcard}
			offered := test.offered
			if offered == nil {
				offered = []string{"tls-alpn-01", "http-01", "dns-01"}
			}
			for _, kind := range offered {
				authorization.Challenges = append(authorization.Challenges, acmev1.ACMEChallenge{Type: kind, Token: "t", URL: "https://ca/" + kind})
			}
			order := &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"x": "1", "y": "2"}}}
			choice, why := ChooseSolver(test.solvers, authorization, order)
			if why != test.why {
				t.Fatalf("why: %q, want %q", why, test.why)
			}
			if why != "" {
				return
			}
			got, offer := "DNS-01", "https://ca/dns-01"
			if choice.Solver.DNS01 == nil {
				got, offer = *choice.Solver.HTTP01.Ingress.IngressClassName, "https://ca/http-01"
			}
			if got != test.want {
				t.Errorf("chose %q, want %q", got, test.want)
			}
			if choice.Challenge.URL != offer || (choice.Type == acmev1.ACMEChallengeTypeDNS01) != (got == "DNS-01") {
				t.Errorf("challenge %+v of type %s", choice.Challenge, choice.Type)
			}
		})
	}
}

func TestAnnotationsOverrideTheSolver(t *testing.T) {
	t.Parallel()
	class := func(c string) *string { return &c }
	tests := map[string]struct {
		annotations map[string]string
		want        acmev1.ACMEChallengeSolverHTTP01Ingress
	}{
		"none":             {nil, acmev1.ACMEChallengeSolverHTTP01Ingress{IngressClassName: class("theirs")}},
		"name":             {map[string]string{acmev1.ACMECertificateHTTP01IngressNameOverride: "web"}, acmev1.ACMEChallengeSolverHTTP01Ingress{Name: "web"}},
		"class":            {map[string]string{acmev1.ACMECertificateHTTP01IngressClassOverride: "old"}, acmev1.ACMEChallengeSolverHTTP01Ingress{Class: class("old")}},
		"ingressClassName": {map[string]string{acmev1.ACMECertificateHTTP01IngressClassNameOverride: "new"}, acmev1.ACMEChallengeSolverHTTP01Ingress{IngressClassName: class("new")}},
		"name before class": {map[string]string{
			acmev1.ACMECertificateHTTP01IngressNameOverride:  "web",
			acmev1.ACMECertificateHTTP01IngressClassOverride: "old",
		}, acmev1.ACMEChallengeSolverHTTP01Ingress{Name: "web"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuers := http01Solver("theirs", nil)
			authorization := acmev1.ACMEAuthorization{Identifier: "a", Challenges: []acmev1.ACMEChallenge{{Type: "http-01", Token: "t"}}}
			order := &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Annotations: test.annotations}}
			choice, why := ChooseSolver([]acmev1.ACMEChallengeSolver{issuers}, authorization, order)
			if why != "" {
				t.Fatal(why)
			}
			if diff := cmp.Diff(test.want, *choice.Solver.HTTP01.Ingress); diff != "" {
				t.Errorf("solver (-want +got):\n%s", diff)
			}
			if *issuers.HTTP01.Ingress.IngressClassName != "theirs" || issuers.HTTP01.Ingress.Name != "" {
				t.Error("the issuer's own solver was changed")
			}
		})
	}
}

func TestAnnotationsNameTheParentOfTheRoute(t *testing.T) {
	t.Parallel()
	type refs = []gwapi.ParentReference
	kind, group, namespace := new(gwapi.Kind("Gateway")), new(gwapi.Group(gwapi.GroupName)), new(gwapi.Namespace("infra"))
	web := gwapi.ParentReference{Group: group, Kind: kind, Namespace: namespace, Name: "web"}
	both := map[string]string{
		acmev1.ACMECertificateHTTP01ParentRefName:      "web",
		acmev1.ACMECertificateHTTP01ParentRefKind:      "Gateway",
		acmev1.ACMECertificateHTTP01ParentRefNamespace: "infra",
	}
	tests := map[string]struct {
		annotations map[string]string
		issuers     refs
		want        refs
		why         string
	}{
		"the issuer's own, without annotations": {nil, refs{{Name: "edge"}}, refs{{Name: "edge"}}, ""},
		"that of the annotations alone":         {both, nil, refs{web}, ""},
		"both":                                  {both, refs{{Name: "edge"}}, refs{{Name: "edge"}, web}, ""},
		"the same once": {
			both,
			refs{{Name: "web", Namespace: namespace, SectionName: new(gwapi.SectionName("http"))}},
			refs{{Name: "web", Namespace: namespace, SectionName: new(gwapi.SectionName("http"))}},
			"",
		},
		"a listener set of the same namespace": {
			map[string]string{acmev1.ACMECertificateHTTP01ParentRefName: "set", acmev1.ACMECertificateHTTP01ParentRefKind: "ListenerSet"},
			nil, refs{{Group: group, Kind: new(gwapi.Kind("ListenerSet")), Name: "set"}}, "",
		},
		"a name without a kind is none": {
			map[string]string{acmev1.ACMECertificateHTTP01ParentRefName: "web"}, nil, nil,
			`the solver that the issuer has for "a" can not be used: its gatewayHTTPRoute has no parentRefs, and neither has the Certificate annotations that name a Gateway`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuers := acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{
				GatewayHTTPRoute: &acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{ParentRefs: test.issuers},
			}}
			before := issuers.DeepCopy()
			authorization := acmev1.ACMEAuthorization{Identifier: "a", Challenges: []acmev1.ACMEChallenge{{Type: "http-01", Token: "t"}}}
			order := &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Annotations: test.annotations}}
			choice, why := ChooseSolver([]acmev1.ACMEChallengeSolver{issuers}, authorization, order)
			if why != test.why {
				t.Fatalf("why: %q, want %q", why, test.why)
			}
			if why == "" {
				if diff := cmp.Diff(test.want, choice.Solver.HTTP01.GatewayHTTPRoute.ParentRefs); diff != "" {
					t.Errorf("parents (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(before, &issuers); diff != "" {
				t.Errorf("the issuer's own solver was changed:\n%s", diff)
			}
		})
	}
}
