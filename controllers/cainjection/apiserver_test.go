package cainjection

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/operator"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	apiserver.Main(m)
}

// cluster is a real API server on which the controllers work for the sources in
// one namespace.
type cluster struct {
	client.Client

	namespace string
	requests  *requests
	apiServer []byte // its CA
}

func start(t *testing.T) cluster { return startAs(t, rest.ImpersonationConfig{}, Sources{}) }

// startAs starts the controllers with the rights of a user. Without sources they
// are those of the namespace alone.
func startAs(t *testing.T, user rest.ImpersonationConfig, sources Sources) cluster {
	t.Helper()
	admin := apiserver.Start(t)
	c := cluster{namespace: apiserver.Namespace(t, admin), requests: &requests{}, apiServer: admin.CAData}
	scheme := operator.Scheme(t, apiextensionsv1.AddToScheme)
	counted := rest.CopyConfig(admin)
	counted.Impersonate = user
	if user.UserName == "" {
		sources.Namespace = c.namespace
	}
	counted.Wrap(c.requests.through)
	o := operator.New(t, counted, scheme, c.namespace)
	err := Setup(t.Context(), o.Manager, Config{
		Clock: time.Now, Secrets: o.Secrets, Workers: 2, Grace: time.Millisecond,
		Targets: AllTargets, Sources: sources,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Start()
	if c.Client, err = client.New(admin, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	return c
}

// requests are those of the operator that are about one target.
type requests struct {
	mu   sync.Mutex
	seen []string // verb and path
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (r *requests) through(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		r.mu.Lock()
		r.seen = append(r.seen, req.Method+" "+req.URL.Path)
		r.mu.Unlock()
		return next.RoundTrip(req)
	})
}

// about counts the requests for targets whose name begins like this, by verb.
func (r *requests) about(name string) map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := map[string]int{}
	for _, seen := range r.seen {
		if verb, path, _ := strings.Cut(seen, " "); strings.HasPrefix(path[strings.LastIndexByte(path, '/')+1:], name) {
			count[verb]++
		}
	}
	return count
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

// create makes an object, which goes with the test.
func (c cluster) create(t *testing.T, o client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), o); err != nil {
		t.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
	if o.GetNamespace() != "" {
		return
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), o); client.IgnoreNotFound(err) != nil {
			t.Errorf("delete %T %s: %v", o, o.GetName(), err)
		}
	})
}

// certificate makes a Certificate, and its Secret as the operator leaves it.
func (c cluster) certificate(t *testing.T, name string, ca ...*x509.Certificate) *corev1.Secret {
	t.Helper()
	c.create(t, &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec:       cmv1.CertificateSpec{SecretName: name + "-tls", DNSNames: []string{"example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"}},
	})
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.namespace, Name: name + "-tls",
			Labels:      map[string]string{cmv1.PartOfCertManagerControllerLabelKey: "true"},
			Annotations: map[string]string{cmv1.CertificateNameKey: name},
		},
		Data: map[string][]byte{cmmeta.TLSCAKey: bundle(ca...)},
	}
	c.create(t, secret)
	return secret
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

func (c cluster) annotated(name, key, value string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Annotations: map[string]string{key: value}}
}

// validating is a configuration with webhooks that are called for nothing there
// is.
func (c cluster) validating(t *testing.T, meta metav1.ObjectMeta, names ...string) *admissionv1.ValidatingWebhookConfiguration {
	t.Helper()
	o := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: meta}
	for _, name := range names {
		o.Webhooks = append(o.Webhooks, admissionv1.ValidatingWebhook{
			Name: name, AdmissionReviewVersions: []string{"v1"}, SideEffects: ptr.To(admissionv1.SideEffectClassNone),
			ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: c.namespace, Name: "webhook"}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{"nothing.example"}, APIVersions: []string{"v1"}, Resources: []string{"nothings"}},
			}},
		})
	}
	c.create(t, o)
	return o
}

// untilInjected waits until all webhooks of a configuration have the CAs.
func (c cluster) untilInjected(t *testing.T, o *admissionv1.ValidatingWebhookConfiguration, want string) {
	t.Helper()
	until(t, "the webhooks have "+want, func(ctx context.Context) string {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error()
		}
		for _, w := range o.Webhooks {
			if got := named(w.ClientConfig.CABundle); got != want {
				return fmt.Sprintf("webhook %s has %q", w.Name, got)
			}
		}
		return ""
	})
}

