package admission

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/apiserver"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	apiserver.Main(m)
}

// world is an API server with the policies in force, a namespace, and users.
type world struct {
	config    *rest.Config
	admin     client.Client
	namespace string
}

// as is a client for a user, who may make, read and change requests and write
// their status, but nothing else.
func (w world) as(t *testing.T, user rest.ImpersonationConfig) client.Client {
	t.Helper()
	config := rest.CopyConfig(w.config)
	config.Impersonate = user
	return newClient(t, config)
}

func newClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, metav1.FieldValidationStrict)
}

func (w world) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := w.admin.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T: %v", object, err)
		}
		t.Cleanup(func() {
			if err := client.IgnoreNotFound(w.admin.Delete(context.Background(), object)); err != nil {
				t.Errorf("delete %T: %v", object, err)
			}
		})
	}
}

// grant lets a user do something in the whole cluster.
func (w world) grant(t *testing.T, user string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	name := w.namespace + "-" + user
	w.create(t,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		})
}

func requestRules() rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{"cert-manager.io"}, Resources: []string{"certificaterequests", "certificaterequests/status"}, Verbs: []string{"*"}}
}

func approveRule(signers ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{"cert-manager.io"}, Resources: []string{"signers"}, Verbs: []string{"approve"}, ResourceNames: signers}
}

// install puts the chart's policies into the cluster, as helm upgrade would.
func (w world) install(t *testing.T, args ...string) {
	t.Helper()
	for _, object := range render(t, args...) {
		if object.GroupVersionKind().Group != "admissionregistration.k8s.io" {
			continue
		}
		if err := w.admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("helm")); err != nil {
			t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
		t.Cleanup(func() {
			if err := client.IgnoreNotFound(w.admin.Delete(context.Background(), object)); err != nil {
				t.Errorf("delete %s: %v", object.GetName(), err)
			}
		})
	}
}

func newWorld(t *testing.T) world {
	t.Helper()
	config := apiserver.Start(t)
	return world{config: config, admin: newClient(t, config), namespace: apiserver.Namespace(t, config)}
}

func (w world) request(issuer cmmeta.IssuerReference) *cmv1.CertificateRequest {
	return &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "request-"},
		Spec: cmv1.CertificateRequestSpec{
			IssuerRef: issuer,
			Request:   []byte("-----BEGIN CERTIFICATE REQUEST-----\n"), // no policy looks into it
		},
	}
}

// untilInForce waits for policies, which takes a second or two.
func untilInForce(t *testing.T, inForce func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return inForce(ctx), nil
	})
	if err != nil {
		t.Fatalf("wait until the policies are in force: %v", err)
	}
}

// refused checks that an error is a policy's, with a part of its message.
func refused(t *testing.T, err error, part string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), part) {
		t.Errorf("error is\n%v\nwant a refusal with\n%s", err, part)
	}
}

var jane = rest.ImpersonationConfig{
	UserName: "jane", UID: "jane-uid", Groups: []string{"developers", "system:authenticated"},
	Extra: map[string][]string{"example.com/scopes": {"one", "two"}},
}

var inTree = cmmeta.IssuerReference{Name: "ca"}

// identity is who a request says has made it.
func identity(spec cmv1.CertificateRequestSpec) authenticationv1.UserInfo {
	return authenticationv1.UserInfo{Username: spec.Username, UID: spec.UID, Groups: spec.Groups, Extra: extra(spec.Extra)}
}

func extra(in map[string][]string) map[string]authenticationv1.ExtraValue {
	out := map[string]authenticationv1.ExtraValue{}
	for k, v := range in {
		out[k] = v
	}
	return out
}

