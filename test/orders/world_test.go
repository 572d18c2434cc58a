package orders

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/controllers/challenge"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/http01/responder"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/test/acme/testca"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/operator"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard()) // what is not logged by the managers below
	apiserver.Main(m)
}

// world is a namespace, a CA, an issuer and a way in from the internet.
type world struct {
	t           *testing.T
	namespace   string
	also        []string         // further namespaces that the operator looks after
	api         client.WithWatch // neither counted nor cached
	ca          *testca.CA
	account     *acme.Client
	config      *rest.Config
	web         *httptest.Server
	annotations map[string]string      // of the Orders
	slots       int                    // challenges at the same time; 0 for the default
	shared      bool                   // the operator answers challenges itself
	nameservers []string               // of the self-check, which else knows every name
	dns01       *challenge.DNS01Config // nil: there is no DNS-01
	limits      lifecycle.OrderLimits  // of the CA
	writes      *writes

	mu       sync.Mutex
	open     bool              // the way in
	replicas map[string]string // where the operator listens, by its address in the cluster
	ahead    time.Duration     // of the operator's clock
}

// Client gives the controllers the account.
func (w *world) Client(context.Context, cmv1.GenericIssuer) (*acme.Client, error) {
	return w.account, nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}})
}

func newWorldWith(t *testing.T, solver acmev1.ACMEChallengeSolverHTTP01) *world {
	t.Helper()
	return newWorldAt(t, testca.Options{}, acmev1.ACMEChallengeSolver{HTTP01: &solver})
}

func newWorldAt(t *testing.T, ca testca.Options, solvers ...acmev1.ACMEChallengeSolver) *world {
	t.Helper()
	w := newUnregistered(t, ca, solvers...)
	w.account = w.register()
	return w
}

// newUnregistered is a world in which nobody has an account yet.
func newUnregistered(t *testing.T, ca testca.Options, solvers ...acmev1.ACMEChallengeSolver) *world {
	t.Helper()
	w := &world{
		t: t, config: apiserver.Start(t), ca: testca.Start(t, ca), open: true,
		writes: &writes{}, replicas: map[string]string{},
	}
	w.namespace = apiserver.Namespace(t, w.config)
	var err error
	if w.api, err = client.NewWithWatch(w.config, client.Options{Scheme: scheme(t)}); err != nil {
		t.Fatal(err)
	}
	w.web = httptest.NewServer(w)
	t.Cleanup(w.web.Close)
	issuer := &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "pebble"},
		Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
			Server:     w.ca.DirectoryURL,
			PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
			Solvers:    solvers,
		}}},
	}
	if err := w.api.Create(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
	return w
}

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	return operator.Scheme(t, gwapi.Install)
}

func (w *world) register() *acme.Client {
	w.t.Helper()
	key, err := acme.GenerateAccountKey(acme.KeyECDSAP256)
	if err != nil {
		w.t.Fatal(err)
	}
	anonymous, err := acme.New(acme.Config{DirectoryURL: w.ca.DirectoryURL, HTTPClient: w.ca.HTTPClient, Key: key})
	if err != nil {
		w.t.Fatal(err)
	}
	account, err := anonymous.NewAccount(w.t.Context(), acme.AccountRequest{TermsAgreed: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return anonymous.WithAccount(account.URL)
}

// writes counts what the operator sends to the API server, except for reads.
type writes struct {
	mu   sync.Mutex
	list []string
}

func (c *writes) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
			c.mu.Lock()
			c.list = append(c.list, r.Method+" "+resourceOf(parts))
			c.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

// resourceOf is the resource in a path such as
// apis/group/v1/namespaces/ns/resource/name/subresource.
func resourceOf(parts []string) string {
	for i, part := range parts {
		if part == "namespaces" && len(parts) > i+2 {
			resource := parts[i+2]
			if len(parts) > i+4 {
				resource += "/" + parts[i+4]
			}
			return resource
		}
	}
	return strings.Join(parts, "/")
}

func (c *writes) count() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := map[string]int{}
	for _, w := range c.list {
		counts[w]++
	}
	return counts
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// dial leads every name on the internet to the data plane.
func (w *world) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, w.web.Listener.Addr().String())
}

func (w *world) setOpen(open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = open
}

// ServeHTTP is the data plane. What it answers itself, it has the CA's web
// server answer, too.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	open := w.open
	w.mu.Unlock()
	if !open || strings.HasPrefix(r.Host, "stuck.") {
		http.Error(rw, "no way in", http.StatusServiceUnavailable)
		return
	}
	recorder := httptest.NewRecorder()
	w.forward(recorder, r)
	if recorder.Code == http.StatusOK {
		w.ca.Challenges.AddHTTPOneChallenge(strings.TrimPrefix(r.URL.Path, responder.PathPrefix), recorder.Body.String())
	}
	rw.WriteHeader(recorder.Code)
	_, _ = io.Copy(rw, recorder.Body)
}

