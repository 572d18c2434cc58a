package site

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// front is an ingress controller for one machine. It reads the API anew for
// each request, and serves what it finds there.
type front struct {
	api   client.Reader
	class string
}

var errNoRoute = errors.New("no Ingress has a rule for it")

// ServeHTTP leads a request to the endpoint that its Ingress says. Requests to
// a proxy, which name the host in their first line, are such requests too.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to, err := f.endpointOf(r.Context(), hostname(r.Host), r.URL.Path)
	switch {
	case errors.Is(err, errNoRoute):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: to})
		p.Out.Host = p.In.Host
		p.SetXForwarded()
	}}
	proxy.ServeHTTP(w, r)
}

// certificateFor is the one in the Secret that an Ingress names for a host.
func (f *front) certificateFor(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	ctx := hello.Context()
	ingresses, err := f.ingresses(ctx)
	if err != nil {
		return nil, err
	}
	for _, ingress := range ingresses {
		for _, section := range ingress.Spec.TLS {
			if !slices.Contains(section.Hosts, hello.ServerName) {
				continue
			}
			secret := &corev1.Secret{}
			if err := f.api.Get(ctx, client.ObjectKey{Namespace: ingress.Namespace, Name: section.SecretName}, secret); err != nil {
				return nil, fmt.Errorf("read Secret of %q: %w", hello.ServerName, err)
			}
			pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
			if err != nil {
				return nil, fmt.Errorf("read Secret of %q: %w", hello.ServerName, err)
			}
			return &pair, nil
		}
	}
	return nil, fmt.Errorf("no Ingress has a certificate for %q", hello.ServerName)
}

func (f *front) ingresses(ctx context.Context) ([]networkingv1.Ingress, error) {
	list := &networkingv1.IngressList{}
	if err := f.api.List(ctx, list); err != nil {
		return nil, fmt.Errorf("list Ingresses: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(i networkingv1.Ingress) bool { return classOf(i) != f.class }), nil
}

func classOf(i networkingv1.Ingress) string {
	if i.Spec.IngressClassName != nil {
		return *i.Spec.IngressClassName
	}
	return i.Annotations["kubernetes.io/ingress.class"] // as it was said before there was the field
}

// endpointOf follows Ingress, Service and EndpointSlice.
func (f *front) endpointOf(ctx context.Context, host, path string) (string, error) {
	ingresses, err := f.ingresses(ctx)
	if err != nil {
		return "", err
	}
	namespace, backend := route(ingresses, host, path)
	if backend == nil {
		return "", errNoRoute
	}
	service := &corev1.Service{}
	if err := f.api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: backend.Name}, service); err != nil {
		return "", fmt.Errorf("read Service: %w", err)
	}
	i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		return p.Name == backend.Port.Name && p.Name != "" || p.Port == backend.Port.Number
	})
	if i < 0 {
		return "", fmt.Errorf("the Service %s has no such port", backend.Name)
	}
	list := &discoveryv1.EndpointSliceList{}
	if err := f.api.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: backend.Name}); err != nil {
		return "", fmt.Errorf("list EndpointSlices: %w", err)
	}
	port := portIn(list.Items, service.Spec.Ports[i].Name)
	if port == 0 {
		return "", fmt.Errorf("the Service %s has no endpoint", backend.Name)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))), nil // for EndpointAddress
}

// route finds the backend of the most exact path (Ingress API: an exact path
// before prefixes, and among these the longest).
func route(ingresses []networkingv1.Ingress, host, path string) (namespace string, backend *networkingv1.IngressServiceBackend) {
	best := -1
	for _, ingress := range ingresses {
		for _, rule := range ingress.Spec.Rules {
			if rule.Host != host || rule.HTTP == nil {
				continue
			}
			for _, p := range rule.HTTP.Paths {
				if fits := howWell(p, path); fits > best && p.Backend.Service != nil {
					best, namespace, backend = fits, ingress.Namespace, p.Backend.Service
				}
			}
		}
	}
	return namespace, backend
}

// howWell is negative for a path that does not match.
func howWell(p networkingv1.HTTPIngressPath, path string) int {
	exact := p.PathType != nil && *p.PathType == networkingv1.PathTypeExact
	prefix := strings.TrimSuffix(p.Path, "/")
	switch {
	case exact && p.Path == path:
		return 2*len(path) + 1
	case !exact && (path == prefix || strings.HasPrefix(path, prefix+"/")):
		return 2 * len(prefix)
	}
	return -1
}

// portIn is where the port of a name leads; 0 if it leads nowhere.
func portIn(list []discoveryv1.EndpointSlice, name string) int32 {
	for _, slice := range list {
		ready := slices.ContainsFunc(slice.Endpoints, func(e discoveryv1.Endpoint) bool {
			return slices.Contains(e.Addresses, EndpointAddress) && (e.Conditions.Ready == nil || *e.Conditions.Ready)
		})
		for _, p := range slice.Ports {
			if ready && p.Port != nil && (p.Name == nil && name == "" || p.Name != nil && *p.Name == name) {
				return *p.Port
			}
		}
	}
	return 0
}

// hostname is a host without its port: Pebble validates at a port of its own,
// and says so.
func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}
