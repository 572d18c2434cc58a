package orders

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01"
)

// installGatewayAPI puts the CRD of HTTPRoutes in force, from the module's own
// files.
func (w *world) installGatewayAPI() {
	w.t.Helper()
	dir, err := exec.CommandContext(w.t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = envtest.InstallCRDs(w.config, envtest.CRDInstallOptions{
		Paths:              []string{filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", "standard", "gateway.networking.k8s.io_httproutes.yaml")},
		ErrorIfPathMissing: true,
		MaxTime:            time.Minute, // as apiserver.Start
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) routes() []gwapi.HTTPRoute {
	w.t.Helper()
	var list gwapi.HTTPRouteList
	if err := w.api.List(w.t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// Not parallel, and one test: the CRDs of the Gateway API are everybody's, and
// at first must not be there.
func TestHTTPRoute(t *testing.T) {
	namespace := gwapi.Namespace("infra")
	solver := acmev1.ACMEChallengeSolverHTTP01{GatewayHTTPRoute: &acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{
		Labels:     map[string]string{"gateway": "edge"},
		ParentRefs: []gwapi.ParentReference{{Name: "web", Namespace: &namespace}},
	}}
	w := newWorldWith(t, solver)
	if err := w.api.List(t.Context(), &gwapi.HTTPRouteList{}); !meta.IsNoMatchError(err) {
		t.Fatalf("the Gateway API is served before it is installed: %v", err)
	}
	w.setOpen(false)
	w.operator()
	w.order("shop", "shop.example.com")
	w.eventuallyOrder("shop", "waiting for the Gateway API", func(s acmev1.OrderStatus) bool {
		return strings.HasPrefix(s.Reason, `"shop.example.com": create httproute of solver: the cluster does not serve HTTPRoutes; install the Gateway API; `)
	})
	w.installGatewayAPI()
	w.eventually("the HTTPRoute is there", func() (bool, any) { return len(w.routes()) == 1, nil })
	made := w.routes()[0]
	if made.Labels["gateway"] != "edge" || made.Labels[acmev1.SolverIdentificationLabelKey] != "true" || !slices.Equal(made.Spec.Hostnames, []gwapi.Hostname{"shop.example.com"}) {
		t.Errorf("HTTPRoute %+v", made)
	}

	// Somebody changes it, and somebody deletes it.
	changed := made.DeepCopy()
	changed.Spec.Hostnames, changed.Labels["gateway"] = []gwapi.Hostname{"other.example.com"}, "other"
	if err := w.api.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	restored := func() (bool, any) {
		list := w.routes()
		return len(list) == 1 && list[0].Labels["gateway"] == "edge" && slices.Equal(list[0].Spec.Hostnames, made.Spec.Hostnames), list
	}
	w.eventually("the HTTPRoute is restored", restored)
	if err := w.api.Delete(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	w.eventually("the HTTPRoute is made again", restored)
	w.eventuallyOrder("shop", "saying that no Gateway takes requests", func(s acmev1.OrderStatus) bool {
		return s.Reason == `"shop.example.com": the HTTPRoute leads nowhere: no Gateway controller has taken it up; retried within a minute`
	})

	w.setOpen(true)
	w.eventuallyOrder("shop", "valid", isValid)
	w.eventuallyClean()
	w.eventually("the HTTPRoute is gone", func() (bool, any) { return len(w.routes()) == 0, w.routes() })
	if got := w.writes.count(); got["POST httproutes"] != 2 || got["PATCH httproutes"] != 1 || got["DELETE httproutes"] != 1 {
		t.Errorf("writes: %v", got)
	}

	t.Run("to the shared responder, with the parent of the annotations", func(t *testing.T) {
		w := newWorldWith(t, acmev1.ACMEChallengeSolverHTTP01{GatewayHTTPRoute: &acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{}})
		w.shared = true
		w.setOpen(false)
		w.annotations = map[string]string{
			acmev1.ACMECertificateHTTP01ParentRefName: "listeners", acmev1.ACMECertificateHTTP01ParentRefKind: "ListenerSet",
		}
		w.operator()
		w.order("shop", "shop.example.com")
		w.eventually("the HTTPRoute is there", func() (bool, any) { return len(w.routes()) == 1, nil })
		made := w.routes()[0]
		if parents := made.Spec.ParentRefs; len(parents) != 1 || parents[0].Name != "listeners" || *parents[0].Kind != "ListenerSet" {
			t.Errorf("parents: %+v", parents)
		}
		if to := made.Spec.Rules[0].BackendRefs[0].Name; to != http01.SharedName {
			t.Errorf("leads to %s", to)
		}
		w.setOpen(true)
		w.eventuallyOrder("shop", "valid", isValid)
		w.eventuallyOnlyWay()
		w.eventually("the HTTPRoute is gone", func() (bool, any) { return len(w.routes()) == 0, w.routes() })
		if got := w.writes.count(); got["POST httproutes"] != 1 || got["PATCH httproutes"] != 0 || got["DELETE httproutes"] != 0 || got["POST pods"] != 0 {
			t.Errorf("writes: %v", got)
		}
	})
}
