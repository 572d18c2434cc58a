package main

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
)

const (
	token            = "a-token-that-is-shown-to-nobody"
	keyAuthorization = "a-key-authorization-that-is-shown-to-nobody"
)

// pending makes a Certificate "shop" of an Ingress, that was issued once and is
// being renewed at an ACME CA.
func (w *world) pending() {
	w.Helper()
	ingress := &networkingv1.Ingress{ObjectMeta: w.named("web"), Spec: networkingv1.IngressSpec{
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "shop", Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}}
	w.create(ingress)
	crt := w.issued("shop", 0x1a2b)
	stored := w.certificate("shop")
	stored.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(ingress, networkingv1.SchemeGroupVersion.WithKind("Ingress"))}
	if err := w.Update(w.Context(), stored); err != nil {
		w.Fatal(err)
	}
	w.set("shop", func(s *cmv1.CertificateStatus) {
		s.Conditions[0].Status, s.Conditions[0].Message = cmmeta.ConditionFalse, "shop.example.com: the answer can not be reached from here"
		s.FailedIssuanceAttempts, s.LastFailureTime = new(2), new(metav1.NewTime(noon.Add(-90*60e9)))
		issuing(s, cmmeta.ConditionTrue, "Renewing", "due since 2026-11-24T00:00:00Z")
	})
	issuer := &cmv1.Issuer{ObjectMeta: w.named("ca"), Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}}}
	issuer.Status.Conditions = []cmv1.IssuerCondition{{Type: cmv1.IssuerConditionReady, Status: cmmeta.ConditionTrue, Reason: "IsReady", Message: "ready", LastTransitionTime: new(metav1.NewTime(noon))}}
	w.create(issuer)
	ref := crt.Spec.IssuerRef
	req := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: "shop-2", Annotations: map[string]string{cmv1.CertificateRequestRevisionAnnotationKey: "2"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(crt, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))},
		},
		Spec: cmv1.CertificateRequestSpec{IssuerRef: ref, Request: w.csr("shop")},
	}
	req.Status.Conditions = lifecycle.SetRequestCondition(nil, cmv1.CertificateRequestCondition{Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Reason: "Pending", Message: "waits for the order"}, noon)
	w.create(req)
	order := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "shop-2-77", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(req, cmv1.GroupVersion.WithKind(cmv1.CertificateRequestKind))}},
		Spec:       acmev1.OrderSpec{Request: req.Spec.Request, IssuerRef: ref, DNSNames: []string{"shop.example.com"}},
		Status: acmev1.OrderStatus{State: acmev1.Pending, URL: "https://ca.example/order/1", FinalizeURL: "https://ca.example/order/1/finalize", Authorizations: []acmev1.ACMEAuthorization{
			{URL: "https://ca.example/authz/1", Identifier: "shop.example.com", Challenges: []acmev1.ACMEChallenge{{URL: "https://ca.example/chall/1", Token: token, Type: "http-01"}}},
		}},
	}
	w.create(order)
	challenge := &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "shop-2-77-1", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(order, acmev1.GroupVersion.WithKind("Order"))}},
		Spec: acmev1.ChallengeSpec{
			URL: "https://ca.example/chall/1", AuthorizationURL: "https://ca.example/authz/1", DNSName: "shop.example.com", Type: acmev1.ACMEChallengeTypeHTTP01,
			Token: token, Key: keyAuthorization, IssuerRef: ref, Solver: acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}},
		},
		Status: acmev1.ChallengeStatus{State: acmev1.Pending, Presented: true, Processing: true, Reason: "the answer can not be reached from here"},
	}
	w.create(challenge)
	w.create(&v1alpha1.Revocation{
		ObjectMeta: w.named("shop-old"),
		Spec:       v1alpha1.RevocationSpec{Target: v1alpha1.RevocationTarget{CertificateName: "shop"}, Reason: v1alpha1.Superseded},
		Status: v1alpha1.RevocationStatus{SerialNumber: "99", Conditions: []metav1.Condition{
			{Type: v1alpha1.RevocationRevoked, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonRevoked, Message: "the CA has revoked it", LastTransitionTime: metav1.NewTime(noon)},
		}},
	})
	for i, e := range []corev1.Event{
		{Type: "Warning", Reason: "Presented", Message: "the answer is there\n", InvolvedObject: corev1.ObjectReference{Kind: "Challenge", Name: challenge.Name, UID: challenge.UID}},
		{Type: "Normal", Reason: "Issuing", Message: "due", InvolvedObject: corev1.ObjectReference{Kind: "Certificate", Name: crt.Name, UID: crt.UID}},
		{Type: "Normal", Reason: "Other", Message: "of somebody else", InvolvedObject: corev1.ObjectReference{Kind: "Certificate", Name: "other", UID: "other"}},
	} {
		e.ObjectMeta = metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "event-"}
		e.InvolvedObject.Namespace = w.namespace
		e.LastTimestamp = metav1.NewTime(noon.AddDate(0, 0, -1-i))
		if err := w.Create(w.Context(), &e); err != nil {
			w.Fatal(err)
		}
	}
}

