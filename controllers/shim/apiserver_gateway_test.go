package shim

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/apiserver"
)

// gatewayCRDs are the CRDs that the shim is about, from the module's own files.
func gatewayCRDs(t *testing.T) envtest.CRDInstallOptions {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	options := envtest.CRDInstallOptions{ErrorIfPathMissing: true, MaxTime: time.Minute} // as apiserver.Start
	for _, r := range []string{gateways.resource, listenerSets.resource} {
		options.Paths = append(options.Paths, filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", "standard", "gateway.networking.k8s.io_"+r+".yaml"))
	}
	return options
}

func installGatewayAPI(t *testing.T, config *rest.Config) {
	t.Helper()
	if _, err := envtest.InstallCRDs(config, gatewayCRDs(t)); err != nil {
		t.Fatal(err)
	}
}

// removeGatewayAPI: the API server may be one that a former run has used.
func removeGatewayAPI(t *testing.T, config *rest.Config) {
	t.Helper()
	served, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := envtest.UninstallCRDs(config, gatewayCRDs(t)); err != nil {
		t.Fatal(err)
	}
	until(t, "the Gateway API is not served", func(context.Context) string {
		_, err := served.ServerResourcesForGroupVersion(gwapi.GroupVersion.String())
		if apierrors.IsNotFound(err) {
			return ""
		}
		return fmt.Sprintf("it is, %v", err)
	})
}

// gatewayAPI is installed once for the tests that run side by side.
var gatewayAPI sync.Once

// startWithGatewayAPI starts the shim in a cluster that has the Gateway API.
func startWithGatewayAPI(t *testing.T) cluster {
	t.Helper()
	config := apiserver.Start(t)
	gatewayAPI.Do(func() { installGatewayAPI(t, config) })
	return start(t)
}

func listener(name, host, secret string) gwapi.Listener {
	hostname := gwapi.Hostname(host)
	return gwapi.Listener{
		Name: gwapi.SectionName(name), Port: 443, Protocol: gwapi.HTTPSProtocolType, Hostname: &hostname,
		TLS: &gwapi.ListenerTLSConfig{CertificateRefs: []gwapi.SecretObjectReference{{Name: gwapi.ObjectName(secret)}}},
	}
}

func (c cluster) gateway(t *testing.T, annotations map[string]string, listeners ...gwapi.Listener) *gwapi.Gateway {
	t.Helper()
	gw := &gwapi.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "edge", Labels: map[string]string{"app": "edge"}, Annotations: annotations},
		Spec:       gwapi.GatewaySpec{GatewayClassName: "edge", Listeners: listeners},
	}
	if err := c.Create(t.Context(), gw); err != nil {
		t.Fatal(err)
	}
	return gw
}

func (c cluster) listenerSet(t *testing.T, annotations map[string]string, entry gwapi.Listener) *gwapi.ListenerSet {
	t.Helper()
	infra := gwapi.Namespace("infra")
	set := &gwapi.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "shop", Annotations: annotations},
		Spec: gwapi.ListenerSetSpec{
			ParentRef: gwapi.ParentGatewayReference{Name: "edge", Namespace: &infra},
			Listeners: []gwapi.ListenerEntry{gwapi.ListenerEntry(entry)},
		},
	}
	if err := c.Create(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	return set
}

// parentOf is what the annotations of a Certificate say about the HTTPRoute.
func parentOf(crt *cmv1.Certificate) parent {
	return parent{
		kind: crt.Annotations[acmev1.ACMECertificateHTTP01ParentRefKind], name: crt.Annotations[acmev1.ACMECertificateHTTP01ParentRefName],
		namespace: crt.Annotations[acmev1.ACMECertificateHTTP01ParentRefNamespace],
	}
}

