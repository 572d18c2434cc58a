package main

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

// globe is the outside of a test.
type globe struct {
	answers  lifecycle.SelfCheckVerdict
	text     string
	at       []netip.Addr
	recorded dns01.Verdict
	leads    string
	records  []caaRecord
}

func (g *globe) answer(context.Context, http01.Target) (lifecycle.SelfCheckVerdict, string) {
	return g.answers, g.text
}
func (g *globe) addresses(context.Context, string) ([]netip.Addr, error) { return g.at, nil }
func (g *globe) record(context.Context, string, string) (dns01.Verdict, string) {
	return g.recorded, g.text
}
func (g *globe) alias(_ context.Context, name string) (string, error) {
	if g.leads != "" {
		return g.leads, nil
	}
	return name, nil
}
func (g *globe) caa(context.Context, string) ([]caaRecord, string, error) {
	return g.records, "example.com", nil
}
func (g *globe) identities(context.Context, string) ([]string, error) {
	return []string{"letsencrypt.org"}, nil
}

// explained runs explain with a world outside, and returns what it has found.
func (w *world) explained(g *globe, code int, args ...string) *explanation {
	w.Helper()
	var out, errs safeBuffer
	c := &cli{terminal: w.terminal("", &out, &errs), outside: func([]string) (outside, error) { return g, nil }}
	args = append([]string{"certwright", "--kubeconfig", w.kubeconfig, "explain", "-o", "json"}, args...)
	if got := c.run(w.Context(), args); got != code {
		w.Fatalf("exit code %d, want %d\n%s%s", got, code, errs.String(), out.String())
	}
	for _, secret := range []string{token, keyAuthorization, "PRIVATE KEY"} {
		if strings.Contains(out.String()+errs.String(), secret) {
			w.Errorf("it shows %s", secret)
		}
	}
	var all []*explanation
	if err := json.Unmarshal([]byte(out.String()), &all); err != nil || len(all) == 0 {
		w.Fatalf("the output is %s, %v", out.String(), err)
	}
	return all[0]
}

// blames fails the test if a cause is not among those found.
func (w *world) blames(e *explanation, id string, words ...string) {
	w.Helper()
	for _, f := range e.Causes {
		if f.ID != id {
			continue
		}
		text, err := json.Marshal(f)
		if err != nil {
			w.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(string(text), word) {
				w.Errorf("it does not say %q: %s", word, text)
			}
		}
		if len(f.Fix) == 0 || f.Cause == "" {
			w.Errorf("cause or fix is missing: %s", text)
		}
		return
	}
	w.Errorf("%s is not among the causes %+v", id, e.Causes)
}

// wanting makes a Certificate that is not Ready, with a request under way.
func (w *world) wanting(change ...func(*cmv1.Certificate)) (*cmv1.Certificate, *cmv1.CertificateRequest) {
	w.Helper()
	ref := cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}
	crt := &cmv1.Certificate{ObjectMeta: w.named("shop"), Spec: cmv1.CertificateSpec{SecretName: "shop-tls", DNSNames: []string{"shop.example.com"}, IssuerRef: ref}}
	crt.Status.Conditions = lifecycle.SetCertificateCondition(nil, cmv1.CertificateCondition{
		Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionFalse, Reason: "DoesNotExist", Message: `Secret "shop-tls" does not exist`,
	}, noon)
	for _, c := range change {
		c(crt)
	}
	w.create(crt)
	req := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: "shop-1", Annotations: map[string]string{cmv1.CertificateRequestRevisionAnnotationKey: "1"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(crt, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))},
		},
		Spec: cmv1.CertificateRequestSpec{IssuerRef: ref, Request: w.csr("shop")},
	}
	return crt, req
}

func (w *world) issuer(spec cmv1.IssuerConfig, status cmmeta.ConditionStatus, reason, message string) {
	w.Helper()
	i := &cmv1.Issuer{ObjectMeta: w.named("ca"), Spec: cmv1.IssuerSpec{IssuerConfig: spec}}
	i.Status.Conditions = []cmv1.IssuerCondition{{Type: cmv1.IssuerConditionReady, Status: status, Reason: reason, Message: message, LastTransitionTime: new(metav1.NewTime(noon))}}
	w.create(i)
}

