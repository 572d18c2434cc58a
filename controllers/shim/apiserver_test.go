package shim

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/operator"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	apiserver.Main(m)
}

// cluster is a namespace of a real API server on which the shim works.
type cluster struct {
	client.Client

	config    *rest.Config
	namespace string
}

func start(t *testing.T) cluster {
	t.Helper()
	restConfig := apiserver.Start(t)
	namespace := apiserver.Namespace(t, restConfig)
	scheme := operator.Scheme(t, gwapi.Install)
	o := operator.New(t, restConfig, scheme, namespace)
	if err := Setup(o.Manager, Config{Workers: 2, LookEvery: 100 * time.Millisecond, ExtraCertificateAnnotations: []string{"example.com/team"}}); err != nil {
		t.Fatal(err)
	}
	o.Start()
	c, err := client.New(restConfig, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return cluster{Client: c, config: restConfig, namespace: namespace}
}

// until waits for the check to find nothing wrong.
func until(t *testing.T, what string, check func(context.Context) (problem string)) {
	t.Helper()
	var problem string
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		problem = check(ctx)
		return problem == "", nil
	})
	if err != nil {
		t.Fatalf("wait until %s: %v: %s", what, err, problem)
	}
}

func (c cluster) ingress(t *testing.T, annotations map[string]string, hosts ...string) *networkingv1.Ingress {
	t.Helper()
	ing := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "web", Labels: map[string]string{"app": "web"}, Annotations: annotations},
		Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}},
			TLS:            []networkingv1.IngressTLS{{Hosts: hosts, SecretName: "web-tls"}},
		},
	}
	if err := c.Create(t.Context(), ing); err != nil {
		t.Fatal(err)
	}
	return ing
}

// change writes a change of an object to the API server.
func change[T client.Object](t *testing.T, c cluster, object T, how func(T)) {
	t.Helper()
	before := object.DeepCopyObject().(client.Object)
	how(object)
	if err := c.Patch(t.Context(), object, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

func (c cluster) certificate(name string) *cmv1.Certificate {
	return &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}}
}

// untilCertificate waits for a Certificate that passes the check.
func (c cluster) untilCertificate(t *testing.T, name, what string, ok func(*cmv1.Certificate) bool) *cmv1.Certificate {
	t.Helper()
	crt := c.certificate(name)
	until(t, what, func(ctx context.Context) string {
		if err := c.Get(ctx, client.ObjectKeyFromObject(crt), crt); err != nil {
			return err.Error()
		}
		if !ok(crt) {
			return cmp.Diff(nil, crt.Spec)
		}
		return ""
	})
	return crt
}

func (c cluster) untilGone(t *testing.T, name string) {
	t.Helper()
	until(t, "certificate "+name+" is gone", func(ctx context.Context) string {
		switch err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &cmv1.Certificate{}); {
		case apierrors.IsNotFound(err):
			return ""
		case err != nil:
			return err.Error()
		}
		return "it is there"
	})
}

// notes are the messages of the events with a reason.
func (c cluster) notes(ctx context.Context, reason string) (notes []string, err error) {
	list := &eventsv1.EventList{}
	if err := c.List(ctx, list, client.InNamespace(c.namespace)); err != nil {
		return nil, err
	}
	for _, e := range list.Items {
		if e.Reason == reason {
			notes = append(notes, e.Note)
		}
	}
	return notes, nil
}

func (c cluster) untilEvent(t *testing.T, reason, part string) {
	t.Helper()
	until(t, "there is an event "+reason, func(ctx context.Context) string {
		notes, err := c.notes(ctx, reason)
		if err != nil {
			return err.Error()
		}
		for _, note := range notes {
			if strings.Contains(note, part) {
				return ""
			}
		}
		return "events are " + strings.Join(notes, "\n")
	})
}

func named(names ...string) func(*cmv1.Certificate) bool {
	return func(crt *cmv1.Certificate) bool { return cmp.Equal(crt.Spec.DNSNames, names) }
}