// forward follows a request through Ingress or HTTPRoute and Service to who
// answers it.
func (w *world) forward(rw http.ResponseWriter, r *http.Request) {
	service, port := w.routed(r)
	if service == "" {
		http.NotFound(rw, r)
		return
	}
	ctx, in := r.Context(), client.InNamespace(w.namespace)
	var to corev1.Service
	if err := w.api.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: service}, &to); err != nil || to.Spec.Ports[0].Port != port {
		http.Error(rw, "no such Service", http.StatusBadGateway)
		return
	}
	if len(to.Spec.Selector) == 0 {
		w.forwardToReplica(rw, r, service)
		return
	}
	var pods corev1.PodList
	if err := w.api.List(ctx, &pods, in, client.MatchingLabels(to.Spec.Selector)); err != nil || len(pods.Items) == 0 {
		http.Error(rw, "no pod", http.StatusBadGateway)
		return
	}
	args := map[string]string{}
	for _, arg := range pods.Items[0].Spec.Containers[0].Args {
		name, value, _ := strings.Cut(arg, "=")
		args[name] = value
	}
	responder.Handler(responder.Answer{Domain: args["--domain"], Token: args["--token"], Key: args["--key"]}).ServeHTTP(rw, r)
}

// routed is the Service, and its port, that a request is led to.
func (w *world) routed(r *http.Request) (service string, port int32) {
	ctx, in := r.Context(), client.InNamespace(w.namespace)
	var ingresses networkingv1.IngressList
	if err := w.api.List(ctx, &ingresses, in); err != nil {
		return "", 0
	}
	for _, ingress := range ingresses.Items {
		for _, rule := range ingress.Spec.Rules {
			if rule.Host != r.Host || rule.HTTP == nil {
				continue
			}
			for _, path := range rule.HTTP.Paths {
				if path.Path == r.URL.Path && path.Backend.Service != nil {
					return path.Backend.Service.Name, path.Backend.Service.Port.Number
				}
			}
		}
	}
	var routes gwapi.HTTPRouteList
	if err := w.api.List(ctx, &routes, in); err != nil { // also if there is no Gateway API
		return "", 0
	}
	for _, route := range routes.Items {
		if !slices.Contains(route.Spec.Hostnames, gwapi.Hostname(r.Host)) || *route.Spec.Rules[0].Matches[0].Path.Value != r.URL.Path {
			continue
		}
		backend := route.Spec.Rules[0].BackendRefs[0]
		return string(backend.Name), int32(*backend.Port)
	}
	return "", 0
}

// order creates an Order for names with a signing request of its own.
func (w *world) order(name string, names ...string) *ecdsa.PrivateKey {
	w.t.Helper()
	return w.orderWith(acmev1.OrderSpec{DNSNames: names}, name)
}

// orderWith is an Order whose request and issuer are filled in.
func (w *world) orderWith(spec acmev1.OrderSpec, name string) *ecdsa.PrivateKey {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: spec.DNSNames}, key)
	if err != nil {
		w.t.Fatal(err)
	}
	spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
	spec.IssuerRef = cmmeta.IssuerReference{Name: "pebble"}
	o := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name, Annotations: w.annotations},
		Spec:       spec,
	}
	if err := w.api.Create(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	return key
}

func (w *world) get(name string) *acmev1.Order {
	w.t.Helper()
	o := &acmev1.Order{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, o); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// patience is for a busy machine; nothing here takes long.
const patience = 2 * time.Minute

// eventually waits until something is so, and fails the test with what is
// instead.
func (w *world) eventually(what string, is func() (done bool, instead any)) {
	w.t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		done, instead := is()
		if done {
			return
		}
		select {
		case <-again.C:
		case <-end.C:
			w.t.Fatalf("not so: %s; instead: %+v", what, instead)
		}
	}
}

func (w *world) eventuallyOrder(name, what string, is func(acmev1.OrderStatus) bool) {
	w.t.Helper()
	w.eventually("order is "+what, func() (bool, any) {
		status := w.get(name).Status
		return is(status), status
	})
}

// left lists what the solving of challenges has left behind.
func (w *world) left() []string {
	w.t.Helper()
	var names []string
	for kind, list := range map[string]client.ObjectList{
		"challenge": &acmev1.ChallengeList{}, "pod": &corev1.PodList{}, "service": &corev1.ServiceList{}, "ingress": &networkingv1.IngressList{},
	} {
		if err := w.api.List(w.t.Context(), list, client.InNamespace(w.namespace)); err != nil {
			w.t.Fatal(err)
		}
		err := eachItem(list, func(o client.Object) {
			if o.GetDeletionTimestamp() == nil { // a pod without a kubelet is never quite gone
				names = append(names, kind+" "+o.GetName())
			}
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return names
}

func (w *world) eventuallyClean() {
	w.t.Helper()
	w.eventually("nothing is left", func() (bool, any) {
		left := w.left()
		return len(left) == 0, left
	})
}

// events lists the reasons of the events about objects of a kind.
func (w *world) events(kind string) []string {
	w.t.Helper()
	var list eventsv1.EventList
	if err := w.api.List(w.t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	var reasons []string
	for _, e := range list.Items {
		if e.Regarding.Kind == kind {
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}