// TestPolicies is one test, because the policies of a cluster are for everyone
// in it: first those for an API server that cannot change objects by policy,
// then all.
func TestPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.grant(t, "jane", requestRules())
	forged := w.request(inTree)
	forged.Spec.Username = "root"

	w.install(t)
	untilInForce(t, func(ctx context.Context) bool {
		return w.as(t, jane).Create(ctx, forged.DeepCopy(), client.DryRunAll) != nil
	})
	t.Run("without mutating policies a foreign identity is refused", func(t *testing.T) { testForeignIdentity(t, w) })

	w.install(t, "--api-versions", mutatingPolicy,
		"--set", `approval.plurals.RemoteCA\.example\.com=remotecas,approval.plurals.GlobalCA\.example\.com=globalcas`,
		"--set", `approval.clusterScoped={GlobalCA.example.com}`)
	untilInForce(t, func(ctx context.Context) bool {
		return w.as(t, jane).Create(ctx, forged.DeepCopy(), client.DryRunAll) == nil
	})
	t.Run("the identity is the caller's, whatever the request says", func(t *testing.T) { testStampedIdentity(t, w) })
	t.Run("approval needs a permission", func(t *testing.T) { testApproval(t, w) })
	t.Run("annotations of a request do not change", func(t *testing.T) { testAnnotations(t, w) })
	t.Run("a campaign reaches no further than who created it", func(t *testing.T) { testReissues(t, w) })
	t.Run("to edit Certificates is not to revoke them", func(t *testing.T) { testRevocations(t, w) })
	t.Run("a namespace can opt out of what refuses", func(t *testing.T) { testOptOut(t, w) })
}

func testForeignIdentity(t *testing.T, w world) {
	c := w.as(t, jane)
	own := func(change func(*cmv1.CertificateRequestSpec)) *cmv1.CertificateRequest {
		req := w.request(inTree)
		req.Spec.Username, req.Spec.UID, req.Spec.Groups, req.Spec.Extra = jane.UserName, jane.UID, jane.Groups, jane.Extra
		change(&req.Spec)
		return req
	}
	for field, change := range map[string]func(*cmv1.CertificateRequestSpec){
		"spec.username": func(s *cmv1.CertificateRequestSpec) { s.Username = "root" },
		"spec.uid":      func(s *cmv1.CertificateRequestSpec) { s.UID = "another" },
		"spec.groups":   func(s *cmv1.CertificateRequestSpec) { s.Groups = append([]string{"system:masters"}, s.Groups...) },
		"spec.extra":    func(s *cmv1.CertificateRequestSpec) { s.Extra = map[string][]string{"example.com/scopes": {"all"}} },
	} {
		refused(t, c.Create(t.Context(), own(change)), field+" must be")
	}
	refused(t, c.Create(t.Context(), own(func(s *cmv1.CertificateRequestSpec) { s.Groups = s.Groups[:1] })), "spec.groups must be")
	refused(t, c.Create(t.Context(), own(func(s *cmv1.CertificateRequestSpec) {
		s.Extra = map[string][]string{"example.com/scopes": {"one", "two"}, "more": {"x"}}
	})), "spec.extra must be")
	for _, req := range []*cmv1.CertificateRequest{own(func(*cmv1.CertificateRequestSpec) {}), w.request(inTree)} {
		if err := c.Create(t.Context(), req); err != nil {
			t.Errorf("an own identity, and none, are refused: %v", err)
		}
	}
}

func testStampedIdentity(t *testing.T, w world) {
	want := authenticationv1.UserInfo{Username: jane.UserName, UID: jane.UID, Groups: jane.Groups, Extra: extra(jane.Extra)}
	lying := w.request(inTree)
	lying.Spec.Username, lying.Spec.UID, lying.Spec.Groups = "root", "0", []string{"system:masters"}
	lying.Spec.Extra = map[string][]string{"example.com/scopes": {"all"}, "x": {"y"}}
	for name, req := range map[string]*cmv1.CertificateRequest{"lying": lying, "silent": w.request(inTree)} {
		if err := w.as(t, jane).Create(t.Context(), req); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, identity(req.Spec)); diff != "" {
			t.Errorf("%s: identity (-want +got):\n%s", name, diff)
		}
	}
	// Somebody without a UID and extra attributes does not keep those he wrote.
	w.grant(t, "joe", requestRules())
	req := w.request(inTree)
	req.Spec.UID, req.Spec.Extra = "0", map[string][]string{"x": {"y"}}
	if err := w.as(t, rest.ImpersonationConfig{UserName: "joe"}).Create(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(authenticationv1.UserInfo{Username: "joe", Groups: []string{"system:authenticated"}, Extra: extra(nil)}, identity(req.Spec)); diff != "" {
		t.Errorf("joe: identity (-want +got):\n%s", diff)
	}
}