// Not parallel, and before those that are: at first the CRDs of the Gateway
// API must not be there.
func TestGatewaysAndListenerSetsAreServedFromWhenTheirCRDsAreThere(t *testing.T) {
	removeGatewayAPI(t, apiserver.Start(t))
	c := start(t)
	issuer := map[string]string{"cert-manager.io/issuer": "ca"}
	c.ingress(t, issuer, "web.example.com")
	c.untilCertificate(t, "web-tls", "the operator works without the Gateway API", named("web.example.com"))

	installGatewayAPI(t, c.config)
	gw := c.gateway(t, issuer, listener("web", "gateway.example.com", "gateway-tls"))
	set := c.listenerSet(t, issuer, listener("web", "set.example.com", "set-tls"))
	for _, want := range []struct {
		owner        client.Object
		kind, secret string
		host         string
	}{{gw, "Gateway", "gateway-tls", "gateway.example.com"}, {set, "ListenerSet", "set-tls", "set.example.com"}} {
		crt := c.untilCertificate(t, want.secret, "the "+want.kind+" has its certificate", named(want.host))
		if !metav1.IsControlledBy(crt, want.owner) || crt.OwnerReferences[0].Kind != want.kind || crt.OwnerReferences[0].APIVersion != "gateway.networking.k8s.io/v1" {
			t.Errorf("owners of %s are %+v", want.secret, crt.OwnerReferences)
		}
	}
}

func TestCertificateFollowsItsGateway(t *testing.T) {
	t.Parallel()
	c := startWithGatewayAPI(t)
	gw := c.gateway(t, map[string]string{"cert-manager.io/cluster-issuer": "ca"},
		listener("web", "web.example.com", "web-tls"), listener("other", "other.example.com", "other-tls"))
	crt := c.untilCertificate(t, "web-tls", "the certificate is created", named("web.example.com"))
	c.untilCertificate(t, "other-tls", "the second certificate is created", named("other.example.com"))
	if got, want := parentOf(crt), (parent{kind: "Gateway", name: "edge"}); got != want {
		t.Errorf("parent of the HTTPRoute is %+v, want %+v", got, want)
	}
	if crt.Labels["app"] != "edge" || crt.Spec.IssuerRef != (cmmeta.IssuerReference{Name: "ca", Kind: "ClusterIssuer", Group: "cert-manager.io"}) {
		t.Errorf("labels are %v, issuer is %v", crt.Labels, crt.Spec.IssuerRef)
	}

	change(t, c, gw, func(gw *gwapi.Gateway) {
		host := gwapi.Hostname("www.example.com")
		gw.Spec.Listeners[0].Hostname = &host
		gw.Annotations["cert-manager.io/ignore-tls-listeners"] = "other"
	})
	c.untilCertificate(t, "web-tls", "the certificate has the other name", named("www.example.com"))
	c.untilGone(t, "other-tls")
	c.untilEvent(t, cmv1.ShimEventDeleteCertificate, "other-tls")

	change(t, c, gw, func(gw *gwapi.Gateway) { delete(gw.Annotations, "cert-manager.io/ignore-tls-listeners") })
	c.untilCertificate(t, "other-tls", "the second certificate is there again", named("other.example.com"))
	change(t, c, gw, func(gw *gwapi.Gateway) { gw.Spec.Listeners = gw.Spec.Listeners[:1] })
	c.untilGone(t, "other-tls")
	if err := c.Delete(t.Context(), crt); err != nil {
		t.Fatal(err)
	}
	c.untilCertificate(t, "web-tls", "the deleted certificate is there again", func(now *cmv1.Certificate) bool { return now.UID != crt.UID })
}

