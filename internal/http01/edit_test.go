package http01_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/certwright/certwright/internal/http01"
)

func path(path, service string) networkingv1.HTTPIngressPath {
	return networkingv1.HTTPIngressPath{Path: path, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: service}}}
}

func ruleFor(host string, paths ...networkingv1.HTTPIngressPath) networkingv1.IngressRule {
	r := networkingv1.IngressRule{Host: host}
	if len(paths) > 0 {
		r.HTTP = &networkingv1.HTTPIngressRuleValue{Paths: paths}
	}
	return r
}

func ingressWith(rules ...networkingv1.IngressRule) *networkingv1.Ingress {
	i := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: rules}}
	i.ResourceVersion = "7"
	return i
}

// patched is an Ingress after a patch, as the API server applies it.
func patched(t *testing.T, ingress *networkingv1.Ingress, operations []http01.Operation) (*networkingv1.Ingress, error) {
	t.Helper()
	text, err := json.Marshal(ingress)
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(operations)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(list)
	if err != nil {
		t.Fatal(err)
	}
	if text, err = patch.Apply(text); err != nil {
		return nil, err
	}
	after := &networkingv1.Ingress{}
	if err := json.Unmarshal(text, after); err != nil {
		t.Fatal(err)
	}
	return after, nil
}

// solverRules are the indexes of the rules whose first path leads to a service.
func solverRules(ingress *networkingv1.Ingress, service string) []int {
	var where []int
	for i, r := range ingress.Spec.Rules {
		if r.HTTP != nil && r.HTTP.Paths[0].Backend.Service.Name == service {
			where = append(where, i)
		}
	}
	return where
}

