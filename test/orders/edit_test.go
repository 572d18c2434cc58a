package orders

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01/responder"
)

func userPath(path, service string) networkingv1.HTTPIngressPath {
	kind := networkingv1.PathTypePrefix
	return networkingv1.HTTPIngressPath{
		Path: path, PathType: &kind,
		Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}
}

func userRule(host string, paths ...networkingv1.HTTPIngressPath) networkingv1.IngressRule {
	return networkingv1.IngressRule{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: paths}}}
}

// webWorld has an Ingress "web" of a user's, into which challenges put their
// paths, and nobody gets in.
func webWorld(t *testing.T, rules ...networkingv1.IngressRule) *world {
	t.Helper()
	w := newWorld(t)
	w.setOpen(false)
	w.annotations = map[string]string{acmev1.ACMECertificateHTTP01IngressNameOverride: "web"}
	web := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web"}, Spec: networkingv1.IngressSpec{Rules: rules}}
	if err := w.api.Create(t.Context(), web); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) webIngress() *networkingv1.Ingress {
	w.t.Helper()
	web := &networkingv1.Ingress{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "web"}, web); err != nil {
		w.t.Fatal(err)
	}
	return web
}

// edit is what a user does with an editor: read, change, write back, and again
// if somebody else was faster.
func (w *world) edit(change func(*networkingv1.Ingress)) {
	w.t.Helper()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		web := w.webIngress()
		change(web)
		return w.api.Update(w.t.Context(), web)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// solverPaths are the hosts that have a path of a challenge.
func solverPaths(web *networkingv1.Ingress) []string {
	var hosts []string
	for _, r := range web.Spec.Rules {
		for _, p := range r.HTTP.Paths {
			if strings.HasPrefix(p.Path, responder.PathPrefix) {
				hosts = append(hosts, r.Host)
			}
		}
	}
	slices.Sort(hosts)
	return hosts
}

func TestPathsOfSeveralChallengesAndEditsOfTheUserDoNotClash(t *testing.T) {
	t.Parallel()
	w := webWorld(t, userRule("a.example.com", userPath("/", "a")), userRule("c.example.com", userPath("/", "c")))
	w.operator()
	w.order("one", "a.example.com", "b.example.com") // b has no rule
	w.order("two", "a.example.com")                  // the same name twice
	paths := func(want ...string) {
		t.Helper()
		w.eventually("the paths are in the Ingress", func() (bool, any) {
			web := w.webIngress()
			return slices.Equal(solverPaths(web), want), web.Spec.Rules
		})
	}
	all := []string{"a.example.com", "a.example.com", "b.example.com"}
	paths(all...)

	w.edit(func(web *networkingv1.Ingress) {
		web.Annotations = map[string]string{"edited": "once"}
		web.Spec.Rules[0].HTTP.Paths = append(web.Spec.Rules[0].HTTP.Paths, userPath("/new", "n"))
	})
	paths(all...)
	// What comes from a file knows nothing of the paths.
	wanted := []networkingv1.IngressRule{
		userRule("c.example.com", userPath("/", "c")), userRule("a.example.com", userPath("/", "a"), userPath("/newer", "n")),
	}
	w.edit(func(web *networkingv1.Ingress) { web.Spec.Rules = wanted })
	paths(all...)

	w.setOpen(true)
	w.eventuallyOrder("one", "valid", isValid)
	w.eventuallyOrder("two", "valid", isValid)
	w.eventually("only the user's Ingress is left", func() (bool, any) {
		left := w.left()
		return slices.Equal(left, []string{"ingress web"}), left
	})
	after := w.webIngress()
	if diff := cmp.Diff(wanted, after.Spec.Rules); diff != "" {
		t.Errorf("rules (-the user's +left):\n%s", diff)
	}
	if after.Annotations["edited"] != "once" {
		t.Errorf("annotations: %v", after.Annotations)
	}
}

func TestChallengeWhoseIngressIsDeletedIsCleanedUp(t *testing.T) {
	t.Parallel()
	w := webWorld(t, userRule("a.example.com", userPath("/", "a")))
	w.operator()
	w.order("shop", "a.example.com")
	w.eventually("the path is in the Ingress", func() (bool, any) {
		web := w.webIngress()
		return len(solverPaths(web)) == 1, web.Spec.Rules
	})
	if err := w.api.Delete(t.Context(), w.webIngress()); err != nil {
		t.Fatal(err)
	}
	w.eventuallyOrder("shop", "saying so", func(s acmev1.OrderStatus) bool {
		return s.Reason == `"a.example.com": edit ingress: the Ingress "web" does not exist; tried again as soon as that changes`
	})
	if err := w.api.Delete(t.Context(), w.get("shop")); err != nil {
		t.Fatal(err)
	}
	w.eventuallyClean()
}

// The operator dies after the path was written, and before anything was said.
func TestPathOfAnOperatorThatDiedIsRemovedByTheNext(t *testing.T) {
	t.Parallel()
	w := webWorld(t, userRule("a.example.com", userPath("/", "a")))
	stop := w.operator()
	w.order("shop", "a.example.com")
	w.eventually("the path is in the Ingress", func() (bool, any) {
		web := w.webIngress()
		return len(solverPaths(web)) == 1, web.Spec.Rules
	})
	stop()
	if err := w.api.Delete(t.Context(), w.get("shop")); err != nil {
		t.Fatal(err)
	}
	w.operator()
	w.eventually("only the user's Ingress is left", func() (bool, any) {
		left := w.left()
		return slices.Equal(left, []string{"ingress web"}), left
	})
	if got := w.webIngress().Spec.Rules; len(got) != 1 || len(got[0].HTTP.Paths) != 1 {
		t.Errorf("rules: %+v", got)
	}
}
