package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api/v1alpha1"
)

// revocation waits for the one that a command has created.
func (w *world) revocation() *v1alpha1.Revocation {
	w.Helper()
	var list v1alpha1.RevocationList
	w.eventually("a Revocation", func() bool {
		if err := w.List(w.Context(), &list, client.InNamespace(w.namespace)); err != nil {
			w.Fatal(err)
		}
		return len(list.Items) == 1
	})
	return &list.Items[0]
}

func (w *world) noRevocation() {
	w.Helper()
	var list v1alpha1.RevocationList
	if err := w.List(w.Context(), &list, client.InNamespace(w.namespace)); err != nil {
		w.Fatal(err)
	}
	if len(list.Items) > 0 {
		w.Errorf("there is a Revocation: %+v", list.Items[0].Spec)
	}
}

// condition does what the operator would.
func (w *world) condition(r *v1alpha1.Revocation, conditionType string, status metav1.ConditionStatus, reason, message string) {
	w.Helper()
	meta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{Type: conditionType, Status: status, Reason: reason, Message: message})
	if err := w.Status().Update(w.Context(), r); err != nil {
		w.Fatal(err)
	}
}

func (w *world) users(secret string) {
	w.Helper()
	w.create(
		&networkingv1.Ingress{ObjectMeta: w.named("shop"), Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "shop", Port: networkingv1.ServiceBackendPort{Number: 80}}},
			TLS:            []networkingv1.IngressTLS{{Hosts: []string{"shop.example.com"}, SecretName: secret}, {Hosts: []string{"other.example.com"}, SecretName: "other"}},
		}},
		w.pod("mail", corev1.PodSpec{Volumes: []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}}}}),
		w.pod("old", corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.com/old", EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}}}}}}),
		w.pod("proxy", corev1.PodSpec{Volumes: []corev1.Volume{{Name: "all", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}},
		}}}}}}),
		w.pod("stranger", corev1.PodSpec{Volumes: []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "other"}}}}}),
	)
}

func (w *world) pod(name string, spec corev1.PodSpec) *corev1.Pod {
	if spec.Containers == nil {
		spec.Containers = []corev1.Container{{Name: "main", Image: "example.com/" + name}}
	}
	spec.AutomountServiceAccountToken = new(false)
	w.eventually("service account", func() bool { // kube-controller-manager makes it
		return w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: "default"}, &corev1.ServiceAccount{}) == nil
	})
	return &corev1.Pod{ObjectMeta: w.named(name), Spec: spec}
}

func TestRevokeShowsWhatItIsAndWhoUsesItAsksAndWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 0x1a2b)
	w.users("shop-tls")
	end := w.begin("what?\nyes\n", "revoke", "shop", "--reason", "keyCompromise", "--hold", "10m")
	r := w.revocation()
	if got, want := r.Spec.Hold.Duration.String(), "10m0s"; got != want || r.Spec.Reason != v1alpha1.KeyCompromise || r.Spec.Target.CertificateName != "shop" || r.Spec.Reissue != "" {
		t.Errorf("the spec is not what was asked for: %+v", r.Spec)
	}
	if !strings.HasPrefix(r.Name, "shop-") {
		t.Errorf("the name %s does not say what it is about", r.Name)
	}
	w.condition(r, v1alpha1.RevocationFound, metav1.ConditionTrue, v1alpha1.ReasonTargetFound, "serial 1a2b of Issuer ca")
	w.condition(r, v1alpha1.RevocationReissued, metav1.ConditionTrue, v1alpha1.ReasonReissued, "the new certificate is stored")
	w.condition(r, v1alpha1.RevocationRevoked, metav1.ConditionTrue, v1alpha1.ReasonRevoked, "the CA has revoked it")
	got := end()
	w.ends(got, exitOK)
	// How many of the steps in between are seen is a matter of luck, the last is not.
	for _, line := range []string{"Revoked=True: the CA has revoked it", "revoked"} {
		if !strings.Contains(got.err, line+"\n") {
			t.Errorf("no line %q:\n%s", line, got.err)
		}
	}
	w.golden("revoke", got.err[:strings.Index(got.err, "created")+len("created\n")])
}

func TestRevokeEndsWithThreeIfTheCertificateIsNotRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 1)
	end := w.begin("", "revoke", "shop", "--yes")
	w.condition(w.revocation(), v1alpha1.RevocationFailed, metav1.ConditionTrue, v1alpha1.ReasonReasonRefused, "the CA takes only unspecified and superseded")
	w.ends(end(), exitNot, "Failed=True ReasonRefused: the CA takes only unspecified and superseded", "was not revoked")
}

func TestRevokeEndsWithThreeWhenTheTimeIsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 1)
	w.ends(w.do("", "revoke", "shop", "--yes", "--timeout", "300ms"), exitNot, "not revoked within 300ms; the operator goes on")
}

func TestRevokeDoesNothingWithoutAYes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 1)
	w.ends(w.do("no\n", "revoke", "shop"), exitNot, "declined: nothing was done")
	w.ends(w.do("perhaps\n", "revoke", "shop"), exitNot, "declined: nothing was done") // the input ends
	w.ends(w.do("", "revoke", "shop"), exitUsage, "--yes")
	w.noRevocation()
}

func TestRevokeOfAFileSendsCertificatesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	certPEM, keyPEM := w.leaf(7, "gone.example.com")
	file := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(file, append(keyPEM, certPEM...), 0o600); err != nil {
		t.Fatal(err)
	}
	got := w.do("", "revoke", "--pem", file, "--issuer", "clusterissuer/letsencrypt", "--reason", "cessationOfOperation", "--yes", "--wait=false", "-o", "json")
	w.ends(got, exitOK, "gone.example.com", "nothing is issued in its place until you ask")
	if strings.Contains(got.all(), "PRIVATE KEY") {
		t.Errorf("the key is shown:\n%s", got.all())
	}
	shown := &v1alpha1.Revocation{}
	if err := json.Unmarshal([]byte(got.out), shown); err != nil {
		t.Fatalf("read output: %v\n%s", err, got.out)
	}
	target := w.revocation().Spec.Target
	if target.PEM != string(certPEM) {
		t.Errorf("sent was %s", target.PEM)
	}
	if shown.Kind != "Revocation" || shown.Spec.Target.IssuerRef.Kind != "ClusterIssuer" || shown.Spec.Target.IssuerRef.Group != "cert-manager.io" {
		t.Errorf("shown is %+v", shown)
	}
}

func TestRevokeFindsSecretsAndRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 0xabc)
	for flag, name := range map[string]string{"--secret": "shop-tls", "--request": "shop-1"} {
		w.ends(w.do("no\n", "revoke", flag, name), exitNot, "Certificate shop in namespace "+w.namespace, "abc", "Issuer/ca", "shop.example.com")
	}
}

func TestRevokeSaysWhatIsWrongBeforeItAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 1)
	w.create(&corev1.Secret{ObjectMeta: w.named("empty")})
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"revoke"}, exitUsage, "say the name"},
		{[]string{"revoke", "a", "b"}, exitUsage, "say the name"},
		{[]string{"revoke", "shop", "--reason", "keycompromise"}, exitUsage, "no such reason"},
		{[]string{"revoke", "shop", "--reissue", "Later"}, exitUsage, "First or No"},
		{[]string{"revoke", "shop", "--pem", "x"}, exitUsage, "either a name or --pem"},
		{[]string{"revoke", "--pem", "x"}, exitUsage, "go together"},
		{[]string{"revoke", "shop", "--secret", "--request"}, exitUsage, "at most one"},
		{[]string{"revoke", "shop", "--hold", "x"}, exitUsage, "invalid argument"},
		{[]string{"revoke", "shop", "-o", "xml"}, exitUsage, "json, yaml, name"},
		{[]string{"revoke", "shop", "--frobnicate"}, exitUsage, "unknown flag"},
		{[]string{"revoke", "--pem", "/does/not/exist", "--issuer", "ca"}, exitError, "no such file"},
		{[]string{"revoke", "nobody"}, exitError, "not found"},
		{[]string{"revoke", "--secret", "empty"}, exitError, "Secret empty has no certificate"},
		{[]string{"revoke", "shop", "--hold", "1000h"}, exitError, "hold must be between 0s and 168h"},
		{[]string{"revoke", "--request", "shop-1", "--reissue", "First"}, exitError, "reissue First needs a target"},
	} {
		w.ends(w.do("", append(c.args, "--yes")...), c.code, c.says)
	}
	w.ends(w.do("", "revok"), exitUsage, `no command "revok"`)
	w.noRevocation()
}

func TestWhoMayRevokeNeedNotReadSecretsOrListPods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 0xfeed)
	w.role("revoker",
		rbacv1.PolicyRule{APIGroups: []string{"cert-manager.io"}, Resources: []string{"certificates", "certificaterequests"}, Verbs: []string{"get", "list"}},
		rbacv1.PolicyRule{APIGroups: []string{"certwright.dev"}, Resources: []string{"revocations"}, Verbs: []string{"create"}},
	)
	as := []string{"--as", "revoker"}
	w.ends(w.do("no\n", append(as, "revoke", "shop")...), exitNot, "feed", "may not read its Secret", "You may not list Ingresses and Pods")
	w.ends(w.do("no\n", append(as, "revoke", "--secret", "shop-tls")...), exitNot, "may not read this Secret")
	w.ends(w.do("yes\n", append(as, "revoke", "shop", "--wait=false")...), exitOK, "created")
}

func TestWhoMayNotRevokeIsToldSoBeforeTheQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 1)
	w.role("editor", rbacv1.PolicyRule{APIGroups: []string{"cert-manager.io", ""}, Resources: []string{"*"}, Verbs: []string{"*"}})
	got := w.do("yes\n", "--as", "editor", "revoke", "shop")
	w.ends(got, exitError, `cannot create resource "revocations"`)
	if strings.Contains(got.all(), "Revoke it?") {
		t.Errorf("it asks in vain:\n%s", got.all())
	}
}

// role gives a user rights in the namespace.
func (w *world) role(user string, rules ...rbacv1.PolicyRule) {
	w.Helper()
	w.create(
		&rbacv1.Role{ObjectMeta: w.named(user), Rules: rules},
		&rbacv1.RoleBinding{
			ObjectMeta: w.named(user), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		},
	)
}