func TestStatusAndTreeShowWhatWasMadeForACertificateButNoKeyAndNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pending()
	for golden, args := range map[string][]string{
		"status":       {"status", "certificate", "shop"},
		"tree":         {"tree", "shop"},
		"tree-ingress": {"tree", "ingress/web"},
	} {
		got := w.do("", args...)
		w.ends(got, exitOK)
		w.golden(golden, got.out)
	}
	for _, args := range [][]string{{"status", "certificate", "shop"}, {"tree", "ing/web"}, {"tree", "shop"}} {
		for _, format := range []string{"", "json", "yaml"} {
			got := w.do("", append(args, "-o", format)...)
			w.ends(got, exitOK)
			for _, secret := range []string{token, keyAuthorization, "PRIVATE KEY"} {
				if strings.Contains(got.all(), secret) {
					t.Errorf("%q -o %s shows %s", args, format, secret)
				}
			}
		}
	}
	v := &view{}
	if got := w.do("", "status", "certificate", "shop", "-o", "json"); json.Unmarshal([]byte(got.out), v) != nil || v.Secret.Certificate.Serial != "1a2b" || v.Challenges[0].DNSName != "shop.example.com" {
		t.Errorf("the output is %s", got.out)
	}
	w.ends(w.do("", "status", "certificate", "nobody"), exitError, "not found")
	w.ends(w.do("", "status", "certificates", "shop"), exitUsage, "say what: certificate NAME")
	w.ends(w.do("", "tree", "pod/shop"), exitUsage, "ingress/NAME")
	w.ends(w.do("", "tree", "ingress/nobody"), exitError, "not found")
}

func TestStatusSaysWhatTheUserMayNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pending()
	w.role("viewer", rbacv1.PolicyRule{APIGroups: []string{"cert-manager.io"}, Resources: []string{"certificates"}, Verbs: []string{"get"}})
	got := w.do("", "--as", "viewer", "status", "certificate", "shop")
	w.ends(got, exitOK, "Secret: shop-tls (you may not read it)", "CertificateRequests: you may not read it", "events: you may not read it")
}

func TestStatusOfACertificateThatHasNothingYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(&cmv1.Certificate{ObjectMeta: w.named("new"), Spec: cmv1.CertificateSpec{SecretName: "new-tls", DNSNames: []string{"new.example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "ext", Kind: "Other", Group: "example.com"}}})
	got := w.do("", "status", "certificate", "new")
	w.ends(got, exitOK)
	w.golden("status-new", got.out)
}

func TestInspectShowsTheCertificateAndNeverTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 0xbeef)
	got := w.do("", "inspect", "secret", "shop-tls")
	w.ends(got, exitOK)
	if strings.Contains(got.all(), "PRIVATE KEY") {
		t.Error("the key is shown")
	}
	w.golden("inspect", got.out)
	shown := &inspection{}
	if got := w.do("", "inspect", "secret", "shop-tls", "-o", "json"); json.Unmarshal([]byte(got.out), shown) != nil || shown.Serial != "beef" {
		t.Errorf("the output is %s", got.out)
	}
	w.create(&corev1.Secret{ObjectMeta: w.named("empty")}, &corev1.Secret{ObjectMeta: w.named("broken"), Data: map[string][]byte{"tls.crt": []byte("x")}})
	w.ends(w.do("", "inspect", "secret", "empty"), exitError, "has no certificate in tls.crt")
	w.ends(w.do("", "inspect", "secret", "broken"), exitError, "read certificate in Secret broken")
	w.ends(w.do("", "inspect", "secret", "nobody"), exitError, "not found")
	w.ends(w.do("", "inspect"), exitUsage, "say what")
}

func TestCheckAPITellsThatNothingKeepsStrangersOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // without the policies of the chart
	w.ends(w.do("", "check", "api"), exitNot, "The cert-manager API is not ready", "admission policies")
	w.ends(w.do("", "check", "api", "--wait", "120ms", "--interval", "50ms"), exitNot, "Not ready: ", "The cert-manager API is not ready")
	w.ends(w.do("", "check", "api", "--interval", "0s"), exitUsage, "--interval")
	var list cmv1.CertificateRequestList
	if err := w.List(t.Context(), &list, client.InNamespace(w.namespace)); err != nil || len(list.Items) > 0 {
		t.Errorf("%d requests are left, %v", len(list.Items), err)
	}
}

func TestVersionOfTheCommandAsksNoCluster(t *testing.T) {
	t.Parallel()
	w := &world{T: t, kubeconfig: "/does/not/exist"}
	w.ends(w.do("", "version", "--client"), exitOK, "Client Version: devel\n")
	w.ends(w.do("", "version", "--client", "-o", "yaml"), exitOK, "clientVersion: devel\n")
	w.ends(w.do("", "version"), exitError, "read kubeconfig")
}