func TestPathComesAndGoesInAnIngressOfTheUsers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		domain string
		before []networkingv1.IngressRule
		where  []int // rules that have the path as their first
	}{
		"before the paths of the rule for the name": {
			before: []networkingv1.IngressRule{ruleFor("other.example.com", path("/", "o")), ruleFor("shop.example.com", path("/", "s"))},
			where:  []int{1},
		},
		"in every rule for the name": {
			before: []networkingv1.IngressRule{ruleFor("shop.example.com", path("/", "s")), ruleFor("shop.example.com", path("/api", "a"))},
			where:  []int{0, 1},
		},
		"in a rule of its own": {
			before: []networkingv1.IngressRule{ruleFor("other.example.com", path("/", "o"))},
			where:  []int{1},
		},
		"in the first rule of all": {where: []int{0}},
		"beside a rule without paths": {
			before: []networkingv1.IngressRule{ruleFor("shop.example.com"), ruleFor("other.example.com", path("/", "o"))},
			where:  []int{2},
		},
		"for an address, in the rule for every host": {
			domain: "192.0.2.7",
			before: []networkingv1.IngressRule{ruleFor("shop.example.com", path("/", "s")), ruleFor("", path("/", "o"))},
			where:  []int{1},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.domain == "" {
				test.domain = "shop.example.com"
			}
			challenge := challengeFor(test.domain, ingressSolver{Name: "web"})
			for _, service := range []string{http01.Name(challenge), http01.SharedName} {
				before := ingressWith(test.before...)
				during, err := patched(t, before, http01.AddPath(before, challenge, service))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.where, solverRules(during, service)); diff != "" {
					t.Errorf("rules with the path (-want +got):\n%s", diff)
				}
				if again := http01.AddPath(during, challenge, service); again != nil {
					t.Errorf("added twice: %+v", again)
				}
				after, err := patched(t, during, http01.RemovePath(during, challenge))
				if err != nil {
					t.Fatal(err)
				}
				if again := http01.RemovePath(after, challenge); again != nil {
					t.Errorf("removed twice: %+v", again)
				}
				if len(after.Spec.Rules) == 0 {
					after.Spec.Rules = nil
				}
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("Ingress afterwards (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestPathThatLeadsElsewhereIsTurned(t *testing.T) {
	t.Parallel()
	challenge := challengeFor("shop.example.com", ingressSolver{Name: "web"})
	before := ingressWith(ruleFor("shop.example.com", path("/", "s")))
	pods, err := patched(t, before, http01.AddPath(before, challenge, http01.Name(challenge)))
	if err != nil {
		t.Fatal(err)
	}
	shared, err := patched(t, pods, http01.AddPath(pods, challenge, http01.SharedName))
	if err != nil {
		t.Fatal(err)
	}
	if got := shared.Spec.Rules[0].HTTP.Paths; len(got) != 2 || got[0].Backend.Service.Name != http01.SharedName {
		t.Errorf("paths: %+v", got)
	}
}

// The patches are made for one state and meet another.
func TestPatchNeverHitsWhatItWasNotMadeFor(t *testing.T) {
	t.Parallel()
	challenge := challengeFor("shop.example.com", ingressSolver{Name: "web"})
	other := challengeFor("shop.example.com", ingressSolver{Name: "web"})
	other.UID, other.Spec.Token = "other", "other-token"
	service := http01.Name(challenge)
	seen := ingressWith(ruleFor("other.example.com", path("/", "o")), ruleFor("shop.example.com", path("/", "s")))
	presented, err := patched(t, seen, http01.AddPath(seen, challenge, service))
	if err != nil {
		t.Fatal(err)
	}

	t.Run("a path that the user adds meanwhile stays", func(t *testing.T) {
		t.Parallel()
		now := seen.DeepCopy()
		now.Spec.Rules[1].HTTP.Paths = append(now.Spec.Rules[1].HTTP.Paths, path("/new", "n"))
		after, err := patched(t, now, http01.AddPath(seen, challenge, service))
		if err != nil {
			t.Fatal(err)
		}
		if paths := after.Spec.Rules[1].HTTP.Paths; len(paths) != 3 || paths[2].Path != "/new" {
			t.Errorf("paths: %+v", paths)
		}
	})
	t.Run("a rule that has moved is not hit", func(t *testing.T) {
		t.Parallel()
		now := ingressWith(seen.Spec.Rules[1], seen.Spec.Rules[0])
		if _, err := patched(t, now, http01.AddPath(seen, challenge, service)); err == nil {
			t.Error("the patch was applied")
		}
	})
	t.Run("two challenges for one name both get their path", func(t *testing.T) {
		t.Parallel()
		after, err := patched(t, presented, http01.AddPath(seen, other, http01.Name(other)))
		if err != nil {
			t.Fatal(err)
		}
		if paths := after.Spec.Rules[1].HTTP.Paths; len(paths) != 3 {
			t.Errorf("paths: %+v", paths)
		}
	})
	t.Run("of two that would add the same rule one has to look again", func(t *testing.T) {
		t.Parallel()
		empty := ingressWith()
		now := ingressWith(ruleFor("shop.example.com", path("/", "s")))
		now.ResourceVersion = "8"
		if _, err := patched(t, now, http01.AddPath(empty, challenge, service)); err == nil {
			t.Error("the patch was applied")
		}
	})
	t.Run("another path in the place of ours is not removed", func(t *testing.T) {
		t.Parallel()
		if _, err := patched(t, seen, http01.RemovePath(presented, challenge)); err == nil {
			t.Error("the patch was applied")
		}
	})
	t.Run("a rule that the user has put paths into is not removed", func(t *testing.T) {
		t.Parallel()
		before := ingressWith()
		alone, err := patched(t, before, http01.AddPath(before, challenge, service))
		if err != nil {
			t.Fatal(err)
		}
		now := alone.DeepCopy()
		now.Spec.Rules[0].HTTP.Paths = append(now.Spec.Rules[0].HTTP.Paths, path("/", "s"))
		if _, err := patched(t, now, http01.RemovePath(alone, challenge)); err == nil {
			t.Error("the patch was applied")
		}
	})
	t.Run("a path of the user's with the same token is his", func(t *testing.T) {
		t.Parallel()
		own := ingressWith(ruleFor("shop.example.com", path("/.well-known/acme-challenge/"+challenge.Spec.Token, "his")))
		if patch := http01.RemovePath(own, challenge); patch != nil {
			t.Errorf("removed: %+v", patch)
		}
	})
}
