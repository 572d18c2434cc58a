package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// gatewaySolver proves names through the node's Gateway.
func gatewaySolver() acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{
		GatewayHTTPRoute: &acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{
			Labels:     map[string]string{"team": "edge"},
			ParentRefs: []gwapi.ParentReference{{Name: "traefik", Namespace: ptr.To(gwapi.Namespace("traefik"))}},
		},
	}}
}

// issuer makes a ClusterIssuer for the time of the journey.
func (j *journey) issuer(issuer *cmv1.ClusterIssuer) cmmeta.IssuerReference {
	j.Helper()
	j.create(issuer)
	j.Cleanup(func() {
		if err := j.api.Delete(context.Background(), issuer); err != nil {
			j.Error(err)
		}
	})
	return clusterIssuer(issuer.Name)
}

// routes are the HTTPRoutes of the journey.
func (j *journey) routes(ctx context.Context) ([]string, error) {
	return j.names(ctx, &gwapi.HTTPRouteList{}, client.InNamespace(j.namespace))
}

func TestNameIsProvenThroughAGateway(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	issuer := j.issuer(j.acmeIssuerWith(j.namespace, pebbleDirectory, gatewaySolver()))
	j.create(j.certificate("leaf", issuer, j.host()))
	j.untilReady("leaf", issueLimit)
	j.untilClean()
	j.until("no HTTPRoute is left", time.Minute, func(ctx context.Context) (bool, string, error) {
		routes, err := j.routes(ctx)
		return len(routes) == 0, fmt.Sprint(routes), err
	})
}

func TestIngressOfTheUserIsEditedInPlaceAndLeftAsItWas(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	before := &networkingv1.Ingress{}
	before.Namespace, before.Name = j.namespace, "site"
	before.Annotations = map[string]string{
		cmv1.IngressClusterIssuerNameAnnotationKey:  pebbleIssuer,
		"acme.cert-manager.io/http01-edit-in-place": "true",
	}
	before.Spec = networkingv1.IngressSpec{
		IngressClassName: ptr.To("traefik"),
		TLS:              []networkingv1.IngressTLS{{Hosts: []string{j.host()}, SecretName: "site-tls"}},
		Rules: []networkingv1.IngressRule{{Host: j.host(), IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{
				Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix),
				Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "site", Port: networkingv1.ServiceBackendPort{Number: 80}}},
			}},
		}}}},
	}
	j.create(before)
	j.untilReady("site-tls", issueLimit)
	j.untilClean()
	j.until("the Ingress is as it was", time.Minute, func(ctx context.Context) (bool, string, error) {
		after := &networkingv1.Ingress{}
		err := j.api.Get(ctx, client.ObjectKeyFromObject(before), after)
		return equality.Semantic.DeepEqual(before.Spec, after.Spec), fmt.Sprintf("%+v", after.Spec), err
	})
	ingresses, err := j.names(t.Context(), &networkingv1.IngressList{}, client.InNamespace(j.namespace))
	if err != nil || len(ingresses) != 1 {
		t.Errorf("there are the Ingresses %q: %v", ingresses, err)
	}
}

// Not parallel: the installation is another one meanwhile.
func TestOperatorAnswersChallengesItselfWithoutPods(t *testing.T) {
	j := newJourney(t)
	t.Cleanup(func() {
		if err := j.install(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := j.install(t.Context(), "http01SolverMode=Shared"); err != nil {
		t.Fatal(err)
	}
	gateway := j.issuer(j.acmeIssuerWith(j.namespace, pebbleDirectory, gatewaySolver()))
	j.create(j.certificate("ingress", clusterIssuer(pebbleIssuer), "ingress."+j.host()))
	j.create(j.certificate("gateway", gateway, "gateway."+j.host()))
	for _, name := range []string{"ingress", "gateway"} {
		j.untilReady(name, issueLimit)
	}
	// Pods leave events behind, also when they are gone.
	events := &corev1.EventList{}
	if err := j.api.List(t.Context(), events, client.InNamespace(j.namespace)); err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Items {
		if e.InvolvedObject.Kind == "Pod" {
			t.Errorf("there was a pod: %s: %s", e.InvolvedObject.Name, e.Message)
		}
	}
	j.until("no route is left", time.Minute, func(ctx context.Context) (bool, string, error) {
		routes, err := j.routes(ctx)
		if err != nil {
			return false, "", err
		}
		ingresses, err := j.names(ctx, &networkingv1.IngressList{}, client.InNamespace(j.namespace))
		return len(routes)+len(ingresses) == 0, fmt.Sprint(routes, ingresses), err
	})
}
