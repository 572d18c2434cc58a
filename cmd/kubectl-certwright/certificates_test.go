package main

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

func (w *world) certificate(name string) *cmv1.Certificate {
	w.Helper()
	crt := &cmv1.Certificate{}
	if err := w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, crt); err != nil {
		w.Fatal(err)
	}
	return crt
}

// set does what the operator would.
func (w *world) set(name string, change func(*cmv1.CertificateStatus)) {
	w.Helper()
	crt := w.certificate(name)
	change(&crt.Status)
	if err := w.Status().Update(w.Context(), crt); err != nil {
		w.Fatal(err)
	}
}

func issuing(s *cmv1.CertificateStatus, status cmmeta.ConditionStatus, reason, message string) {
	s.Conditions = lifecycle.SetCertificateCondition(s.Conditions, cmv1.CertificateCondition{Type: cmv1.CertificateConditionIssuing, Status: status, Reason: reason, Message: message}, noon)
}

func TestRenewSetsTheConditionThatAsksForACertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, name := range []string{"blog", "shop", "wiki"} {
		w.issued(name, int64(i))
	}
	w.ends(w.do("", "renew", "shop", "blog"), exitOK,
		"Manually triggered issuance of Certificate "+w.namespace+"/shop\n", "Manually triggered issuance of Certificate "+w.namespace+"/blog\n")
	c := lifecycle.FindCertificateCondition(w.certificate("shop").Status.Conditions, cmv1.CertificateConditionIssuing)
	if c == nil || c.Status != cmmeta.ConditionTrue || c.Reason != "ManuallyTriggered" || c.ObservedGeneration != 1 {
		t.Errorf("the condition is %+v", c)
	}
	if lifecycle.IsIssuing(&w.certificate("wiki").Status) {
		t.Error("another Certificate is asked for too")
	}
	w.ends(w.do("", "renew", "--all"), exitOK, "wiki", "shop is being issued already")
	w.ends(w.do("", "renew", "-l", "app=none"), exitNot, "no Certificate is selected")
	w.ends(w.do("", "renew", "nobody"), exitError, "not found")
	w.ends(w.do("", "renew"), exitUsage, "say which Certificates")
	w.ends(w.do("", "renew", "shop", "--all"), exitUsage, "say which Certificates")
	w.ends(w.do("", "renew", "shop", "-A"), exitUsage, "leave out --all-namespaces")
}

func TestRenewWaitsUntilItIsIssuedOrHasFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 1)
	end := w.begin("", "renew", "shop", "--wait")
	asked := func() bool { return lifecycle.IsIssuing(&w.certificate("shop").Status) }
	w.eventually("the wish", asked)
	w.set("shop", func(s *cmv1.CertificateStatus) { s.Conditions = s.Conditions[:1]; s.Revision = new(2) })
	w.ends(end(), exitOK, "Certificate "+w.namespace+"/shop is issued")

	end = w.begin("", "renew", "shop", "--wait")
	w.eventually("the wish", asked)
	w.set("shop", func(s *cmv1.CertificateStatus) {
		issuing(s, cmmeta.ConditionFalse, "Failed", "the CA refuses it")
	})
	w.ends(end(), exitNot, "was not issued: the CA refuses it", "1 of 1 were not issued")
	w.ends(w.do("", "renew", "shop", "--wait", "--timeout", "300ms"), exitNot, "not all were issued within 300ms")
}

func TestApproveAndDenyDecideOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"one", "two"} {
		w.create(&cmv1.CertificateRequest{ObjectMeta: w.named(name), Spec: cmv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Name: "ca"}, Request: w.csr(name)}})
	}
	w.ends(w.do("", "approve", "one"), exitOK, "Approved CertificateRequest '"+w.namespace+"/one'\n")
	w.ends(w.do("", "approve", "one"), exitOK, "is Approved already")
	w.ends(w.do("", "deny", "one"), exitNot, "is Approved already, and that is for good")
	w.ends(w.do("", "deny", "two", "--reason", "Policy", "--message", "not here"), exitOK, "Denied CertificateRequest '"+w.namespace+"/two'\n")
	w.ends(w.do("", "approve", "nobody"), exitError, "not found")
	w.ends(w.do("", "approve", "two", "--reason", ""), exitUsage, "must say something")
	for name, want := range map[string]string{"one": `Approved KubectlCertManager manually approved by "kubectl certwright"`, "two": "Denied Policy not here"} {
		req := &cmv1.CertificateRequest{}
		if err := w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, req); err != nil {
			t.Fatal(err)
		}
		c := req.Status.Conditions[0]
		if got := string(c.Type) + " " + c.Reason + " " + c.Message; got != want || c.Status != cmmeta.ConditionTrue {
			t.Errorf("the condition of %s is %s %s", name, got, c.Status)
		}
	}
}

func TestListHasThoseThatExpireFirstBeforeTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("a-late", 1)
	w.issued("b-expired", 2)
	w.issued("c-overdue", 3)
	w.create(&cmv1.Certificate{ObjectMeta: w.named("d-new"), Spec: cmv1.CertificateSpec{SecretName: "d", CommonName: "d", IssuerRef: cmmeta.IssuerReference{Kind: "ClusterIssuer", Name: "letsencrypt"}}})
	w.set("b-expired", func(s *cmv1.CertificateStatus) {
		s.NotAfter = new(metav1.NewTime(noon.AddDate(0, 0, -2)))
		s.Conditions[0].Status, s.Conditions[0].Reason, s.Conditions[0].Message = cmmeta.ConditionFalse, "Expired", "it has expired"
		issuing(s, cmmeta.ConditionTrue, "Renewing", "due")
	})
	w.set("c-overdue", func(s *cmv1.CertificateStatus) { s.RenewalTime = new(metav1.NewTime(noon.AddDate(0, 0, -1))) })
	for golden, args := range map[string]string{
		"list": "list", "list-wide": "list -o wide", "list-name": "list --sort name -o name", "list-not-ready": "list --not-ready", "list-soon": "list --expires-within 24h --sort renewal",
	} {
		got := w.do("", strings.Fields(args)...)
		w.ends(got, exitOK)
		w.golden(golden, got.out)
	}
	got := w.do("", "list", "-o", "yaml")
	w.ends(got, exitOK, "kind: CertificateList")
	got = w.do("", "list", "-o", "json", "-l", "a=b")
	var none cmv1.CertificateList
	if err := json.Unmarshal([]byte(got.out), &none); err != nil || none.Kind != "CertificateList" || len(none.Items) != 0 {
		t.Errorf("%v: %s", err, got.out)
	}
	w.ends(w.do("", "list", "-l", "a=b"), exitOK, "no Certificates")
	w.ends(w.do("", "list", "--sort", "age"), exitUsage, "expiry, renewal and name")
	w.ends(w.do("", "list", "-w", "-o", "json"), exitUsage, "--watch is for people")
}

func TestListIsShownAnewWhenSomethingChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 1)
	shown, stop := w.watch("list", "--watch")
	w.eventually("the first list", func() bool { return strings.Contains(shown(), "shop   True ") })
	w.set("shop", func(s *cmv1.CertificateStatus) { issuing(s, cmmeta.ConditionTrue, "Renewing", "due") })
	w.eventually("the change", func() bool { return strings.Contains(shown(), "shop   True, issuing ") })
	if err := w.Delete(w.Context(), w.certificate("shop")); err != nil {
		t.Fatal(err)
	}
	w.eventually("the end", func() bool {
		return strings.HasSuffix(shown(), "NAME   READY   SECRET   ISSUER   EXPIRES   RENEWAL\n\n")
	})
	w.ends(stop(), exitError, "interrupted")
}
