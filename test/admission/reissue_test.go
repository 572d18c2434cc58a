package admission

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api/v1alpha1"
)

// reissuesAs is a client for a user.
func (w world) reissuesAs(t *testing.T, user string) client.Client {
	t.Helper()
	config := rest.CopyConfig(w.config)
	if user != "" {
		config.Impersonate = rest.ImpersonationConfig{UserName: user}
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reissueIn(namespace string, change func(*v1alpha1.ReissueSpec)) *v1alpha1.Reissue {
	r := &v1alpha1.Reissue{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "campaign-"},
		Spec:       v1alpha1.ReissueSpec{Selector: v1alpha1.ReissueSelector{Labels: &metav1.LabelSelector{}}},
	}
	if change != nil {
		change(&r.Spec)
	}
	return r
}

func revoking(s *v1alpha1.ReissueSpec) { s.Revoke = &v1alpha1.ReissueRevoke{} }

func crossing(namespaces ...string) func(*v1alpha1.ReissueSpec) {
	return func(s *v1alpha1.ReissueSpec) { s.Selector.Namespaces = namespaces }
}

func both(s *v1alpha1.ReissueSpec) { revoking(s); crossing("*")(s) }

// createRevocations lets a user create Revocations in one namespace.
func (w world) createRevocations(t *testing.T, user, namespace string) {
	t.Helper()
	name := user + "-revokes"
	w.create(t,
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: []rbacv1.PolicyRule{revocationRule()}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		})
}

func revocationRule() rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{"certwright.dev"}, Resources: []string{"revocations"}, Verbs: []string{"create"}}
}

// testReissues is part of TestPolicies: the policies are there for all.
func testReissues(t *testing.T, w world) {
	reissues := rbacv1.PolicyRule{APIGroups: []string{"certwright.dev"}, Resources: []string{"reissues"}, Verbs: []string{"*"}}
	w.grant(t, "issuer", reissues)
	w.grant(t, "local", reissues)
	w.grant(t, "everywhere", reissues, revocationRule())
	home := "certwright" // as the chart is rendered
	w.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}})
	w.createRevocations(t, "local", w.namespace)
	w.createRevocations(t, "local", home)
	admin := w.reissuesAs(t, "")
	untilInForce(t, func(ctx context.Context) bool {
		return admin.Create(ctx, reissueIn(w.namespace, crossing("*")), client.DryRunAll) != nil
	})
	const (
		noCrossing  = "spec.selector.namespaces can be set only in the namespace certwright"
		notHere     = "may not have certificates revoked: grant the verb create on revocations.certwright.dev in the namespace "
		notAnywhere = "may not have certificates revoked: grant the verb create on revocations.certwright.dev in all namespaces"
	)
	for _, row := range []struct {
		user, namespace string
		change          func(*v1alpha1.ReissueSpec)
		want            string // a part of the refusal; empty: it is allowed
	}{
		{"issuer", w.namespace, nil, ""},
		{"issuer", w.namespace, crossing("*"), noCrossing},
		{"issuer", w.namespace, crossing(w.namespace), noCrossing},
		{"everywhere", w.namespace, crossing("other"), noCrossing},
		{"issuer", home, crossing("*"), ""},
		{"issuer", w.namespace, revoking, "issuer " + notHere + w.namespace},
		{"issuer", home, both, "issuer " + notAnywhere},
		{"local", w.namespace, revoking, ""},
		{"local", home, revoking, ""},
		{"local", home, both, "local " + notAnywhere},
		{"everywhere", w.namespace, revoking, ""},
		{"everywhere", home, both, ""},
	} {
		err := w.reissuesAs(t, row.user).Create(t.Context(), reissueIn(row.namespace, row.change), client.DryRunAll)
		switch {
		case row.want != "":
			refused(t, err, row.want)
		case err != nil:
			t.Errorf("%s creates a Reissue in %s: %v", row.user, row.namespace, err)
		}
	}

	// A campaign that revokes is not set off by somebody who may not.
	r := reissueIn(w.namespace, func(s *v1alpha1.ReissueSpec) { revoking(s); s.DryRun = true })
	if err := admin.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	try := func(user string, change func(*v1alpha1.Reissue)) error {
		changed := r.DeepCopy()
		change(changed)
		return w.reissuesAs(t, user).Update(t.Context(), changed, client.DryRunAll)
	}
	setOff := func(r *v1alpha1.Reissue) { r.Spec.DryRun = false }
	refused(t, try("issuer", setOff), notHere)
	for what, change := range map[string]func(*v1alpha1.Reissue){
		"pauses": func(r *v1alpha1.Reissue) { r.Spec.Paused = true },
		"labels": func(r *v1alpha1.Reissue) { r.Labels = map[string]string{"a": "b"} },
	} {
		if err := try("issuer", change); err != nil {
			t.Errorf("issuer %s it: %v", what, err)
		}
	}
	if err := try("local", setOff); err != nil {
		t.Errorf("local sets it off: %v", err)
	}
}