func TestWebhooksGetTheCAOfACertificateThatComesLater(t *testing.T) {
	t.Parallel()
	c := start(t)
	old, current := newCA(t, "old", time.Now().Add(-time.Hour), 24*time.Hour), newCA(t, "new", time.Now(), 24*time.Hour)
	o := c.validating(t, c.annotated(c.namespace, cmv1.WantInjectAnnotation, c.namespace+"/webhook"), "one.example.com", "two.example.com")
	secret := c.certificate(t, "webhook", old)
	c.untilInjected(t, o, "old")
	if o.Webhooks[0].ClientConfig.Service == nil || len(o.Webhooks[0].Rules) != 1 {
		t.Errorf("the rest of a webhook has changed: %+v", o.Webhooks[0])
	}
	owner := slices.ContainsFunc(o.ManagedFields, func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == fieldOwner && e.Operation == metav1.ManagedFieldsOperationApply
	})
	if !owner {
		t.Errorf("%s has applied nothing: %+v", fieldOwner, o.ManagedFields)
	}

	change(t, c, secret, func(s *corev1.Secret) { s.Data[cmmeta.TLSCAKey] = bundle(current) })
	c.untilInjected(t, o, "new old")

	// Whoever deploys the webhook anew has no bundle in his manifest.
	change(t, c, o, func(o *admissionv1.ValidatingWebhookConfiguration) { o.Webhooks[1].ClientConfig.CABundle = nil })
	until(t, "the bundle is there again", func(ctx context.Context) string {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error()
		}
		if got := named(o.Webhooks[1].ClientConfig.CABundle); got != "new" {
			return fmt.Sprintf("it has %q", got)
		}
		return ""
	})
	if got := named(o.Webhooks[0].ClientConfig.CABundle); got != "new old" {
		t.Errorf("the other webhook has %q", got)
	}

	// One that joins later gets the CA, and one that goes is not held up.
	change(t, c, o, func(o *admissionv1.ValidatingWebhookConfiguration) {
		third := o.Webhooks[0].DeepCopy()
		third.Name, third.ClientConfig.CABundle = "three.example.com", nil
		o.Webhooks = []admissionv1.ValidatingWebhook{o.Webhooks[1], *third}
	})
	c.untilInjected(t, o, "new")
}

func TestMutatingWebhooksGetTheCAOfASecretThatAllowsIt(t *testing.T) {
	t.Parallel()
	c := start(t)
	ca := newCA(t, "ca", time.Now(), 24*time.Hour)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "ca"}, Data: map[string][]byte{cmmeta.TLSCAKey: bundle(ca)}}
	c.create(t, secret)
	meta := c.annotated(c.namespace, cmv1.WantInjectFromSecretAnnotation, c.namespace+"/ca")
	meta.Annotations[cmv1.WantInjectAnnotation] = c.namespace + "/does-not-count"
	o := &admissionv1.MutatingWebhookConfiguration{ObjectMeta: meta, Webhooks: []admissionv1.MutatingWebhook{{
		Name: "one.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: ptr.To(admissionv1.SideEffectClassNone),
		ClientConfig: admissionv1.WebhookClientConfig{URL: ptr.To("https://webhook.example.com"), CABundle: []byte("\n")},
	}}}
	c.create(t, o)
	c.untilTold(t, o.Name, `Secret `+c.namespace+`/ca must have the annotation cert-manager.io/allow-direct-injection: "true"`)
	change(t, c, secret, func(s *corev1.Secret) {
		s.Annotations = map[string]string{cmv1.AllowsInjectionFromSecretAnnotation: "true"}
	})
	until(t, "the webhook has the CA", func(ctx context.Context) string {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error()
		}
		if got := named(o.Webhooks[0].ClientConfig.CABundle); got != "ca" {
			return fmt.Sprintf("it has %q", got)
		}
		return ""
	})
}

func TestConversionWebhookOfADefinitionGetsTheCA(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.certificate(t, "webhook", newCA(t, "ca", time.Now(), 24*time.Hour))
	schema := &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}}
	definition := func(plural string, conversion *apiextensionsv1.CustomResourceConversion) *apiextensionsv1.CustomResourceDefinition {
		group := c.namespace + ".example.com"
		return &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: c.annotated(plural+"."+group, cmv1.WantInjectAnnotation, c.namespace+"/webhook"),
			Spec: apiextensionsv1.CustomResourceDefinitionSpec{
				Group: group, Scope: apiextensionsv1.NamespaceScoped, Conversion: conversion,
				Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: plural, Kind: strings.ToUpper(plural[:1]) + plural[1:]},
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{
					{Name: "v1", Served: true, Storage: true, Schema: schema},
				},
			},
		}
	}
	o := definition("carts", &apiextensionsv1.CustomResourceConversion{
		Strategy: apiextensionsv1.WebhookConverter,
		Webhook: &apiextensionsv1.WebhookConversion{
			ConversionReviewVersions: []string{"v1"},
			ClientConfig:             &apiextensionsv1.WebhookClientConfig{Service: &apiextensionsv1.ServiceReference{Namespace: c.namespace, Name: "webhook"}},
		},
	})
	without := definition("lamps", nil)
	c.create(t, without)
	c.create(t, o)
	until(t, "the definition has the CA", func(ctx context.Context) string {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error()
		}
		if got := named(o.Spec.Conversion.Webhook.ClientConfig.CABundle); got != "ca" {
			return fmt.Sprintf("it has %q", got)
		}
		return ""
	})
	until(t, "the definition without a webhook was looked at", func(context.Context) string {
		if got := c.requests.about(without.Name); got[http.MethodGet] == 0 {
			return fmt.Sprint(got)
		}
		return ""
	})
	if got := c.requests.about(without.Name); got[http.MethodPatch] != 0 {
		t.Errorf("it was written: %v", got)
	}
}