// setCondition writes a condition as a user.
func setCondition(ctx context.Context, c client.Client, req *cmv1.CertificateRequest, kind cmv1.CertificateRequestConditionType) error {
	changed := req.DeepCopy()
	now := metav1.Now()
	changed.Status.Conditions = append(changed.Status.Conditions, cmv1.CertificateRequestCondition{
		Type: kind, Status: cmmeta.ConditionTrue, Reason: "Test", Message: "a test", LastTransitionTime: &now,
	})
	return c.Status().Update(ctx, changed, client.DryRunAll)
}

func testApproval(t *testing.T, w world) {
	w.grant(t, "exact", requestRules(), approveRule("issuers.cert-manager.io/"+w.namespace+".ca", "clusterissuers.cert-manager.io/shared"))
	w.grant(t, "broad", requestRules(), approveRule("issuers.cert-manager.io/*"))
	masters := rest.ImpersonationConfig{UserName: "master", Groups: []string{"system:masters"}}
	w.grant(t, "external", requestRules(), approveRule("awspcaissuers.awspca.cert-manager.io/"+w.namespace+".a", "awspcaclusterissuers.awspca.cert-manager.io/a", "remotecas.example.com/*"))
	external := rest.ImpersonationConfig{UserName: "external"}
	exact, broad := rest.ImpersonationConfig{UserName: "exact"}, rest.ImpersonationConfig{UserName: "broad"}

	tests := []struct {
		user   rest.ImpersonationConfig
		issuer cmmeta.IssuerReference
		want   string // a part of the refusal; empty: it is allowed
	}{
		{jane, inTree, "may not approve or deny requests for the signer issuers.cert-manager.io/" + w.namespace + ".ca"},
		{exact, inTree, ""},
		{exact, cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}, ""},
		{exact, cmmeta.IssuerReference{Name: "other"}, "issuers.cert-manager.io/" + w.namespace + ".other"},
		{exact, cmmeta.IssuerReference{Name: "shared", Kind: "ClusterIssuer"}, ""},
		{exact, cmmeta.IssuerReference{Name: "ca", Kind: "ClusterIssuer"}, "the signer clusterissuers.cert-manager.io/ca: grant the verb approve on signers.cert-manager.io with that resourceName, or clusterissuers.cert-manager.io/*"},
		{broad, cmmeta.IssuerReference{Name: "any"}, ""},
		{broad, cmmeta.IssuerReference{Name: "any", Kind: "ClusterIssuer"}, "clusterissuers.cert-manager.io/any"},
		{masters, cmmeta.IssuerReference{Name: "any", Kind: "ClusterIssuer"}, ""},
		{masters, cmmeta.IssuerReference{Name: "x", Kind: "Issuer", Group: "example.com"}, "issuers of the kind Issuer.example.com are not known"},
		{external, cmmeta.IssuerReference{Name: "a", Kind: "AWSPCAIssuer", Group: "awspca.cert-manager.io"}, ""},
		{external, cmmeta.IssuerReference{Name: "b", Kind: "AWSPCAIssuer", Group: "awspca.cert-manager.io"}, "the signer awspcaissuers.awspca.cert-manager.io/" + w.namespace + ".b"},
		{external, cmmeta.IssuerReference{Name: "a", Kind: "AWSPCAClusterIssuer", Group: "awspca.cert-manager.io"}, ""},
		{external, cmmeta.IssuerReference{Name: "b", Kind: "AWSPCAClusterIssuer", Group: "awspca.cert-manager.io"}, "the signer awspcaclusterissuers.awspca.cert-manager.io/b"},
		{external, cmmeta.IssuerReference{Name: "any", Kind: "RemoteCA", Group: "example.com"}, ""},
		{external, cmmeta.IssuerReference{Name: "any", Kind: "GlobalCA", Group: "example.com"}, "the signer globalcas.example.com/any"},
		{broad, cmmeta.IssuerReference{Name: "any", Kind: "RemoteCA", Group: "example.com"}, "the signer remotecas.example.com/" + w.namespace + ".any"},
	}
	for _, test := range tests {
		req := w.request(test.issuer)
		w.create(t, req)
		for _, kind := range []cmv1.CertificateRequestConditionType{cmv1.CertificateRequestConditionApproved, cmv1.CertificateRequestConditionDenied} {
			err := setCondition(t.Context(), w.as(t, test.user), req, kind)
			switch {
			case test.want != "":
				refused(t, err, test.want)
			case err != nil:
				t.Errorf("%s sets %s for %+v: %v", test.user.UserName, kind, test.issuer, err)
			}
		}
		// Whoever may write the status may say anything else in it.
		if err := setCondition(t.Context(), w.as(t, test.user), req, cmv1.CertificateRequestConditionReady); err != nil {
			t.Errorf("%s sets Ready: %v", test.user.UserName, err)
		}
	}

	// What is approved can be signed by somebody who may not approve.
	req := w.request(inTree)
	w.create(t, req)
	now := metav1.Now()
	req.Status.Conditions = []cmv1.CertificateRequestCondition{{Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue, Reason: "Test", LastTransitionTime: &now}}
	if err := w.admin.Status().Update(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if err := setCondition(t.Context(), w.as(t, jane), req, cmv1.CertificateRequestConditionReady); err != nil {
		t.Errorf("jane sets Ready of an approved request: %v", err)
	}
}

