package http01

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01/responder"
)

// Operation is a step of a JSON patch (RFC 6902). An Ingress of the user's is
// changed by such patches and no others: the rules are one list, which every
// other kind of patch replaces as a whole, and with it what somebody else has
// just changed in it. A patch tests that it hits what it was made for. If not,
// nothing is changed, and it is made anew.
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// EditsIngress is the name of the existing Ingress that a challenge adds its
// path to; empty if the challenge has a route of its own.
func EditsIngress(challenge *acmev1.Challenge) string { return ingressSolver(challenge).Name }

// AddPath says how the path of a challenge gets before the other paths of every
// rule for its name; if there is none, a rule is added. Nil if all that is so.
//
// A rule that has no paths at all is left alone: when the path goes, nobody
// could tell whether the rule was there before.
func AddPath(ingress *networkingv1.Ingress, challenge *acmev1.Challenge, service string) []Operation {
	added := rule(challenge, service)
	path := added.HTTP.Paths[0]
	found := false
	var patch []Operation
	for i := range ingress.Spec.Rules {
		r := &ingress.Spec.Rules[i]
		if r.Host != added.Host || r.HTTP == nil || len(r.HTTP.Paths) == 0 {
			continue
		}
		found = true
		at := slices.IndexFunc(r.HTTP.Paths, isPathOf(challenge))
		switch {
		case at < 0:
			patch = append(patch, isRule(i, r), Operation{Op: "add", Path: pathAt(i, 0), Value: path})
		case r.HTTP.Paths[at].Backend.Service.Name != service:
			patch = append(patch, isPath(i, at, path.Path), Operation{Op: "replace", Path: pathAt(i, at), Value: path})
		}
	}
	if found {
		return patch
	}
	// Two that add a rule for the same name would not notice each other.
	unchanged := Operation{Op: "test", Path: "/metadata/resourceVersion", Value: ingress.ResourceVersion}
	if len(ingress.Spec.Rules) == 0 {
		return []Operation{unchanged, {Op: "add", Path: "/spec/rules", Value: []networkingv1.IngressRule{added}}}
	}
	return []Operation{unchanged, {Op: "add", Path: "/spec/rules/-", Value: added}}
}

// RemovePath says how the path of a challenge is taken out again, and with it a
// rule that has no other path. Nil if it is nowhere.
func RemovePath(ingress *networkingv1.Ingress, challenge *acmev1.Challenge) []Operation {
	var patch []Operation
	// From the end: what comes before keeps its index.
	for i, r := range slices.Backward(ingress.Spec.Rules) {
		if r.HTTP == nil || !slices.ContainsFunc(r.HTTP.Paths, isPathOf(challenge)) {
			continue
		}
		isOther := func(p networkingv1.HTTPIngressPath) bool { return !isPathOf(challenge)(p) }
		if !slices.ContainsFunc(r.HTTP.Paths, isOther) {
			patch = append(patch,
				Operation{Op: "test", Path: fmt.Sprintf("/spec/rules/%d/http/paths", i), Value: r.HTTP.Paths},
				Operation{Op: "remove", Path: fmt.Sprintf("/spec/rules/%d", i)})
			continue
		}
		for j, p := range slices.Backward(r.HTTP.Paths) {
			if isPathOf(challenge)(p) {
				patch = append(patch, isPath(i, j, p.Path), Operation{Op: "remove", Path: pathAt(i, j)})
			}
		}
	}
	return patch
}

func pathAt(rule, path int) string { return fmt.Sprintf("/spec/rules/%d/http/paths/%d", rule, path) }

// isRule tests that a rule is still the one that was seen: by its host or,
// since a field that is not there can not be tested, by its first path.
func isRule(i int, r *networkingv1.IngressRule) Operation {
	if r.Host == "" {
		return Operation{Op: "test", Path: pathAt(i, 0), Value: r.HTTP.Paths[0]}
	}
	return Operation{Op: "test", Path: fmt.Sprintf("/spec/rules/%d/host", i), Value: r.Host}
}

func isPath(rule, path int, value string) Operation {
	return Operation{Op: "test", Path: pathAt(rule, path) + "/path", Value: value}
}

// isPathOf tells the path by its token, which is the challenge's alone, and by
// where it leads: a path with the token that somebody wrote himself is his.
func isPathOf(challenge *acmev1.Challenge) func(networkingv1.HTTPIngressPath) bool {
	return func(p networkingv1.HTTPIngressPath) bool {
		to := p.Backend.Service
		return p.Path == responder.PathPrefix+challenge.Spec.Token && to != nil && (to.Name == Name(challenge) || to.Name == SharedName)
	}
}
