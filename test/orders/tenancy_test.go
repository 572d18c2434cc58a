package orders

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/acme/testca"
	"github.com/certwright/certwright/test/apiserver"
)

// TestSolversReachNoFurtherThanTheirNamespace has the operator look after two
// namespaces, of which one names an Ingress of the other.
func TestSolversReachNoFurtherThanTheirNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setOpen(false)
	other := apiserver.Namespace(t, w.config)
	w.also = []string{other}
	theirs := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "web"},
		Spec:       networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{userRule("shop.example.com", userPath("/", "shop"))}},
	}
	if err := w.api.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	w.operator()
	for order, name := range map[string]string{"plain": "web", "slash": other + "/web", "dots": "../" + other + "/web", "path": "../../" + other + "/ingresses/web"} {
		w.annotations = map[string]string{acmev1.ACMECertificateHTTP01IngressNameOverride: name}
		w.order(order, order+".example.com")
		w.eventuallyOrder(order, "it is told that there is no such Ingress", func(s acmev1.OrderStatus) bool {
			return strings.Contains(s.Reason, `the Ingress "`+name+`" does not exist`)
		})
	}
	after := &networkingv1.Ingress{}
	if err := w.api.Get(t.Context(), client.ObjectKeyFromObject(theirs), after); err != nil {
		t.Fatal(err)
	}
	if after.ResourceVersion != theirs.ResourceVersion {
		t.Errorf("the Ingress of the other namespace was written: %+v", after.Spec)
	}
}

// TestASolverPodCanNothingThatItsServiceAccountCan: whoever may make Issuers can
// have a pod run as any ServiceAccount of the namespace, and that is all.
func TestASolverPodCanNothingThatItsServiceAccountCan(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{
		PodTemplate: &acmev1.ACMEChallengeSolverHTTP01IngressPodTemplate{
			Spec: acmev1.ACMEChallengeSolverHTTP01IngressPodSpec{ServiceAccountName: "admin"},
		},
	}})
	w.setOpen(false)
	if err := w.api.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "admin"}}); err != nil {
		t.Fatal(err)
	}
	w.operator()
	w.order("shop", "shop.example.com")
	var pods corev1.PodList
	w.eventually("the pod is there", func() (bool, any) {
		if err := w.api.List(t.Context(), &pods, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		return len(pods.Items) == 1, pods.Items
	})
	pod := pods.Items[0]
	if pod.Spec.ServiceAccountName != "admin" || len(pod.Spec.Volumes) > 0 || len(pod.Spec.Containers) != 1 || len(pod.Spec.Containers[0].VolumeMounts) > 0 {
		t.Errorf("the pod has more than it needs: %+v", pod.Spec)
	}
	if c := pod.Spec.Containers[0]; c.Image != "solver:test" || len(c.Command) > 0 || len(c.Env) > 0 || len(c.EnvFrom) > 0 {
		t.Errorf("the container is %+v", c)
	}
}

// TestAnAnswerThatIsNotOfACMEIsNotShown: an issuer can name any address that the
// operator reaches, and its author is not to read what is there.
func TestAnAnswerThatIsNotOfACMEIsNotShown(t *testing.T) {
	t.Parallel()
	const content = "the-password-of-the-intranet"
	intranet := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/found":
			rw.Header().Set("Content-Type", "application/json")
		case "/refused":
			rw.Header().Set("Content-Type", "application/json")
			rw.WriteHeader(http.StatusForbidden)
		case "/moved":
			http.Redirect(rw, r, "/found?"+content, http.StatusFound)
		}
		_, _ = io.WriteString(rw, `{"newAccount": "`+content+`", "token": "`+content+`"}`)
	}))
	t.Cleanup(intranet.Close)
	w := newAccounts(t, testca.Options{}, nil)
	for _, path := range []string{"found", "refused", "moved", "plain"} {
		w.editIssuer("pebble", func(i *cmv1.Issuer) { i.Spec.ACME.Server = intranet.URL + "/" + path })
		issuer := w.eventuallyReady("pebble", "the issuer is not ready: "+path, func(_ *cmv1.Issuer, ready *cmv1.IssuerCondition) bool {
			return ready.Status == cmmeta.ConditionFalse
		})
		if text := fmt.Sprintf("%+v", issuer.Status); strings.Contains(text, content) {
			t.Errorf("%s: the status tells what the address answers: %s", path, text)
		}
	}
	var events eventsv1.EventList
	if err := w.api.List(t.Context(), &events, client.InNamespace(w.namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range events.Items {
		if strings.Contains(events.Items[i].Note, content) {
			t.Errorf("an event tells what the address answers: %s", events.Items[i].Note)
		}
	}
}