func testAnnotations(t *testing.T, w world) {
	c := w.as(t, jane)
	req := w.request(inTree)
	req.Annotations = map[string]string{
		"cert-manager.io/private-key-secret-name":            "key",
		"acme.cert-manager.io/http01-override-ingress-name":  "web",
		"example.com/theirs":                                 "1",
		"venafi.cert-manager.io/pickup-id":                   "1",
		"cert-manager.io.example.com/not-under-cert-manager": "1",
	}
	if err := c.Create(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	try := func(change func(annotations map[string]string)) error {
		changed := req.DeepCopy()
		change(changed.Annotations)
		return c.Update(t.Context(), changed, client.DryRunAll)
	}
	for key, change := range map[string]func(map[string]string){
		"cert-manager.io/private-key-secret-name":           func(a map[string]string) { a["cert-manager.io/private-key-secret-name"] = "other" },
		"cert-manager.io/certificate-name":                  func(a map[string]string) { a["cert-manager.io/certificate-name"] = "new" },
		"acme.cert-manager.io/http01-override-ingress-name": func(a map[string]string) { delete(a, "acme.cert-manager.io/http01-override-ingress-name") },
	} {
		refused(t, try(change), "the annotation "+key+" cannot be changed")
	}
	err := try(func(a map[string]string) {
		a["example.com/new"], a["venafi.cert-manager.io/pickup-id"] = "1", "2"
		a["cert-manager.io.example.com/not-under-cert-manager"] = "2"
		delete(a, "example.com/theirs")
	})
	if err != nil {
		t.Errorf("other annotations are fixed too: %v", err)
	}
	changed := req.DeepCopy()
	changed.Annotations = nil
	refused(t, c.Update(t.Context(), changed, client.DryRunAll), "cannot be changed")
}

func testOptOut(t *testing.T, w world) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: w.namespace + "-free", Labels: map[string]string{cmv1.DisableValidationLabelKey: "true"},
	}}
	w.create(t, namespace)
	w.namespace = namespace.Name
	c := w.as(t, jane)
	req := w.request(inTree)
	req.Spec.Username = "root"
	if err := c.Create(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if req.Spec.Username != "jane" {
		t.Errorf("the request says that %s made it", req.Spec.Username)
	}
	if err := setCondition(t.Context(), c, req, cmv1.CertificateRequestConditionApproved); err != nil {
		t.Errorf("approve: %v", err)
	}
	req.Annotations = map[string]string{"cert-manager.io/certificate-name": "new"}
	if err := c.Update(t.Context(), req); err != nil {
		t.Errorf("annotate: %v", err)
	}
}