func TestAggregatedAPIGetsTheCAOfTheAPIServer(t *testing.T) {
	t.Parallel()
	c := start(t)
	group := c.namespace + ".example.com"
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": "v1." + group, "annotations": map[string]any{cmv1.WantInjectAPIServerCAAnnotation: "true"}},
		"spec": map[string]any{
			"group": group, "version": "v1", "groupPriorityMinimum": int64(1000), "versionPriority": int64(15), "insecureSkipTLSVerify": true,
			"service": map[string]any{"namespace": c.namespace, "name": "api"},
		},
	}}
	c.create(t, o)
	c.untilTold(t, o.GetName(), "spec.insecureSkipTLSVerify is true, which no bundle may stand beside: remove it")
	change(t, c, o, func(o *unstructured.Unstructured) {
		unstructured.RemoveNestedField(o.Object, "spec", "insecureSkipTLSVerify")
	})
	want := named(c.apiServer)
	if want == "" {
		t.Fatal("the CA of the API server has no name to know it by")
	}
	until(t, "the APIService has the CA "+want, func(ctx context.Context) string {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error()
		}
		text, _, err := unstructured.NestedString(o.Object, "spec", "caBundle")
		if err != nil {
			return err.Error()
		}
		ca, err := base64.StdEncoding.DecodeString(text)
		if got := named(ca); err != nil || got != want {
			return fmt.Sprintf("it has %q: %v", got, err)
		}
		return ""
	})
}

// untilTold waits for the event about a target that has a text in it.
func (c cluster) untilTold(t *testing.T, name, text string) {
	t.Helper()
	until(t, "people are told", func(ctx context.Context) string {
		notes, err := c.notes(ctx, name)
		if err != nil {
			return err.Error()
		}
		if !slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, text) }) {
			return fmt.Sprintf("they are told %q", notes)
		}
		return ""
	})
}

// notes are the messages of the events about a target.
func (c cluster) notes(ctx context.Context, name string) (notes []string, err error) {
	list := &eventsv1.EventList{}
	if err := c.List(ctx, list, client.InNamespace(metav1.NamespaceDefault)); err != nil {
		return nil, err
	}
	for _, e := range list.Items {
		if e.Regarding.Name == name && e.Reason == eventNotInjected {
			notes = append(notes, e.Note)
			if e.Series != nil {
				notes = append(notes, fmt.Sprintf("%s (told %d times)", e.Note, e.Series.Count))
			}
		}
	}
	return notes, nil
}

