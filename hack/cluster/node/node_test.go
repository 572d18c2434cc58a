package node

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"path"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/certwright/certwright/hack/cluster/controlplane"
)

func testNode(t *testing.T) *Node {
	t.Helper()
	dir := t.TempDir()
	_, services, err := net.ParseCIDR("10.96.0.0/16")
	if err != nil {
		t.Fatal(err)
	}
	return &Node{Name: "n", Dir: dir, CP: &controlplane.ControlPlane{Name: "n", Dir: dir, Ports: Ports(), ServiceCIDR: services}}
}

type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name, Namespace string }
	Data       map[string]string
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		ClusterIP string `yaml:"clusterIP"`
		Template  struct {
			Spec struct {
				Containers []struct{ Image, ImagePullPolicy string }
			}
		}
	}
}

func manifestObjects(t *testing.T, n *Node) []object {
	t.Helper()
	values, err := n.values(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(manifests, "manifests/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var objects []object
	for _, file := range files {
		var text bytes.Buffer
		if err := render(&text, strings.TrimSuffix(path.Base(file), ".yaml"), values); err != nil {
			t.Fatal(err)
		}
		for in := yaml.NewDecoder(&text); ; {
			var o object
			err := in.Decode(&o)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if o.APIVersion == "" || o.Kind == "" || o.Metadata.Name == "" {
				t.Errorf("%s holds an object without a kind or a name: %+v", file, o)
			}
			objects = append(objects, o)
		}
	}
	return objects
}

func TestManifestsUseOnlyTheImagesThatAreLoaded(t *testing.T) {
	t.Parallel()
	loaded := map[string]bool{corednsImage: false, traefikImage: false, pebbleImage: false}
	for _, o := range manifestObjects(t, testNode(t)) {
		for _, c := range o.Spec.Template.Spec.Containers {
			if _, ok := loaded[c.Image]; !ok {
				t.Errorf("%s %s uses the image %q", o.Kind, o.Metadata.Name, c.Image)
			}
			loaded[c.Image] = true
		}
	}
	for image, used := range loaded {
		if !used {
			t.Errorf("nothing uses %s", image)
		}
	}
}

func TestServicesHaveTheAddressesThatTheRestIsToldOf(t *testing.T) {
	t.Parallel()
	n := testNode(t)
	want := map[string]string{"kube-dns": dnsIP, "traefik": traefikIP, "pebble": pebbleIP}
	for _, o := range manifestObjects(t, n) {
		if o.Kind != "Service" {
			continue
		}
		if o.Spec.ClusterIP != want[o.Metadata.Name] {
			t.Errorf("service %s has the address %q", o.Metadata.Name, o.Spec.ClusterIP)
		}
		if !n.CP.ServiceCIDR.Contains(net.ParseIP(o.Spec.ClusterIP)) {
			t.Errorf("service %s is outside of the range of services", o.Metadata.Name)
		}
		delete(want, o.Metadata.Name)
	}
	if len(want) > 0 {
		t.Errorf("without a service: %v", want)
	}
}

func TestTheCorefileAnswersTheTestNames(t *testing.T) {
	t.Parallel()
	for _, o := range manifestObjects(t, testNode(t)) {
		corefile, ok := o.Data["Corefile"]
		if !ok {
			continue
		}
		for _, want := range []string{
			"{{ .Name }} 5 IN A " + traefikIP, "{{ .Name }} 5 IN A " + deadIP.String(),
			"\nnowhere.certwright.test:53 {", "\ncertwright.test:53 {", "\ndead.certwright.test:53 {",
		} {
			if !strings.Contains(corefile, want) {
				t.Errorf("the Corefile lacks %q", want)
			}
		}
		return
	}
	t.Error("there is no Corefile")
}

func TestPebblesCertificatesAreWholePEM(t *testing.T) {
	t.Parallel()
	n := testNode(t)
	values, err := n.values(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, o := range manifestObjects(t, n) {
		switch o.Metadata.Name {
		case "pebble-ca":
			if o.Data["ca.crt"] != values["PebbleCA"] {
				t.Errorf("the authority in the ConfigMap is %q", o.Data["ca.crt"])
			}
			found++
		case "pebble-tls":
			if o.StringData["tls.crt"] != values["PebbleCert"] || o.StringData["tls.key"] != values["PebbleKey"] {
				t.Error("certificate or key in the Secret is not what was made")
			}
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d of the two objects are there", found)
	}
}

func TestAPathTooLongForSocketsIsRefused(t *testing.T) {
	t.Parallel()
	n := testNode(t)
	n.Dir = "/" + strings.Repeat("x", 85)
	if err := n.checkPaths(); err == nil {
		t.Error("it was accepted")
	}
	n.Dir = "/" + strings.Repeat("x", 84)
	if err := n.checkPaths(); err != nil {
		t.Error(err)
	}
}

func TestShellQuoteKeepsAnyPathOneWord(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/a b":  `'/a b'`,
		"/it's": `'/it'\''s'`,
		"/$(x)": `'/$(x)'`,
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}
