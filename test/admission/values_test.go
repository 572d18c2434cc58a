package admission

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestValuesMadeForCertManagerAreAccepted(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs("testdata/peer-values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects := render(t, "-f", file, "--set", "imageRegistry=,imageNamespace=,image.name=,image.repository=registry.example/certwright,acmesolver.image.name=")
	kinds := map[string]int{}
	for _, object := range objects {
		kinds[object.GetKind()]++
	}
	for _, kind := range []string{"Deployment", "ServiceAccount", "ClusterRole", "Service"} {
		if kinds[kind] == 0 {
			t.Errorf("there is no %s", kind)
		}
	}
	_, err = helm(t.Context(), "template", release, chart, "-f", file)
	if err == nil || !strings.Contains(err.Error(), "quay.io/jetstack/cert-manager-controller is an image of cert-manager") {
		t.Errorf("with the images of cert-manager: %v", err)
	}
}

// find returns the one object of a kind.
func find(t *testing.T, objects []*unstructured.Unstructured, kind string) map[string]any {
	t.Helper()
	var found map[string]any
	for _, object := range objects {
		if object.GetKind() == kind {
			if found != nil {
				t.Fatalf("there are several of kind %s", kind)
			}
			found = object.Object
		}
	}
	if found == nil {
		t.Fatalf("there is no %s", kind)
	}
	return found
}

func TestMetricsAreScrapedByTheMonitorThatIsAskedFor(t *testing.T) {
	t.Parallel()
	for kind, row := range map[string]struct{ section, endpoints string }{
		"ServiceMonitor": {"servicemonitor", "endpoints"},
		"PodMonitor":     {"podmonitor", "podMetricsEndpoints"},
	} {
		prefix := "prometheus." + row.section + "."
		objects := render(t, "--set", prefix+"enabled=true,"+prefix+"namespace=monitoring,"+prefix+"interval=15s,"+prefix+"labels.release=main,"+
			prefix+"endpointAdditionalProperties.scheme=https")
		monitor := unstructured.Unstructured{Object: find(t, objects, kind)}
		if monitor.GetNamespace() != "monitoring" || monitor.GetLabels()["release"] != "main" || monitor.GetLabels()["prometheus"] != "default" {
			t.Errorf("%s in %s with labels %v", kind, monitor.GetNamespace(), monitor.GetLabels())
		}
		endpoints, _, _ := unstructured.NestedSlice(monitor.Object, "spec", row.endpoints)
		want := []any{map[string]any{"port": "http-metrics", "path": "/metrics", "interval": "15s", "scrapeTimeout": "30s", "honorLabels": false, "scheme": "https"}}
		if diff := cmp.Diff(want, endpoints); diff != "" {
			t.Errorf("%s: endpoints (-want +got):\n%s", kind, diff)
		}
		selected, _, _ := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
		for _, object := range objects {
			if object.GetKind() != "Service" || len(selected) == 0 {
				continue
			}
			for key, value := range selected {
				if object.GetLabels()[key] != value {
					t.Errorf("%s selects %s=%s, which the Service does not carry", kind, key, value)
				}
			}
		}
	}
	_, err := helm(t.Context(), "template", release, chart, "--set", "prometheus.servicemonitor.enabled=true,prometheus.podmonitor.enabled=true")
	if err == nil || !strings.Contains(err.Error(), "everything is scraped twice") {
		t.Errorf("both monitors: %v", err)
	}
	for _, object := range render(t, "--set", "prometheus.enabled=false,prometheus.servicemonitor.enabled=true") {
		if object.GetKind() == "ServiceMonitor" {
			t.Error("there is a monitor of metrics that are not served")
		}
	}
}

func TestNetworkPolicyLetsInWhatIsInUse(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{
		"networkPolicy.enabled=true":                                               "http-metrics http-healthz",
		"networkPolicy.enabled=true,http01SolverMode=Shared":                       "http-metrics http-healthz http-responder",
		"networkPolicy.enabled=true,crl.enabled=true":                              "http-metrics http-healthz http-crl",
		"networkPolicy.enabled=true,networkPolicy.ingress[0].ports[0].port=health": "health",
	} {
		rules, _, _ := unstructured.NestedSlice(find(t, render(t, "--set", set), "NetworkPolicy"), "spec", "ingress")
		var ports []string
		for _, rule := range rules {
			for _, port := range rule.(map[string]any)["ports"].([]any) {
				ports = append(ports, port.(map[string]any)["port"].(string))
			}
		}
		if got := strings.Join(ports, " "); got != want {
			t.Errorf("%s: ports %s, want %s", set, got, want)
		}
	}
}

func TestConfigFileOfTheValuesIsTheOperators(t *testing.T) {
	t.Parallel()
	objects := render(t, "--set", "config.numberOfConcurrentWorkers=7,featureGates=ListenerSets=false")
	data, _, _ := unstructured.NestedStringMap(find(t, objects, "ConfigMap"), "data")
	const want = "apiVersion: controller.config.cert-manager.io/v1alpha1\nkind: ControllerConfiguration\nnumberOfConcurrentWorkers: 7\n"
	if data["config.yaml"] != want {
		t.Errorf("file is %q", data["config.yaml"])
	}
	deployment := find(t, objects, "Deployment")
	containers, _, _ := unstructured.NestedSlice(deployment, "spec", "template", "spec", "containers")
	controller := containers[0].(map[string]any)
	args, _, _ := unstructured.NestedStringSlice(controller, "args")
	if args[0] != "--config=/var/certwright/config/config.yaml" || args[1] != "--feature-gates=ListenerSets=false" {
		t.Errorf("arguments %q", args)
	}
	mounts, _, _ := unstructured.NestedSlice(controller, "volumeMounts")
	if len(mounts) != 1 || mounts[0].(map[string]any)["mountPath"] != "/var/certwright/config" {
		t.Errorf("mounts %v", mounts)
	}
	annotations := func(set string) string {
		value, _, _ := unstructured.NestedStringMap(find(t, render(t, "--set", set), "Deployment"), "spec", "template", "metadata", "annotations")
		return value["certwright.dev/config"]
	}
	if annotations("config.numberOfConcurrentWorkers=7") == annotations("config.numberOfConcurrentWorkers=8") {
		t.Error("another file does not start the pod anew")
	}
}