// The operator before this one ignored changes of these.
func TestChangeOfEveryAnnotationTakesEffect(t *testing.T) {
	t.Parallel()
	c := startWithGatewayAPI(t)
	ing := c.ingress(t, map[string]string{"cert-manager.io/issuer": "ca"}, "ingress.example.com")
	gw := c.gateway(t, map[string]string{"cert-manager.io/issuer": "ca"}, listener("web", "gateway.example.com", "gateway-tls"))
	certificates := map[string]client.Object{"web-tls": ing, "gateway-tls": gw}
	for name := range certificates {
		c.untilCertificate(t, name, "the certificate is created", func(*cmv1.Certificate) bool { return true })
	}
	for _, row := range []struct {
		key, value string
		got        func(*cmv1.Certificate) any
		want       any
	}{
		{"cert-manager.io/common-name", "a.example.com", func(c *cmv1.Certificate) any { return c.Spec.CommonName }, "a.example.com"},
		{"cert-manager.io/alt-names", "alt.example.com", func(c *cmv1.Certificate) any { return slices.Contains(c.Spec.DNSNames, "alt.example.com") }, true},
		{"cert-manager.io/ip-sans", "192.0.2.1", func(c *cmv1.Certificate) any { return c.Spec.IPAddresses }, []string{"192.0.2.1"}},
		{"cert-manager.io/email-sans", "jane@example.com", func(c *cmv1.Certificate) any { return c.Spec.EmailAddresses }, []string{"jane@example.com"}},
		{"cert-manager.io/uri-sans", "spiffe://example.com/a", func(c *cmv1.Certificate) any { return c.Spec.URIs }, []string{"spiffe://example.com/a"}},
		{"cert-manager.io/subject-organizations", "Example", func(c *cmv1.Certificate) any { return c.Spec.Subject }, &cmv1.X509Subject{Organizations: []string{"Example"}}},
		{"cert-manager.io/usages", "server auth", func(c *cmv1.Certificate) any { return c.Spec.Usages }, []cmv1.KeyUsage{"server auth"}},
		{"cert-manager.io/issuer-kind", "Authority", func(c *cmv1.Certificate) any { return c.Spec.IssuerRef.Kind }, "Authority"},
		{"cert-manager.io/issuer-group", "example.com", func(c *cmv1.Certificate) any { return c.Spec.IssuerRef.Group }, "example.com"},
		{"cert-manager.io/duration", "720h", func(c *cmv1.Certificate) any { return c.Spec.Duration }, &metav1.Duration{Duration: 720 * time.Hour}},
		{"cert-manager.io/renew-before-percentage", "25", func(c *cmv1.Certificate) any { return c.Spec.RenewBeforePercentage }, new(int32(25))},
		{"cert-manager.io/revision-history-limit", "3", func(c *cmv1.Certificate) any { return c.Spec.RevisionHistoryLimit }, new(int32(3))},
		{"cert-manager.io/private-key-algorithm", "Ed25519", func(c *cmv1.Certificate) any { return c.Spec.PrivateKey }, &cmv1.CertificatePrivateKey{Algorithm: cmv1.Ed25519KeyAlgorithm}},
		{
			"cert-manager.io/secret-template", `{"labels":{"a":"b"}}`,
			func(c *cmv1.Certificate) any { return c.Spec.SecretTemplate }, &cmv1.CertificateSecretTemplate{Labels: map[string]string{"a": "b"}},
		},
		{"acme.cert-manager.io/http01-ingress-class", "internal", func(c *cmv1.Certificate) any {
			return c.Annotations["acme.cert-manager.io/http01-override-ingress-class"]
		}, "internal"},
		{"example.com/team", "web", func(c *cmv1.Certificate) any { return c.Annotations["example.com/team"] }, "web"},
	} {
		// A kind that is no built-in one needs its group in the same write.
		together := map[string]string{row.key: row.value}
		if row.key == "cert-manager.io/issuer-kind" {
			together["cert-manager.io/issuer-group"] = "other.example.com"
		}
		for name, object := range certificates {
			change(t, c, object, func(o client.Object) {
				annotations := o.GetAnnotations()
				maps.Copy(annotations, together)
				o.SetAnnotations(annotations)
			})
			c.untilCertificate(t, name, row.key+" is in force", func(crt *cmv1.Certificate) bool { return cmp.Equal(row.got(crt), row.want) })
		}
	}
	// Each of them can be taken back.
	for name, object := range certificates {
		change(t, c, object, func(o client.Object) { o.SetAnnotations(map[string]string{"cert-manager.io/issuer": "ca"}) })
		c.untilCertificate(t, name, "what is asked for no more is gone", func(crt *cmv1.Certificate) bool {
			want := cmv1.CertificateSpec{
				SecretName: name, DNSNames: crt.Spec.DNSNames[:1], Usages: cmv1.DefaultKeyUsages(),
				IssuerRef: cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"},
			}
			return cmp.Equal(want, crt.Spec) && crt.Annotations["example.com/team"] == "" &&
				crt.Annotations["acme.cert-manager.io/http01-override-ingress-class"] == ""
		})
	}
}