func TestCertificateFollowsItsIngress(t *testing.T) {
	t.Parallel()
	c := start(t)
	ing := c.ingress(t, map[string]string{"cert-manager.io/issuer": "ca"}, "web.example.com")

	crt := c.untilCertificate(t, "web-tls", "the certificate is created", named("web.example.com"))
	if !metav1.IsControlledBy(crt, ing) || crt.Labels["app"] != "web" {
		t.Errorf("owners %v, labels %v", crt.OwnerReferences, crt.Labels)
	}
	if want := (cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}); crt.Spec.IssuerRef != want {
		t.Errorf("issuer is %v, want %v", crt.Spec.IssuerRef, want)
	}
	c.untilEvent(t, cmv1.ShimEventCreateCertificate, "web-tls")

	// What somebody else adds survives every change of the Ingress.
	change(t, c, crt, func(crt *cmv1.Certificate) {
		crt.Labels["theirs"] = "yes"
		crt.Spec.AdditionalOutputFormats = []cmv1.CertificateAdditionalOutputFormat{{Type: "DER"}}
	})
	change(t, c, ing, func(ing *networkingv1.Ingress) {
		ing.Labels = map[string]string{"tier": "front"}
		ing.Annotations = map[string]string{"cert-manager.io/cluster-issuer": "other", "cert-manager.io/duration": "720h", "cert-manager.io/usages": "server auth"}
		ing.Spec.TLS[0].Hosts = []string{"web.example.com", "www.example.com"}
	})
	crt = c.untilCertificate(t, "web-tls", "the certificate is updated", named("web.example.com", "www.example.com"))
	if want := map[string]string{"tier": "front", "theirs": "yes"}; !cmp.Equal(crt.Labels, want) {
		t.Errorf("labels are %v, want %v", crt.Labels, want)
	}
	if crt.Spec.IssuerRef.Kind != "ClusterIssuer" || crt.Spec.Duration == nil || !cmp.Equal(crt.Spec.Usages, []cmv1.KeyUsage{"server auth"}) || len(crt.Spec.AdditionalOutputFormats) != 1 {
		t.Errorf("spec is %+v", crt.Spec)
	}
	c.untilEvent(t, cmv1.ShimEventUpdateCertificate, "web-tls")

	change(t, c, ing, func(ing *networkingv1.Ingress) { delete(ing.Annotations, "cert-manager.io/duration") })
	c.untilCertificate(t, "web-tls", "the duration is removed", func(crt *cmv1.Certificate) bool { return crt.Spec.Duration == nil })

	change(t, c, ing, func(ing *networkingv1.Ingress) { ing.Spec.TLS[0].SecretName = "renamed-tls" })
	c.untilCertificate(t, "renamed-tls", "the certificate of the other secret is created", named("web.example.com", "www.example.com"))
	c.untilGone(t, "web-tls")
	c.untilEvent(t, cmv1.ShimEventDeleteCertificate, "web-tls")
}