func TestWhatIsWrongIsToldOnTheTarget(t *testing.T) {
	t.Parallel()
	c := start(t)
	ca := newCA(t, "ca", time.Now(), 24*time.Hour)
	c.certificate(t, "acme")
	change(t, c, c.certificate(t, "foreign", ca), func(s *corev1.Secret) { s.Annotations[cmv1.CertificateNameKey] = "another" })
	change(t, c, c.certificate(t, "expired", newCA(t, "over", time.Now().Add(-2*time.Hour), time.Hour)), func(s *corev1.Secret) { s.Labels["team"] = "web" })
	c.create(t, &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "pending"},
		Spec:       cmv1.CertificateSpec{SecretName: "pending", DNSNames: []string{"example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"}},
	})
	for name, test := range map[string]struct{ key, value, want string }{
		// Without a namespace in it each operator tells, and other tests have theirs.
		"malformed": {cmv1.WantInjectAnnotation, "webhook", "must be the namespace and the name of a Certificate"},
		"missing":   {cmv1.WantInjectAnnotation, c.namespace + "/missing", "names Certificate " + c.namespace + "/missing, which does not exist: create it, or correct the name"},
		"pending":   {cmv1.WantInjectAnnotation, c.namespace + "/pending", "Certificate " + c.namespace + "/pending has no Secret yet: look at its condition Ready"},
		"acme":      {cmv1.WantInjectAnnotation, c.namespace + "/acme", "the issuer does not tell its CA, as ACME CAs do not"},
		"foreign":   {cmv1.WantInjectAnnotation, c.namespace + "/foreign", `has cert-manager.io/certificate-name: "another", so it is not that of Certificate foreign`},
		"expired":   {cmv1.WantInjectAnnotation, c.namespace + "/expired", "ca.crt in Secret " + c.namespace + "/expired-tls of Certificate expired has only certificates that have expired"},
		"no-secret": {cmv1.WantInjectFromSecretAnnotation, c.namespace + "/missing", "names Secret " + c.namespace + "/missing, which does not exist"},
		"word":      {cmv1.WantInjectAPIServerCAAnnotation, "yes", `must be "true", not "yes"`},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.validating(t, c.annotated(c.namespace+"-"+name, test.key, test.value), "one.example.com")
			c.untilTold(t, o.Name, test.want)
			// The next pass has nothing new to tell.
			change(t, c, o, func(o *admissionv1.ValidatingWebhookConfiguration) { o.Annotations["team"] = "web" })
			notes, err := c.notes(t.Context(), o.Name)
			if err != nil || len(notes) != 1 && strings.Contains(test.value, c.namespace) {
				t.Errorf("people are told %q: %v", notes, err)
			}
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil || o.Webhooks[0].ClientConfig.CABundle != nil {
				t.Errorf("the webhook has a bundle: %q, %v", o.Webhooks[0].ClientConfig.CABundle, err)
			}
		})
	}
}

// Three hundred here; what five thousand cost in memory is counted apart.
func TestObjectsWithoutAnnotationCostNoRequest(t *testing.T) {
	t.Parallel()
	c := start(t)
	const many = 300
	for i := range many {
		c.validating(t, metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", c.namespace, i)})
	}
	secret := c.certificate(t, "webhook", newCA(t, "ca", time.Now(), 24*time.Hour))
	o := c.validating(t, c.annotated("z-"+c.namespace, cmv1.WantInjectAnnotation, c.namespace+"/webhook"), "one.example.com", "two.example.com")
	c.untilInjected(t, o, "ca")
	// A renewal with the same CA is followed by one with another.
	change(t, c, secret, func(s *corev1.Secret) { s.Data[corev1.TLSCertKey] = []byte("another") })
	change(t, c, secret, func(s *corev1.Secret) { s.Data[cmmeta.TLSCAKey] = bundle(newCA(t, "next", time.Now(), 24*time.Hour)) })
	c.untilInjected(t, o, "next ca")

	if got := c.requests.about(c.namespace + "-"); len(got) != 0 {
		t.Errorf("%d objects without annotation cost the requests %v", many, got)
	}
	// Each injection is a look and a write. The change that the operator sees
	// of its own write may come before it knows the answer to it.
	got := c.requests.about(o.Name)
	if got[http.MethodPatch] != 2 || got[http.MethodGet] < 2 || got[http.MethodGet] > 4 || len(got) != 2 {
		t.Errorf("two injections cost the requests %v", got)
	}
}

func TestKindThatMayNotBeReadHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	admin := apiserver.Start(t)
	api, err := client.New(admin, client.Options{Scheme: operator.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	const user = "without-definitions"
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"", "events.k8s.io", "cert-manager.io", "acme.cert-manager.io", mutatingWebhooks.Group, apiServices.Group},
		Resources: []string{"*"}, Verbs: []string{"*"},
	}}}
	cluster{Client: api}.create(t, role)
	cluster{Client: api}.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	})
	// The targets of other tests are asked for too, but not the namespaces of
	// their sources.
	c := startAs(t, rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}, Sources{})
	c.certificate(t, "webhook", newCA(t, "ca", time.Now(), 24*time.Hour))
	o := c.validating(t, c.annotated(c.namespace, cmv1.WantInjectAnnotation, c.namespace+"/webhook"), "one.example.com")
	c.untilInjected(t, o, "ca")
}

func TestOperatorOfOneNamespaceLeavesAloneWhatItHasNoRightTo(t *testing.T) {
	t.Parallel()
	admin := apiserver.Start(t)
	for name, test := range map[string]struct {
		as   rest.ImpersonationConfig
		want int
	}{
		"nobody": {rest.ImpersonationConfig{UserName: "nobody", Groups: []string{"system:authenticated"}}, 0},
		"admin":  {rest.ImpersonationConfig{}, 4},
	} {
		config := rest.CopyConfig(admin)
		config.Impersonate = test.as
		kinds, err := granted(t.Context(), config, AllTargets.kinds())
		if err != nil || len(kinds) != test.want {
			t.Errorf("%s has rights to %d kinds, want %d: %v", name, len(kinds), test.want, err)
		}
	}
}
