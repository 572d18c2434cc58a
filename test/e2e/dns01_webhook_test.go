package e2e

import (
	"context"
	"encoding/json"
	"net"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// The solver is built with the public library. Its chart grants the operator the
// right to ask it; until then the operator says what is missing.
func (z *zones) testWebhook(t *testing.T) {
	j := newJourney(t)
	group := j.namespace + ".solvers.example"
	z.startWebhook(j, group)
	key := z.keys["hook.test."]
	j.credentials("tsig", map[string]string{"secret": key.Secret})
	config, err := json.Marshal(map[string]any{
		"nameserver": nameserver, "keyName": key.Name, "secretRef": map[string]string{"name": "tsig", "key": "secret"},
	})
	if err != nil {
		t.Fatal(err)
	}
	z.issuer(j, acmev1.ACMEChallengeSolverDNS01{Webhook: &acmev1.ACMEIssuerDNS01ProviderWebhook{
		GroupName: group, SolverName: "updates", Config: &apiextensionsv1.JSON{Raw: config},
	}})
	j.create(j.certificate("leaf", dnsIssuer, "hook.test", "*.hook.test"))
	t.Log(j.untilSaid("leaf", time.Minute, `"hook.test"`, "webhook updates."+group, "its service account needs the verb create on updates in the API group "+group, "retried within a minute"))
	j.mayAsk(group)
	z.untilProved(j, "leaf", "_acme-challenge.hook.test.")
}

// startWebhook runs the solver and makes it part of the API server, by a Service
// without a selector.
func (z *zones) startWebhook(j *journey, group string) {
	j.Helper()
	binary := j.build("test/dns01webhook", "./solver")
	listener, err := z.network.listen(j.Context(), nodeAddress)
	if err != nil {
		j.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close() // it was to find a port that is free
	kubeconfig := j.kubeconfigInside()
	j.run(z.network, []string{"GROUP_NAME=" + group}, binary, "--bind-address="+nodeAddress, "--secure-port="+strconv.Itoa(port), "--cert-dir="+j.TempDir(),
		"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig)

	service := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": "v1alpha1." + group},
		"spec": map[string]any{
			"group": group, "version": "v1alpha1", "groupPriorityMinimum": int64(1000), "versionPriority": int64(15), "insecureSkipTLSVerify": true,
			"service": map[string]any{"namespace": j.namespace, "name": "solver"},
		},
	}}
	for _, o := range []client.Object{
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "solver"},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "https", Port: 443}}},
		},
		&discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: j.namespace, Name: "solver", Labels: map[string]string{discoveryv1.LabelServiceName: "solver"}},
			AddressType: discoveryv1.AddressTypeIPv4,
			Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("https"), Port: ptr.To(int32(port)), Protocol: ptr.To(corev1.ProtocolTCP)}},
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{nodeAddress}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}}},
		},
		service,
	} {
		j.create(o)
	}
	// A group that is registered and does not answer disturbs whoever lists all.
	j.Cleanup(func() { j.remove(service) })
	j.until("the API server knows the webhook", time.Minute, func(ctx context.Context) (bool, string, error) {
		text, err := j.clients.Discovery().RESTClient().Get().AbsPath("/apis/" + group + "/v1alpha1").DoRaw(ctx)
		return err == nil, string(text), err
	})
}

// mayAsk lets the operator ask the solvers of a group, as their charts do.
func (j *journey) mayAsk(group string) {
	j.Helper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: group},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{group}, Resources: []string{"*"}, Verbs: []string{"create"}}},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: group},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: group},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: testbed.Namespace, Name: j.operatorAccount(j.Context())}},
	}
	for _, o := range []client.Object{role, binding} {
		j.create(o)
		j.Cleanup(func() { j.remove(o) })
	}
}

// remove removes what is not in the journey's namespace.
func (j *journey) remove(o client.Object) {
	if err := j.api.Delete(context.Background(), o); err != nil {
		j.Error(err)
	}
}