func TestDeletedCertificateComesBack(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.ingress(t, map[string]string{"cert-manager.io/issuer": "ca"}, "web.example.com")
	first := c.untilCertificate(t, "web-tls", "the certificate is created", named("web.example.com"))
	if err := c.Delete(t.Context(), first.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	c.untilCertificate(t, "web-tls", "it is there again", func(crt *cmv1.Certificate) bool { return crt.UID != first.UID })
}

func TestCertificateOfAnotherOwnerIsLeftAloneUntilItIsGone(t *testing.T) {
	t.Parallel()
	c := start(t)
	foreign := c.certificate("web-tls")
	foreign.Spec = cmv1.CertificateSpec{SecretName: "web-tls", DNSNames: []string{"foreign.example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"}}
	if err := c.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	c.ingress(t, map[string]string{"cert-manager.io/issuer": "ca"}, "web.example.com")
	c.untilEvent(t, cmv1.ShimEventBadConfig, "does not have the name web.example.com")
	now := c.certificate("web-tls")
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(now), now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(foreign, now); diff != "" {
		t.Errorf("the foreign certificate was changed:\n%s", diff)
	}
	if err := c.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	c.untilCertificate(t, "web-tls", "the certificate is the Ingress' own", named("web.example.com"))
}

func TestWrongAnnotationGivesOneEventAndCostsNoCertificate(t *testing.T) {
	t.Parallel()
	c := start(t)
	ing := c.ingress(t, map[string]string{"cert-manager.io/issuer": "ca"}, "web.example.com")
	before := c.untilCertificate(t, "web-tls", "the certificate is created", named("web.example.com"))
	change(t, c, ing, func(ing *networkingv1.Ingress) {
		ing.Spec.TLS = append(ing.Spec.TLS, networkingv1.IngressTLS{Hosts: []string{"more.example.com"}, SecretName: "more-tls"})
	})
	c.untilCertificate(t, "more-tls", "the second certificate is created", named("more.example.com"))

	change(t, c, ing, func(ing *networkingv1.Ingress) { ing.Annotations["cert-manager.io/duration"] = "90d" })
	c.untilEvent(t, cmv1.ShimEventBadConfig, "cert-manager.io/duration must be a duration of at least 1h0m0s such as 2160h")
	// A second look at the same mistake, which the deletion proves to have
	// happened, does not tell it again.
	change(t, c, ing, func(ing *networkingv1.Ingress) { ing.Spec.TLS = ing.Spec.TLS[:1] })
	c.untilEvent(t, cmv1.ShimEventDeleteCertificate, "more-tls")
	change(t, c, ing, func(ing *networkingv1.Ingress) {
		ing.Annotations["cert-manager.io/duration"] = "2160h"
		ing.Annotations["cert-manager.io/common-name"] = "web.example.com"
	})
	after := c.untilCertificate(t, "web-tls", "the mended annotation is in force", func(crt *cmv1.Certificate) bool { return crt.Spec.CommonName != "" })
	if after.UID != before.UID {
		t.Error("the certificate was made anew")
	}
	notes, err := c.notes(t.Context(), cmv1.ShimEventBadConfig)
	if err != nil || len(notes) != 1 {
		t.Errorf("BadConfig events: %q, %v", notes, err)
	}
}

func TestCertificateThatAPolicyRefusesGivesAnEventAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.refuse(t, "refused-tls")
	ing := c.ingress(t, map[string]string{"cert-manager.io/issuer": "ca"}, "web.example.com")
	c.untilCertificate(t, "web-tls", "the certificate is created", named("web.example.com"))
	change(t, c, ing, func(ing *networkingv1.Ingress) {
		ing.Spec.TLS = append(ing.Spec.TLS,
			networkingv1.IngressTLS{Hosts: []string{"a.example.com"}, SecretName: "refused-tls"},
			networkingv1.IngressTLS{Hosts: []string{"b.example.com"}, SecretName: "second-tls"})
	})
	c.untilCertificate(t, "second-tls", "the other certificate is created", named("b.example.com"))
	c.untilEvent(t, cmv1.ShimEventBadConfig, "Certificate refused-tls was refused")
}

// refuse makes the API server refuse Certificates of a name in the namespace.
func (c cluster) refuse(t *testing.T, name string) {
	t.Helper()
	rules := []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.Create},
		Rule:       admissionv1.Rule{APIGroups: []string{"cert-manager.io"}, APIVersions: []string{"v1"}, Resources: []string{"certificates"}},
	}}}
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: c.namespace},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: rules},
			Validations:      []admissionv1.Validation{{Expression: "object.metadata.name != '" + name + "'", Message: "no such name"}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: c.namespace},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        policy.Name,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": c.namespace},
			}},
		},
	}
	for _, object := range []client.Object{policy, binding} {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Delete(context.Background(), object); err != nil {
				t.Errorf("delete policy: %v", err)
			}
		})
	}
	until(t, "the policy is in force", func(ctx context.Context) string {
		probe := c.certificate(name)
		probe.Spec = cmv1.CertificateSpec{SecretName: name, DNSNames: []string{"probe.example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"}}
		if err := c.Create(ctx, probe, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "no such name") {
			return "a probe was not refused"
		}
		return ""
	})
}