// proving makes an ACME certificate whose challenge is in trouble.
func (w *world) proving(solver acmev1.ACMEChallengeSolver, reason string, presented bool) *acmev1.Challenge {
	w.Helper()
	w.issuer(cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
		Server: "https://ca.example/dir", PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}}, Solvers: []acmev1.ACMEChallengeSolver{solver},
	}}, cmmeta.ConditionTrue, "ACMEAccountRegistered", "ready")
	_, req := w.wanting(func(crt *cmv1.Certificate) {
		issuing(&crt.Status, cmmeta.ConditionTrue, "DoesNotExist", "there is none")
	})
	req.Status.Conditions = lifecycle.SetRequestCondition(nil, cmv1.CertificateRequestCondition{Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue, Reason: "x", Message: "x"}, noon)
	w.create(req)
	order := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "shop-1-77", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(req, cmv1.GroupVersion.WithKind(cmv1.CertificateRequestKind))}},
		Spec:       acmev1.OrderSpec{Request: req.Spec.Request, IssuerRef: req.Spec.IssuerRef, DNSNames: []string{"shop.example.com"}},
		Status:     acmev1.OrderStatus{State: acmev1.Pending, URL: "https://ca.example/order/1", Reason: reason},
	}
	w.create(order)
	kind := acmev1.ACMEChallengeTypeHTTP01
	if solver.DNS01 != nil {
		kind = acmev1.ACMEChallengeTypeDNS01
	}
	ch := &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "shop-1-77-1", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(order, acmev1.GroupVersion.WithKind("Order"))}},
		Spec: acmev1.ChallengeSpec{
			URL: "https://ca.example/chall/1", AuthorizationURL: "https://ca.example/authz/1", DNSName: "shop.example.com", Type: kind,
			Token: token, Key: keyAuthorization, IssuerRef: req.Spec.IssuerRef, Solver: solver,
		},
		Status: acmev1.ChallengeStatus{State: acmev1.Pending, Presented: presented, Processing: true, Reason: reason},
	}
	w.create(ch)
	return ch
}

var (
	overHTTP       = acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}
	overCloudflare = acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{Cloudflare: &acmev1.ACMEIssuerDNS01ProviderCloudflare{
		APIToken: &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "cf"}, Key: "token"},
	}}}
)

func TestExplainOfAReadyCertificateFindsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 1)
	if e := w.explained(&globe{}, exitOK, "certificate", "shop"); !e.OK || len(e.Causes) > 0 {
		t.Errorf("it is %+v", e)
	}
}

func TestExplainNamesTheIssuerThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, req := w.wanting()
	w.create(req)
	w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), "issuer-missing", `There is no Issuer \"ca\"`, "ClusterIssuer")
	w.blames(w.explained(&globe{}, exitNot, "certificaterequest", "shop-1"), "issuer-missing")
}

func TestExplainNamesTheKindOfIssuerThatTheClusterDoesNotHave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(func(crt *cmv1.Certificate) {
		crt.Spec.IssuerRef.Kind, crt.Spec.IssuerRef.Group = "Other", "example.com"
	})
	w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), "issuer-kind-missing", "example.com")
}

func TestExplainNamesTheSecretThatACAIssuerLacks(t *testing.T) {
	t.Parallel()
	for reason, id := range map[string]string{
		cmv1.IssuerReasonErrGetKeyPair: "ca-secret-missing", cmv1.IssuerReasonErrInvalidKeyPair: "ca-secret-invalid", cmv1.IssuerReasonInvalidConfig: "issuer-not-ready",
	} {
		w := newWorld(t)
		w.wanting()
		w.issuer(cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "root"}}, cmmeta.ConditionFalse, reason, "so it is")
		w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), id, "so it is")
		w.blames(w.explained(&globe{}, exitNot, "issuer/ca"), id)
	}
}

