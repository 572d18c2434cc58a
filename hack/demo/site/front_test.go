package site

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func ingress(class, host, path string, kind networkingv1.PathType, service string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: service},
		Spec: networkingv1.IngressSpec{
			IngressClassName: &class,
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: service + "-tls"}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: path, PathType: &kind, Backend: networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Name: "http"}},
				}}},
			}}}},
		},
	}
}

// serving is a Service whose endpoint is a server that says its name.
func serving(t *testing.T, name string, ready bool) []client.Object {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s for %s by %s", name, r.Host, r.Header.Get("X-Forwarded-Proto"))
	}))
	t.Cleanup(server.Close)
	return []client.Object{
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
		},
		&discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{EndpointAddress}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
			Ports:      []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To(int32(portOf(server.Listener)))}},
		},
	}
}

func TestRequestFollowsIngressServiceAndEndpointSlice(t *testing.T) {
	t.Parallel()
	objects := []client.Object{
		ingress("traefik", "www.shop.test", "/", networkingv1.PathTypePrefix, "app"),
		ingress("traefik", "www.shop.test", "/.well-known/acme-challenge/token", networkingv1.PathTypeExact, "solver"),
		ingress("traefik", "www.shop.test", "/admin", networkingv1.PathTypePrefix, "stopped"),
		ingress("traefik", "www.shop.test", "/gone", networkingv1.PathTypePrefix, "gone"),
		ingress("other", "other.shop.test", "/", networkingv1.PathTypePrefix, "elsewhere"),
	}
	objects = append(objects, serving(t, "app", true)...)
	objects = append(objects, serving(t, "solver", true)...)
	objects = append(objects, serving(t, "stopped", false)...)
	objects = append(objects, serving(t, "elsewhere", true)...)
	f := &front{class: "traefik", api: fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(objects...).Build()}
	for _, row := range []struct {
		url    string
		status int
		body   string
	}{
		{"http://www.shop.test/", http.StatusOK, "app for www.shop.test by http"},
		{"https://www.shop.test/cart", http.StatusOK, "app for www.shop.test by https"},
		{"http://www.shop.test:5002/.well-known/acme-challenge/token", http.StatusOK, "solver for www.shop.test:5002 by http"},
		{"http://www.shop.test/.well-known/acme-challenge/other", http.StatusOK, "app for"},
		{"http://www.shop.test/administration", http.StatusOK, "app for"},
		{"http://www.shop.test/admin/users", http.StatusServiceUnavailable, "the Service stopped has no endpoint"},
		{"http://www.shop.test/gone", http.StatusServiceUnavailable, "read Service"},
		{"http://other.shop.test/", http.StatusNotFound, "no Ingress has a rule for it"},
		{"http://nobody.test/", http.StatusNotFound, "no Ingress has a rule for it"},
	} {
		recorder := httptest.NewRecorder()
		f.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, row.url, http.NoBody))
		if recorder.Code != row.status || !strings.Contains(recorder.Body.String(), row.body) {
			t.Errorf("%s: %d %q, want %d %q", row.url, recorder.Code, recorder.Body, row.status, row.body)
		}
	}
}

func TestCertificateIsThatOfTheSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	if err := selfSigned(certFile, keyFile, time.Now()); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app-tls"}, Data: map[string][]byte{}}
	for name, path := range map[string]string{corev1.TLSCertKey: certFile, corev1.TLSPrivateKeyKey: keyFile} {
		if secret.Data[name], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	api := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(
		ingress("traefik", "www.shop.test", "/", networkingv1.PathTypePrefix, "app"),
		ingress("traefik", "new.shop.test", "/", networkingv1.PathTypePrefix, "new"), secret).Build()
	f := &front{class: "traefik", api: api}
	for name, want := range map[string]string{
		"www.shop.test": "", "new.shop.test": `read Secret of "new.shop.test"`, "nobody.test": `no Ingress has a certificate for "nobody.test"`,
	} {
		got, err := handshake(t, f, name)
		switch {
		case want == "" && (err != nil || string(got) != string(pair.Certificate[0])):
			t.Errorf("%s: another certificate, or %v", name, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
}

// handshake returns the certificate that the front shows for a name, or the
// front's error.
func handshake(t *testing.T, f *front, name string) ([]byte, error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: f.certificateFor})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = conn.(*tls.Conn).Handshake()
		}
		served <- err
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if serverErr := <-served; serverErr != nil {
		return nil, serverErr
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Raw, nil
}

func TestEveryNameIsAtLoopbackOverUDPAndTCP(t *testing.T) {
	t.Parallel()
	address, shutdown, err := serveDNS(t.Context(), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown()
	for _, network := range []string{"udp", "tcp"} {
		for kind, want := range map[uint16]int{dns.TypeA: 1, dns.TypeAAAA: 0, dns.TypeCAA: 0} {
			question := new(dns.Msg).SetQuestion("hello.certwright.test.", kind)
			reply, _, err := (&dns.Client{Net: network}).ExchangeContext(t.Context(), question, address)
			if err != nil {
				t.Fatal(err)
			}
			if reply.Rcode != dns.RcodeSuccess || len(reply.Answer) != want {
				t.Errorf("%s %s: %v", network, dns.TypeToString[kind], reply)
			}
			if want == 1 && reply.Answer[0].(*dns.A).A.String() != "127.0.0.1" {
				t.Errorf("%s: %v", network, reply.Answer)
			}
		}
	}
}
