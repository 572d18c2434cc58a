package ecosystem

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/installed"
	"github.com/certwright/certwright/test/operator"
)

const (
	// root is that of the checkout.
	root = "../.."
	// home is the namespace of the operator.
	home = "certwright"
	// patience is for a step of several programs on a busy machine.
	patience = 90 * time.Second
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	apiserver.Main(m)
}

// world is an API server with the operator beside it.
type world struct {
	*testing.T
	client.Client

	config    *rest.Config
	namespace string // of the test
}

// start installs the operator's chart with some values, and runs it until the
// test ends. Tests take turns: there is one operator for a cluster.
func start(t *testing.T, arguments ...string) *world {
	t.Helper()
	w := &world{T: t, config: apiserver.Start(t)}
	var err error
	if w.Client, err = client.New(w.config, client.Options{Scheme: operator.Scheme(t)}); err != nil {
		t.Fatal(err)
	}
	w.namespace = apiserver.Namespace(t, w.config)
	w.ensureNamespace(home)
	objects := installed.Certwright(root, home, arguments...).Render(t, root)
	installed.Install(t, w, home, objects)
	t.Cleanup(func() { w.uninstall(objects) })
	health := installed.FreeAddress(t, "127.0.0.1")
	installed.Run(t, installed.Operator(t, root), nil, append(installed.Arguments(t, objects),
		"--kubeconfig="+w.kubeconfig(home, "certwright"), "--health-listen-address="+health, "--metrics-listen-address=0")...).
		Ready(t, "http://"+health+"/readyz")
	return w
}

// uninstall removes what the next test may want otherwise: rights and policies.
func (w *world) uninstall(objects []*unstructured.Unstructured) {
	for _, object := range objects {
		switch object.GroupVersionKind().Group {
		case "rbac.authorization.k8s.io", "admissionregistration.k8s.io":
			if err := client.IgnoreNotFound(w.Delete(context.Background(), object)); err != nil {
				w.Errorf("delete %s %s: %v", object.GetKind(), object.GetName(), err)
			}
		}
	}
}

func (w *world) ensureNamespace(name string) {
	w.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := client.IgnoreAlreadyExists(w.Create(w.Context(), namespace)); err != nil {
		w.Fatal(err)
	}
}

func (w *world) kubeconfig(namespace, account string) string {
	w.Helper()
	return installed.Kubeconfig(w, installed.Account(w, w.config, namespace, account))
}

func (w *world) create(objects ...client.Object) {
	w.Helper()
	for _, object := range objects {
		if err := w.Create(w.Context(), object); err != nil {
			w.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

// ofModule runs the go command in this module and returns what it prints.
func ofModule(t *testing.T, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", arguments...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(arguments, " "), err, complaints.String())
	}
	return strings.TrimSpace(string(out))
}

// program builds a tool of this module, unless it is in the cache, and returns
// its path.
func program(t *testing.T, path string) string {
	t.Helper()
	return ofModule(t, "tool", "-n", path)
}

// chartOf is the path of a chart in a module that this one depends on.
func chartOf(t *testing.T, module, path string) string {
	t.Helper()
	return filepath.Join(ofModule(t, "list", "-m", "-f", "{{.Dir}}", module), filepath.FromSlash(path))
}

// webhookAddress is an address of this machine for a webhook, at which the API
// server reaches it: no endpoint of a Service may be on loopback.
func webhookAddress(t *testing.T) (host string, port int32) {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			_, text, err := net.SplitHostPort(installed.FreeAddress(t, network.IP.String()))
			if err != nil {
				t.Fatal(err)
			}
			number, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			return network.IP.String(), int32(number)
		}
	}
	t.Fatal("this machine has no address but loopback, at which no webhook can be reached")
	return "", 0
}

// lead has a Service of a chart lead to a process.
func (w *world) lead(namespace, service, portName, host string, port int32) {
	w.Helper()
	protocol, ready := corev1.ProtocolTCP, true
	w.create(&discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Name: service + "-process", Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &portName, Port: &port, Protocol: &protocol}},
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{host}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
	})
}

func certificate(namespace, name string, issuer cmmeta.IssuerReference, dnsNames ...string) *cmv1.Certificate {
	return &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       cmv1.CertificateSpec{SecretName: name, DNSNames: dnsNames, IssuerRef: issuer},
	}
}

func selfSigned(namespace, name string) *cmv1.Issuer {
	return &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}},
	}
}

// conditions are those of a Certificate, by their types.
func (w *world) conditions(namespace, name string) (map[cmv1.CertificateConditionType]cmv1.CertificateCondition, error) {
	crt := &cmv1.Certificate{}
	if err := w.Get(w.Context(), client.ObjectKey{Namespace: namespace, Name: name}, crt); err != nil {
		return nil, err
	}
	found := map[cmv1.CertificateConditionType]cmv1.CertificateCondition{}
	for _, c := range crt.Status.Conditions {
		found[c.Type] = c
	}
	return found, nil
}

// eventuallyIssued waits for a Certificate, and returns its Secret.
func (w *world) eventuallyIssued(namespace, name string) *corev1.Secret {
	w.Helper()
	installed.Eventually(w, patience, "Certificate "+name+" is ready", func() error {
		is, err := w.conditions(namespace, name)
		if err != nil {
			return err
		}
		if ready := is[cmv1.CertificateConditionReady]; ready.Status != cmmeta.ConditionTrue {
			return fmt.Errorf("conditions %+v; requests %s", is, w.requests(namespace))
		}
		return nil
	})
	crt, secret := &cmv1.Certificate{}, &corev1.Secret{}
	if err := w.Get(w.Context(), client.ObjectKey{Namespace: namespace, Name: name}, crt); err != nil {
		w.Fatal(err)
	}
	if err := w.Get(w.Context(), client.ObjectKey{Namespace: namespace, Name: crt.Spec.SecretName}, secret); err != nil {
		w.Fatal(err)
	}
	return secret
}

// requests tells the state of the requests of a namespace.
func (w *world) requests(namespace string) string {
	list := &cmv1.CertificateRequestList{}
	if err := w.List(w.Context(), list, client.InNamespace(namespace)); err != nil {
		return err.Error()
	}
	text := ""
	for i := range list.Items {
		text += fmt.Sprintf("%s: %+v; ", list.Items[i].Name, list.Items[i].Status.Conditions)
	}
	return text
}