func TestExplainNamesTheTokenThatADNSProviderRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(&corev1.Secret{ObjectMeta: w.named("cf"), Data: map[string][]byte{"token": []byte(token)}})
	w.proving(overCloudflare, `"shop.example.com": add TXT record: cloudflare: 403 invalid access token; next attempt at 2026-11-24T12:30:00Z`, false)
	e := w.explained(&globe{}, exitNot, "certificate", "shop")
	w.blames(e, "dns-provider-refuses", `key \"token\" of Secret \"cf\"`, "invalid access token", "retry certificate shop")
	if e.Causes[0].ID != "dns-provider-refuses" {
		t.Errorf("it begins with %s", e.Causes[0].ID)
	}
	if e.NextAttempt == nil || !e.NextAttempt.Time.Equal(noon.Add(30*time.Minute)) {
		t.Errorf("the next attempt is at %v", e.NextAttempt)
	}
	w.blames(w.explained(&globe{}, exitNot, "challenge", "shop-1-77-1"), "dns-provider-refuses")
	got := w.do("", "explain", "certificate", "shop", "--network=false")
	w.ends(got, exitNot)
	w.golden("explain", got.out)
}

func TestExplainNamesTheCredentialsThatAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(&corev1.Secret{ObjectMeta: w.named("cf"), Data: map[string][]byte{"tokn": []byte("x")}})
	w.proving(overCloudflare, "no credentials", false)
	w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), "dns-credentials-missing", "no such key")
}

func TestExplainTellsThatTheTXTRecordIsNotWhereTheCALooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(&corev1.Secret{ObjectMeta: w.named("cf"), Data: map[string][]byte{"token": []byte("x")}})
	w.proving(overCloudflare, "not seen", true)
	g := &globe{recorded: dns01.NotYet, text: "ns1.example.com (no TXT record)", leads: "acme.example.net."}
	w.blames(w.explained(g, exitNot, "certificate", "shop"), "dns-record-not-seen", "ns1.example.com (no TXT record)", "leads to acme.example.net", "cnameStrategy")
	w.blames(w.explained(&globe{recorded: dns01.Seen}, exitNot, "order", "shop-1-77"), "dns-record-seen-here")
}

func TestExplainTellsThatAWebhookIsNotInstalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.proving(acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{Webhook: &acmev1.ACMEIssuerDNS01ProviderWebhook{GroupName: "acme.example.com", SolverName: "hoster"}}}, "404 Not Found", false)
	w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), "webhook-absent", "v1alpha1.acme.example.com", "404 Not Found")
}

func TestExplainTellsWhatAnswersInsteadOfTheSolver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch := w.proving(overHTTP, `"shop.example.com": self-check: the answer has status 404`, true)
	wrong := &globe{answers: lifecycle.SelfCheckWrong, text: "the answer has status 404 instead of 200", at: []netip.Addr{netip.MustParseAddr("198.51.100.1")}}
	w.blames(w.explained(wrong, exitNot, "certificate", "shop"), "self-check", "seen from here: the answer has status 404")
	w.blames(w.explained(&globe{answers: lifecycle.SelfCheckPassed}, exitNot, "certificate", "shop"), "self-check-inside")
	w.blames(w.explained(wrong, exitNot, "certificate", "shop", "--network=false"), "self-check", "seen by the operator")

	ingress := &networkingv1.Ingress{ObjectMeta: w.named(http01.Name(ch)), Spec: networkingv1.IngressSpec{
		IngressClassName: new("nobody"),
		DefaultBackend:   &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "x", Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}}
	w.create(ingress)
	w.blames(w.explained(wrong, exitNot, "certificate", "shop"), "ingress-class", `no IngressClass \"nobody\"`)
	ingress.Spec.IngressClassName = nil
	if err := w.Update(t.Context(), ingress); err != nil {
		t.Fatal(err)
	}
	w.blames(w.explained(wrong, exitNot, "certificate", "shop"), "ingress-no-address")
	ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "203.0.113.7"}}
	if err := w.Status().Update(t.Context(), ingress); err != nil {
		t.Fatal(err)
	}
	w.blames(w.explained(wrong, exitNot, "certificate", "shop"), "dns-elsewhere", "198.51.100.1", "203.0.113.7")
}

