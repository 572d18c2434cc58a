package ecosystem

import (
	"fmt"
	"net"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/installed"
)

// approver is the name of approver-policy, its ServiceAccount, Service and
// webhook.
const approver = "cert-manager-approver-policy"

// startApprover installs approver-policy and runs it.
func (w *world) startApprover() {
	w.Helper()
	namespace := apiserver.Namespace(w, w.config)
	host, port := webhookAddress(w.T)
	objects := installed.Chart{
		Path:    chartOf(w.T, "github.com/cert-manager/approver-policy", "deploy/charts/approver-policy"),
		Release: "approver-policy", Namespace: namespace,
		Arguments: []string{"--set", fmt.Sprintf("app.webhook.host=%s,app.webhook.port=%d", host, port)},
	}.Render(w, root)
	installed.Install(w, w, namespace, objects)
	w.Cleanup(func() { w.uninstall(objects) })
	w.lead(namespace, approver, "webhook", host, port)
	health := installed.FreeAddress(w, "127.0.0.1")
	installed.Run(w, program(w.T, "github.com/cert-manager/approver-policy/cmd"), nil, append(installed.Arguments(w, objects),
		"--kubeconfig="+w.kubeconfig(namespace, approver), "--leader-election-namespace="+namespace,
		"--metrics-bind-address=0", "--readiness-probe-bind-address="+health)...).
		Ready(w, "http://"+health+"/readyz")
}

// policy allows one name, from whatever issuer of a namespace, and has the
// requests of the operator come under it.
func (w *world) policy(name, dnsName string) {
	w.Helper()
	policy := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy.cert-manager.io/v1alpha1", "kind": "CertificateRequestPolicy",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"allowed":  map[string]any{"dnsNames": map[string]any{"values": []any{dnsName}}, "usages": []any{"digital signature", "key encipherment"}},
			"selector": map[string]any{"issuerRef": map[string]any{}, "namespace": map[string]any{"matchNames": []any{w.namespace}}},
		},
	}}
	w.create(
		&rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"policy.cert-manager.io"}, Resources: []string{"certificaterequestpolicies"}, ResourceNames: []string{name}, Verbs: []string{"use"}}},
		},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: home, Name: "certwright"}},
		},
	)
	// Its webhook is asked, so this takes until the CA of the webhook is
	// injected: by the operator.
	installed.Eventually(w, patience, "the policy is accepted by the webhook", func() error {
		return w.Create(w.Context(), policy)
	})
	installed.Eventually(w, patience, "the policy is in force", func() error {
		if err := w.Get(w.Context(), client.ObjectKeyFromObject(policy), policy); err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(policy.Object, "status", "conditions")
		for _, c := range conditions {
			if c, ok := c.(map[string]any); ok && c["type"] == "Ready" && c["status"] == "True" {
				return nil
			}
		}
		return fmt.Errorf("conditions are %v", conditions)
	})
}

func TestApproverPolicyDecidesAboutRequests(t *testing.T) {
	w := start(t, "--set", "disableAutoApproval=true")
	w.startApprover()
	w.policy("shop-only", "shop.example.com")
	w.create(
		selfSigned(w.namespace, "self"),
		certificate(w.namespace, "allowed", cmmeta.IssuerReference{Name: "self"}, "shop.example.com"),
		certificate(w.namespace, "other", cmmeta.IssuerReference{Name: "self"}, "bank.example.com"),
	)
	w.eventuallyIssued(w.namespace, "allowed")
	installed.Eventually(t, patience, "the denial shows on the Certificate", func() error {
		is, err := w.conditions(w.namespace, "other")
		if err != nil {
			return err
		}
		issuing := is[cmv1.CertificateConditionIssuing]
		if issuing.Status != cmmeta.ConditionFalse || issuing.Reason != "policy.cert-manager.io" || !strings.Contains(issuing.Message, "No policy approved this request: [shop-only: ") {
			return fmt.Errorf("conditions %+v; requests %s", is, w.requests(w.namespace))
		}
		return nil
	})
	if ready, err := w.conditions(w.namespace, "other"); err != nil || ready[cmv1.CertificateConditionReady].Status != cmmeta.ConditionFalse {
		t.Errorf("a Certificate whose request was denied has conditions %+v, %v", ready, err)
	}

	// Whoever may not approve has no say, whatever they write.
	list := &cmv1.CertificateRequestList{}
	if err := w.List(t.Context(), list, client.InNamespace(w.namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		for _, c := range list.Items[i].Status.Conditions {
			if decided := c.Type == cmv1.CertificateRequestConditionApproved || c.Type == cmv1.CertificateRequestConditionDenied; decided && c.Reason != "policy.cert-manager.io" {
				t.Errorf("request %s was decided about by %s", list.Items[i].Name, c.Reason)
			}
		}
		if want := "system:serviceaccount:" + home + ":certwright"; list.Items[i].Spec.Username != want {
			t.Errorf("request %s is by %q, want %q: approver-policy goes by that", list.Items[i].Name, list.Items[i].Spec.Username, want)
		}
	}
}

// join is host:port.
func join(host string, port int32) string { return net.JoinHostPort(host, fmt.Sprint(port)) }