func TestListenerSetSaysWhereItsHTTPRoutesGo(t *testing.T) {
	t.Parallel()
	c := startWithGatewayAPI(t)
	set := c.listenerSet(t, map[string]string{"cert-manager.io/issuer": "ca"}, listener("web", "shop.example.com", "shop-tls"))
	to := func(want parent) func(*cmv1.Certificate) bool {
		return func(crt *cmv1.Certificate) bool { return parentOf(crt) == want }
	}
	c.untilCertificate(t, "shop-tls", "the routes go to the ListenerSet", to(parent{kind: "ListenerSet", name: "shop"}))
	change(t, c, set, func(set *gwapi.ListenerSet) { set.Annotations[acmev1.ACMECertificateHTTP01ParentRefFallback] = "true" })
	c.untilCertificate(t, "shop-tls", "the routes go to the Gateway", to(parent{kind: "Gateway", name: "edge", namespace: "infra"}))
	change(t, c, set, func(set *gwapi.ListenerSet) { delete(set.Annotations, acmev1.ACMECertificateHTTP01ParentRefFallback) })
	c.untilCertificate(t, "shop-tls", "the routes go to the ListenerSet again", to(parent{kind: "ListenerSet", name: "shop"}))
}

func TestListenerThatIsWrongGivesOneEventAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	c := startWithGatewayAPI(t)
	elsewhere := listener("elsewhere", "elsewhere.example.com", "elsewhere-tls")
	namespace := gwapi.Namespace("infra")
	elsewhere.TLS.CertificateRefs[0].Namespace = &namespace
	everything := listener("everything", "", "everything-tls")
	everything.Hostname = nil
	gw := c.gateway(t, map[string]string{"cert-manager.io/issuer": "ca"}, elsewhere, everything, listener("web", "web.example.com", "web-tls"))
	c.untilCertificate(t, "web-tls", "the certificate of the listener that is right is created", named("web.example.com"))
	c.untilEvent(t, cmv1.ShimEventBadConfig, "listener elsewhere: tls.certificateRefs must be in the namespace "+c.namespace+", and infra/elsewhere-tls is not")
	c.untilEvent(t, cmv1.ShimEventBadConfig, "listener everything: hostname must name the host of the certificate")

	change(t, c, gw, func(gw *gwapi.Gateway) { gw.Annotations["cert-manager.io/common-name"] = "web.example.com" })
	c.untilCertificate(t, "web-tls", "the Gateway was looked at again", func(crt *cmv1.Certificate) bool { return crt.Spec.CommonName != "" })
	notes, err := c.notes(t.Context(), cmv1.ShimEventBadConfig)
	if err != nil || len(notes) != 1 {
		t.Errorf("BadConfig events: %q, %v", notes, err)
	}
	var list cmv1.CertificateList
	if err := c.List(t.Context(), &list, client.InNamespace(c.namespace)); err != nil || len(list.Items) != 1 {
		t.Errorf("there are %d certificates: %v", len(list.Items), err)
	}
}

// A Gateway often takes the place of an Ingress, with the same Secret.
func TestGatewayHasItsTurnWhenTheIngressWithTheSameSecretLetsGo(t *testing.T) {
	t.Parallel()
	c := startWithGatewayAPI(t)
	ing := c.ingress(t, map[string]string{"cert-manager.io/issuer": "ca"}, "web.example.com")
	c.untilCertificate(t, "web-tls", "the certificate is the Ingress'", named("web.example.com"))
	gw := c.gateway(t, map[string]string{"cert-manager.io/issuer": "other"}, listener("web", "web.example.com", "web-tls"))
	c.untilEvent(t, cmv1.ShimEventBadConfig, "Certificate web-tls belongs to another owner and is left as it is, but it has another issuer")
	change(t, c, ing, func(ing *networkingv1.Ingress) { delete(ing.Annotations, "cert-manager.io/issuer") })
	c.untilCertificate(t, "web-tls", "the certificate is the Gateway's", func(crt *cmv1.Certificate) bool {
		return metav1.IsControlledBy(crt, gw) && crt.Spec.IssuerRef.Name == "other"
	})
}