func TestExplainDoesNotBlameWhatIsGoneForAProofThatFailed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		id     string
		change func(*acmev1.ChallengeStatus)
	}{
		{"proof-refused", func(s *acmev1.ChallengeStatus) { s.State, s.Presented, s.Processing = acmev1.Invalid, false, false }},
		{"challenge-waits", func(s *acmev1.ChallengeStatus) { s.State, s.Processing = acmev1.Pending, false }},
	} {
		for _, solver := range []acmev1.ACMEChallengeSolver{overHTTP, overCloudflare} {
			w := newWorld(t)
			ch := w.proving(solver, "so it is", false)
			if err := w.Get(t.Context(), client.ObjectKeyFromObject(ch), ch); err != nil {
				t.Fatal(err)
			}
			row.change(&ch.Status)
			if err := w.Status().Update(t.Context(), ch); err != nil {
				t.Fatal(err)
			}
			e := w.explained(&globe{answers: lifecycle.SelfCheckWrong, text: "404"}, exitNot, "certificate", "shop")
			w.blames(e, row.id, "so it is")
			for _, f := range e.Causes {
				if f.ID == "self-check" || strings.HasPrefix(f.ID, "dns-") {
					t.Errorf("%s: it blames %s", row.id, f.ID)
				}
			}
		}
	}
}

func TestExplainTellsThatTheSolversPodDoesNotRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch := w.proving(overHTTP, "it does not run", true)
	pod := &corev1.Pod{
		ObjectMeta: w.named(http01.Name(ch)), Spec: corev1.PodSpec{AutomountServiceAccountToken: new(false), Containers: []corev1.Container{{Name: "solver", Image: "x"}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: "solver", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}},
	}
	w.create(pod)
	w.blames(w.explained(&globe{answers: lifecycle.SelfCheckUnreachable, text: "refused"}, exitNot, "certificate", "shop"), "solver-pod", "image can not be pulled")
}

func TestExplainReadsCAARecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.proving(overHTTP, "", false)
	g := &globe{records: []caaRecord{{"issue", "other.example"}}}
	w.blames(w.explained(g, exitNot, "certificate", "shop"), "caa-forbids", "other.example", "letsencrypt.org")
	for _, row := range []struct {
		name     string
		records  []caaRecord
		wildcard bool
		want     bool
	}{
		{"no issue property is no restriction", []caaRecord{{"iodef", "mailto:a@example.com"}}, false, true},
		{"parameters do not count", []caaRecord{{"issue", "letsencrypt.org; validationmethods=dns-01"}}, false, true},
		{"nobody may", []caaRecord{{"issue", ";"}}, false, false},
		{"issuewild goes before issue for wildcards", []caaRecord{{"issue", "letsencrypt.org"}, {"issuewild", ";"}}, true, false},
		{"issuewild says nothing about others", []caaRecord{{"issue", "letsencrypt.org"}, {"issuewild", ";"}}, false, true},
	} {
		if got := permits(row.records, row.wildcard, []string{"letsencrypt.org"}); got != row.want {
			t.Errorf("%s: %t", row.name, got)
		}
	}
}

func TestExplainTellsHowLongARateLimitLasts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch := w.proving(overHTTP, "rateLimited: too many certificates; next attempt at 2026-11-25T08:00:00Z", false)
	if err := w.Delete(t.Context(), ch); err != nil {
		t.Fatal(err)
	}
	e := w.explained(&globe{}, exitNot, "certificate", "shop")
	w.blames(e, "rate-limited", "too many certificates")
	if e.NextAttempt == nil || !e.NextAttempt.Time.Equal(noon.Add(20*time.Hour)) {
		t.Errorf("the next attempt is at %v", e.NextAttempt)
	}
	w.ends(w.do("", "retry", "certificate", "shop"), exitNot, "is being issued already, and waits", "rateLimited")
}

