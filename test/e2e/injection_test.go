package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

const (
	webhookName = "webhook" // of the Service and the Certificate
	asked       = "the webhook was asked"
)

// The webhook shows the certificate of the former CA until the very end, as
// servers do that have not seen the new one.
func TestWebhookIsTrustedWhileTheCAOfItsCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	p := &peer{journey: newJourney(t)}
	p.newCA()
	p.create(p.certificate(webhookName, cmmeta.IssuerReference{Name: "ca"}, webhookName+"."+p.namespace+".svc"))
	revision := ptr.Deref(p.untilReady(webhookName, time.Minute).Status.Revision, 0)
	shown := p.serveWebhook()
	configuration := p.webhook()
	p.untilAsked("with the certificate of the CA")

	p.newCA()
	p.renew(webhookName, revision)
	p.until("the bundle has the new CA beside the former", time.Minute, func(ctx context.Context) (bool, string, error) {
		if err := p.api.Get(ctx, client.ObjectKeyFromObject(configuration), configuration); err != nil {
			return false, "", err
		}
		list, err := pki.DecodeBundle(configuration.Webhooks[0].ClientConfig.CABundle)
		return len(list) == 2 && list[0].Equal(p.root), fmt.Sprintf("%d CAs", len(list)), err
	})
	p.untilAsked("with the certificate of the former CA")
	shown.Store(p.keyPair(webhookName))
	p.untilAsked("with the certificate of the new CA")
}

func TestDefinitionsAndAggregatedAPIsGetTheCA(t *testing.T) {
	t.Parallel()
	p := &peer{journey: newJourney(t)}
	p.newCA()
	p.create(p.certificate(webhookName, cmmeta.IssuerReference{Name: "ca"}, webhookName+"."+p.namespace+".svc"))
	p.untilReady(webhookName, time.Minute)
	group := p.namespace + ".example.com"
	annotations := map[string]any{cmv1.WantInjectAnnotation: p.namespace + "/" + webhookName}
	service := map[string]any{"namespace": p.namespace, "name": webhookName}
	for _, target := range []struct {
		object map[string]any
		bundle []string
	}{
		{map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "carts." + group, "annotations": annotations},
			"spec": map[string]any{
				"group": group, "scope": "Namespaced", "names": map[string]any{"plural": "carts", "kind": "Cart"},
				"versions": []any{map[string]any{
					"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}},
				}},
				"conversion": map[string]any{"strategy": "Webhook", "webhook": map[string]any{
					"conversionReviewVersions": []any{"v1"}, "clientConfig": map[string]any{"service": service},
				}},
			},
		}, []string{"spec", "conversion", "webhook", "clientConfig", "caBundle"}},
		{map[string]any{
			"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": "v2." + group, "annotations": annotations},
			"spec": map[string]any{"group": group, "version": "v2", "groupPriorityMinimum": int64(1000), "versionPriority": int64(15), "service": service},
		}, []string{"spec", "caBundle"}},
	} {
		o := &unstructured.Unstructured{Object: target.object}
		p.create(o)
		t.Cleanup(func() { p.remove(o) })
		p.until(o.GetKind()+" has a bundle", time.Minute, func(ctx context.Context) (bool, string, error) {
			if err := p.api.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
				return false, "", err
			}
			text, _, err := unstructured.NestedString(o.Object, target.bundle...)
			return text != "", text, err
		})
	}
}

// keyPair is the certificate in a Secret, with its key.
func (j *journey) keyPair(name string) *tls.Certificate {
	j.Helper()
	secret := &corev1.Secret{}
	if err := j.api.Get(j.Context(), client.ObjectKey{Namespace: j.namespace, Name: name}, secret); err != nil {
		j.Fatal(err)
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		j.Fatal(err)
	}
	return &pair
}

