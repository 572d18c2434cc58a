package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// gatewaySite puts the demo's web site into the journey's namespace, behind a
// Gateway of its own that asks for a certificate.
func (j *journey) gatewaySite(issuer string) {
	j.Helper()
	objects, err := testbed.ReadManifests(j.samples())
	if err != nil {
		j.Fatal(err)
	}
	for _, o := range objects {
		switch o.GetKind() {
		case "Deployment", "Service":
			o.SetNamespace(j.namespace)
			j.create(o)
		}
	}
	gateway := &gwapi.Gateway{}
	gateway.Namespace, gateway.Name = j.namespace, "edge"
	gateway.Annotations = map[string]string{cmv1.IngressClusterIssuerNameAnnotationKey: issuer}
	gateway.Spec = gwapi.GatewaySpec{GatewayClassName: "traefik", Listeners: []gwapi.Listener{
		{Name: "http", Port: 80, Protocol: gwapi.HTTPProtocolType},
		{
			Name: "site", Port: 443, Protocol: gwapi.HTTPSProtocolType, Hostname: ptr.To(gwapi.Hostname(j.host())),
			TLS: &gwapi.ListenerTLSConfig{CertificateRefs: []gwapi.SecretObjectReference{{Name: siteSecret}}},
		},
	}}
	j.create(gateway)
	route := &gwapi.HTTPRoute{}
	route.Namespace, route.Name = j.namespace, "site"
	route.Spec = gwapi.HTTPRouteSpec{
		CommonRouteSpec: gwapi.CommonRouteSpec{ParentRefs: []gwapi.ParentReference{{Name: "edge", SectionName: ptr.To(gwapi.SectionName("site"))}}},
		Rules: []gwapi.HTTPRouteRule{{BackendRefs: []gwapi.HTTPBackendRef{{BackendRef: gwapi.BackendRef{
			BackendObjectReference: gwapi.BackendObjectReference{Name: "hello", Port: ptr.To(gwapi.PortNumber(80))},
		}}}}},
	}
	j.create(route)
}

func TestAnnotatedGatewayIsServedOverTLS(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	// Only the Gateway itself leads the CA to the answer: the issuer names none.
	issuer := j.issuer(j.acmeIssuerWith(j.namespace, pebbleDirectory, acmev1.ACMEChallengeSolver{
		HTTP01: &acmev1.ACMEChallengeSolverHTTP01{GatewayHTTPRoute: &acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{}},
	}))
	j.gatewaySite(issuer.Name)
	j.untilReady(siteSecret, issueLimit)
	answer := j.untilServed()
	j.untilClean()
	j.until("the site's HTTPRoute is the only one left", time.Minute, func(ctx context.Context) (bool, string, error) {
		routes, err := j.routes(ctx)
		return len(routes) == 1, fmt.Sprint(routes), err
	})
	if got := answer.Chain[0].DNSNames; len(got) != 1 || got[0] != j.host() {
		t.Errorf("the certificate is for %q", got)
	}

	// The listener moves to another Secret.
	gateway := &gwapi.Gateway{}
	if err := j.api.Get(t.Context(), client.ObjectKey{Namespace: j.namespace, Name: "edge"}, gateway); err != nil {
		t.Fatal(err)
	}
	before := gateway.DeepCopy()
	gateway.Spec.Listeners[1].TLS.CertificateRefs[0].Name = "moved-tls"
	if err := j.api.Patch(t.Context(), gateway, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	j.untilReady("moved-tls", issueLimit)
	j.until("the Certificate that is asked for no more is gone", time.Minute, func(ctx context.Context) (bool, string, error) {
		certificates, err := j.names(ctx, &cmv1.CertificateList{}, client.InNamespace(j.namespace))
		return len(certificates) == 1 && certificates[0] == "moved-tls", fmt.Sprint(certificates), err
	})
}