func TestExplainTellsWhoMayApprove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issuer(cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}, cmmeta.ConditionTrue, "IsReady", "ready")
	_, req := w.wanting()
	w.create(req)
	late := time.Now().Add(time.Hour)
	q := &inquiry{now: late, story: &story{certificate: w.certificate("shop"), requests: part[[]cmv1.CertificateRequest]{value: []cmv1.CertificateRequest{*req}}}}
	q.api = &cluster{WithWatch: w.WithWatch, namespace: w.namespace}
	found, err := requestDecided(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	w.blames(&explanation{Causes: found}, "request-not-approved", "kubectl certwright approve shop-1", "approveSignerNames")
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(req), req); err != nil {
		t.Fatal(err)
	}
	req.Status.Conditions = lifecycle.SetRequestCondition(nil, cmv1.CertificateRequestCondition{Type: cmv1.CertificateRequestConditionDenied, Status: cmmeta.ConditionTrue, Reason: "policy", Message: "no wildcards"}, noon)
	if err := w.Status().Update(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), "request-denied", "no wildcards")
}

func TestExplainTellsOfASecretThatTwoCertificatesWant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("first", 1)
	w.wanting(func(crt *cmv1.Certificate) { crt.Spec.SecretName = "first-tls" })
	w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), "secret-conflict", `Certificate \"first\" names the same Secret`)
}

func TestExplainTellsThatTheSecretWasDeletedOrDiffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(func(crt *cmv1.Certificate) { crt.Status.Revision = new(1) })
	w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), "secret-deleted")
	w.create(&corev1.Secret{ObjectMeta: w.named("shop-tls"), Data: map[string][]byte{"tls.crt": []byte("x")}})
	w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), "secret-broken", "no private key")
}

func TestExplainTellsOfACompromisedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(func(crt *cmv1.Certificate) {
		crt.Status.Conditions[0].Reason, crt.Status.Conditions[0].Message = cmv1.CertificateReasonCompromisedKey, "leaked"
	})
	w.blames(w.explained(&globe{}, exitNot, "certificate", "shop"), "compromised-key", "leaked")
}

func TestExplainTellsWhatIsWrongWithASpec(t *testing.T) {
	t.Parallel()
	found, err := specSound(t.Context(), &inquiry{story: &story{certificate: &cmv1.Certificate{}}})
	if err != nil {
		t.Fatal(err)
	}
	(&world{T: t}).blames(&explanation{Causes: found}, "invalid-spec")
}

func TestExplainTellsOfTheWaitAfterAFailureAndRetryEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issuer(cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}, cmmeta.ConditionTrue, "IsReady", "ready")
	crt, req := w.wanting(func(crt *cmv1.Certificate) {
		issuing(&crt.Status, cmmeta.ConditionFalse, "Failed", "refused; next attempt at 2026-11-24T13:50:00Z")
		crt.Status.FailedIssuanceAttempts, crt.Status.LastFailureTime = new(2), new(metav1.NewTime(noon.Add(-10*time.Minute)))
	})
	req.Annotations[cmv1.CertificateRequestPrivateKeyAnnotationKey] = lifecycle.NextKeyName("shop", string(crt.UID), 1, 0)
	req.Status.Conditions = lifecycle.SetRequestCondition(nil, cmv1.CertificateRequestCondition{Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Reason: "Failed", Message: "refused"}, noon)
	w.create(req)
	e := w.explained(&globe{}, exitNot, "certificate", "shop")
	w.blames(e, "waits-after-failure", "failed in a row: 2", "retry certificate shop")
	w.blames(e, "request-failed", "refused")
	if e.NextAttempt == nil || !e.NextAttempt.Time.Equal(noon.Add(110*time.Minute)) {
		t.Errorf("the next attempt is at %v", e.NextAttempt)
	}
	w.role("viewer", rbacv1.PolicyRule{APIGroups: []string{"cert-manager.io"}, Resources: []string{"*"}, Verbs: []string{"get", "list"}})
	w.ends(w.do("", "--as", "viewer", "explain", "certificate", "shop", "--network=false"), exitNot,
		"you may not: it takes the permission update on certificates/status.cert-manager.io", "Not seen", "Secret: you may not read it", "Next attempt\n  2026-11-24T13:50:00Z")

	w.ends(w.do("", "retry", "certificate", "shop"), exitOK, "is tried again now")
	crt = w.certificate("shop")
	if crt.Status.FailedIssuanceAttempts != nil || crt.Status.LastFailureTime != nil || !lifecycle.IsIssuing(&crt.Status) {
		t.Fatalf("the status is %+v", crt.Status)
	}
	// The operator must not take the failure of the first attempt for one of
	// the attempt that begins.
	seen := lifecycle.CertificateSeen{Certificate: crt, Next: lifecycle.ReadRequest(req)}
	seen.Wanted, seen.WantedErr = lifecycle.ParseSpec(&crt.Spec)
	d := lifecycle.NextCertificate(seen, noon)
	if a, ok := d.Action.(lifecycle.CreateNextKey); !ok || d.Status.FailedIssuanceAttempts != nil || a.Name != *crt.Status.NextPrivateKeySecretName {
		t.Errorf("the operator does %T %+v", d.Action, d.Status)
	}
	w.ends(w.do("", "retry", "certificate", "shop"), exitOK, "is being issued already")
	w.ends(w.do("", "retry", "certificate", "nobody"), exitError, "not found")
}

func TestRetryMakesAChallengeInTroubleAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch := w.proving(overCloudflare, "invalid access token", false)
	w.ends(w.do("", "retry", "certificate", "shop"), exitOK, "Challenge shop-1-77-1 for shop.example.com is made anew")
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(ch), ch); err == nil {
		t.Error("it is still there")
	}
}

func TestExplainTellsThatTheOperatorIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := &inquiry{now: noon, story: &story{certificate: &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Name: "shop", CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))}}}, api: &cluster{WithWatch: w.WithWatch}}
	found, err := operatorAtWork(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	w.blames(&explanation{Causes: found}, "operator-missing")
	// A lease that is there would be there for the other tests, too.
	q.api.WithWatch = interceptor.NewClient(w.WithWatch, interceptor.Funcs{
		Get: func(ctx context.Context, api client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			lease, ok := o.(*coordinationv1.Lease)
			if !ok {
				return api.Get(ctx, key, o, opts...)
			}
			lease.Spec = coordinationv1.LeaseSpec{LeaseDurationSeconds: new(int32(60)), RenewTime: new(metav1.NewMicroTime(noon.Add(-10 * time.Minute)))}
			return nil
		},
	})
	if found, err = operatorAtWork(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	w.blames(&explanation{Causes: found}, "operator-down", "10m ago")
}

func TestExplainOfAnIngressWithoutAnnotationSaysWhichOneIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(&networkingv1.Ingress{ObjectMeta: w.named("web"), Spec: networkingv1.IngressSpec{
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "x", Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}})
	w.blames(w.explained(&globe{}, exitNot, "ingress", "web"), "no-certificate", "cert-manager.io/cluster-issuer")
	w.ends(w.do("", "explain", "pod", "web"), exitUsage, "explained are")
	w.ends(w.do("", "explain", "web"), exitUsage, "KIND NAME")
	w.ends(w.do("", "explain", "certificate", "nobody"), exitError, "not found")
}

func TestExplainWithoutCRDsSaysSo(t *testing.T) {
	t.Parallel()
	if f := noCRDs(context.Canceled); f.ID != "crds-missing" || len(f.Fix) == 0 {
		t.Errorf("it is %+v", f)
	}
}

func TestEventsOfACertificateStandInTheOrderOfTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pending()
	got := w.do("", "events", "shop")
	w.ends(got, exitOK)
	if want := "Normal    2d ago   Certificate/shop        Issuing     due\nWarning   1d ago   Challenge/shop-2-77-1   Presented   the answer is there\n"; got.out != want {
		t.Errorf("it says %q", got.out)
	}
	w.ends(w.do("", "events", "shop", "-o", "json"), exitOK, `"object": "Challenge/shop-2-77-1"`)
	w.ends(w.do("", "events", "nobody"), exitError, "not found")
}