// serveWebhook serves a webhook that refuses everything, by a Service without a
// selector. It shows its certificate in each request.
func (j *journey) serveWebhook() (shown *atomic.Pointer[tls.Certificate]) {
	j.Helper()
	network, err := j.network()
	if err != nil {
		j.Fatal(err)
	}
	listener, err := network.listen(j.Context(), nodeAddress)
	if err != nil {
		j.Fatal(err)
	}
	shown = &atomic.Pointer[tls.Certificate]{}
	shown.Store(j.keyPair(webhookName))
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(j.Output(), "webhook: ", 0),
		TLSConfig:         &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return shown.Load(), nil }},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			review := &admissionv1.AdmissionReview{}
			if err := json.NewDecoder(r.Body).Decode(review); err != nil || review.Request == nil {
				http.Error(w, "no review", http.StatusBadRequest)
				return
			}
			review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Result: &metav1.Status{Message: asked}}
			review.Request = nil
			reply(w, http.StatusOK, review)
		}),
	}
	server.SetKeepAlivesEnabled(false)
	go func() { _ = server.ServeTLS(listener, "", "") }() // it ends with Close
	j.Cleanup(func() { _ = server.Close() })

	port := listener.Addr().(*net.TCPAddr).Port
	j.create(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: webhookName},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "https", Port: 443}}},
	})
	j.create(&discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: j.namespace, Name: webhookName, Labels: map[string]string{discoveryv1.LabelServiceName: webhookName}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("https"), Port: ptr.To(int32(port)), Protocol: ptr.To(corev1.ProtocolTCP)}},
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{nodeAddress}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}}},
	})
	return shown
}

// webhook has the API server ask the webhook about ConfigMaps of the journey.
func (j *journey) webhook() *registrationv1.ValidatingWebhookConfiguration {
	j.Helper()
	o := &registrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: j.namespace, Annotations: map[string]string{cmv1.WantInjectAnnotation: j.namespace + "/" + webhookName}},
		Webhooks: []registrationv1.ValidatingWebhook{{
			Name: "configmaps.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: ptr.To(registrationv1.SideEffectClassNone),
			ClientConfig:      registrationv1.WebhookClientConfig{Service: &registrationv1.ServiceReference{Namespace: j.namespace, Name: webhookName}},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: j.namespace}},
			Rules: []registrationv1.RuleWithOperations{{
				Operations: []registrationv1.OperationType{registrationv1.Create},
				Rule:       registrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			}},
		}},
	}
	j.create(o)
	j.Cleanup(func() { j.remove(o) })
	return o
}

// untilAsked waits until the API server trusts the webhook. Until then it
// refuses for another reason.
func (j *journey) untilAsked(how string) {
	j.Helper()
	j.until("the webhook is asked "+how, time.Minute, func(ctx context.Context) (bool, string, error) {
		err := j.api.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "any"}}, client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), asked), fmt.Sprint(err), nil
	})
}

// renew asks for another certificate than that of a revision, as kubectl
// certwright renew does, until there is one.
func (j *journey) renew(name string, revision int) {
	j.Helper()
	c := &cmv1.Certificate{}
	j.until("Certificate "+name+" is issued again", time.Minute, func(ctx context.Context) (bool, string, error) {
		if err := j.api.Get(ctx, client.ObjectKey{Namespace: j.namespace, Name: name}, c); err != nil {
			return false, "", err
		}
		if ptr.Deref(c.Status.Revision, 0) > revision {
			return true, "", nil
		}
		seen := fmt.Sprintf("%+v", c.Status.Conditions)
		if condition(c, cmv1.CertificateConditionIssuing).Status == cmmeta.ConditionTrue {
			return false, seen, nil
		}
		c.Status.Conditions = append(c.Status.Conditions, cmv1.CertificateCondition{
			Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered,
			Message: "asked for by a journey", LastTransitionTime: ptr.To(metav1.Now()), ObservedGeneration: c.Generation,
		})
		return false, seen, j.api.Status().Update(ctx, c)
	})
}
