package admission

import (
	"context"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

// roleOf is what the chart lets people do by one of its roles.
func roleOf(t *testing.T, name string) []rbacv1.PolicyRule {
	t.Helper()
	for _, object := range render(t) {
		if object.GetKind() != "ClusterRole" || !strings.HasSuffix(object.GetName(), "-certwright-"+name) {
			continue
		}
		role := &rbacv1.ClusterRole{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, role); err != nil {
			t.Fatal(err)
		}
		return role.Rules
	}
	t.Fatalf("the chart has no role %s", name)
	return nil
}

// person is somebody who has roles of the chart in the world's namespace only.
func (w world) person(t *testing.T, user string, roles ...string) client.Client {
	t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: user}}
	for _, name := range roles {
		role.Rules = append(role.Rules, roleOf(t, name)...)
	}
	w.create(t, role, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})
	return w.all(t, user)
}

// all is a client for a user that knows the kinds of both groups.
func (w world) all(t *testing.T, user string) client.Client {
	t.Helper()
	config := rest.CopyConfig(w.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{cmv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// testRevocations is part of TestPolicies: the policies are there for all.
func testRevocations(t *testing.T, w world) {
	editor, owner := w.person(t, "editor", "view", "edit"), w.person(t, "owner", "view", "edit", "revoke")
	certificate := func(policy cmv1.RevocationPolicy) *cmv1.Certificate {
		return &cmv1.Certificate{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "web-"},
			Spec:       cmv1.CertificateSpec{SecretName: "web", DNSNames: []string{"a.example"}, IssuerRef: inTree, RevocationPolicy: policy},
		}
	}
	untilInForce(t, func(ctx context.Context) bool {
		return editor.Create(ctx, certificate(cmv1.RevocationPolicyOnDelete), client.DryRunAll) != nil
	})

	// Revocations themselves: RBAC.
	revocation := func(target v1alpha1.RevocationTarget) *v1alpha1.Revocation {
		return &v1alpha1.Revocation{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "r-"}, Spec: v1alpha1.RevocationSpec{Target: target}}
	}
	byName := v1alpha1.RevocationTarget{CertificateName: "web"}
	byPEM := func(kind string) v1alpha1.RevocationTarget {
		return v1alpha1.RevocationTarget{PEM: "-----BEGIN CERTIFICATE-----", IssuerRef: &cmmeta.IssuerReference{Name: "ca", Kind: kind}}
	}
	refused(t, editor.Create(t.Context(), revocation(byName), client.DryRunAll), `User "editor" cannot create resource "revocations"`)
	for what, target := range map[string]v1alpha1.RevocationTarget{
		"by name": byName, "by PEM, of an Issuer": byPEM("Issuer"), "by PEM, of an issuer without a kind": byPEM(""),
	} {
		if err := owner.Create(t.Context(), revocation(target), client.DryRunAll); err != nil {
			t.Errorf("owner revokes %s: %v", what, err)
		}
	}
	refused(t, owner.Create(t.Context(), revocation(byPEM("ClusterIssuer")), client.DryRunAll), "owner may not name a certificate of a ClusterIssuer by pem: it may belong to another namespace")
	w.grant(t, "everywhere", roleOf(t, "revoke")...)
	if err := w.all(t, "everywhere").Create(t.Context(), revocation(byPEM("ClusterIssuer")), client.DryRunAll); err != nil {
		t.Errorf("somebody who may revoke everywhere: %v", err)
	}
	existing := revocation(byName)
	if err := owner.Create(t.Context(), existing); err != nil {
		t.Fatal(err)
	}
	existing.Status.RevokedAt = &metav1.Time{}
	if err := owner.Status().Update(t.Context(), existing, client.DryRunAll); err == nil {
		t.Error("owner says what has been revoked")
	}
	if err := editor.Get(t.Context(), client.ObjectKeyFromObject(existing), &v1alpha1.Revocation{}); err != nil {
		t.Errorf("editor reads a Revocation: %v", err)
	}
	refused(t, editor.Delete(t.Context(), existing, client.DryRunAll), "cannot delete")
	key := &v1alpha1.CompromisedKey{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: strings.Repeat("a", 64)}}
	refused(t, owner.Create(t.Context(), key, client.DryRunAll), "cannot create")

	// What leads to Revocations: the policy.
	for _, policy := range []cmv1.RevocationPolicy{cmv1.RevocationPolicyOnDelete, cmv1.RevocationPolicyOnReplace} {
		refused(t, editor.Create(t.Context(), certificate(policy), client.DryRunAll),
			"editor may not set spec.revocationPolicy to "+string(policy)+": grant the verb create on revocations.certwright.dev in the namespace "+w.namespace)
		if err := owner.Create(t.Context(), certificate(policy), client.DryRunAll); err != nil {
			t.Errorf("owner sets %s: %v", policy, err)
		}
	}
	for _, policy := range []cmv1.RevocationPolicy{"", cmv1.RevocationPolicyNever} {
		if err := editor.Create(t.Context(), certificate(policy), client.DryRunAll); err != nil {
			t.Errorf("editor sets %q: %v", policy, err)
		}
	}
	plain, revoking := certificate(""), certificate(cmv1.RevocationPolicyOnDelete)
	for _, crt := range []*cmv1.Certificate{plain, revoking} {
		if err := owner.Create(t.Context(), crt); err != nil {
			t.Fatal(err)
		}
	}
	try := func(c client.Client, crt *cmv1.Certificate, change func(*cmv1.CertificateSpec)) error {
		changed := crt.DeepCopy()
		change(&changed.Spec)
		return c.Update(t.Context(), changed, client.DryRunAll)
	}
	refused(t, try(editor, plain, func(s *cmv1.CertificateSpec) { s.RevocationPolicy = cmv1.RevocationPolicyOnReplace }), "editor may not set spec.revocationPolicy")
	refused(t, try(editor, revoking, func(s *cmv1.CertificateSpec) { s.RevocationPolicy = cmv1.RevocationPolicyOnReplace }), "editor may not set spec.revocationPolicy")
	for what, change := range map[string]func(*cmv1.CertificateSpec){
		"other names": func(s *cmv1.CertificateSpec) { s.DNSNames = []string{"b.example"} },
		"no policy":   func(s *cmv1.CertificateSpec) { s.RevocationPolicy = "" },
	} {
		if err := try(editor, revoking, change); err != nil {
			t.Errorf("editor wants %s: %v", what, err)
		}
	}
}
