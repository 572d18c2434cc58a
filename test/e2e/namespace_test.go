package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// journey is a test with a namespace of its own.
type journey struct {
	*testing.T
	*world
	namespace string
}

func newJourney(t *testing.T) *journey {
	t.Helper()
	// The strictest of the built-in standards: solver pods have to keep to it.
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "e2e-",
		Labels:       map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := shared.api.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	j := &journey{T: t, world: shared, namespace: ns.Name}
	t.Cleanup(func() {
		if t.Failed() {
			j.describe()
		}
		if err := shared.api.Delete(context.Background(), ns); err != nil {
			t.Error(err)
		}
	})
	return j
}

// host is a name that resolves to the ingress controller and is of this
// journey alone.
func (j *journey) host() string { return j.namespace + ".certwright.test" }

func (j *journey) create(o client.Object) {
	j.Helper()
	if err := j.api.Create(j.Context(), o); err != nil {
		j.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}

// until waits for something, and fails the test with what was seen last if it
// does not come.
func (j *journey) until(what string, limit time.Duration, is func(context.Context) (ok bool, seen string, err error)) {
	j.Helper()
	j.untilIn(j.Context(), what, limit, is)
}

func (j *journey) untilIn(ctx context.Context, what string, limit time.Duration, is func(context.Context) (ok bool, seen string, err error)) {
	j.Helper()
	last := "nothing"
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		ok, seen, err := is(ctx)
		if err != nil {
			// It may be on its way, or the API server busy.
			last = err.Error()
			return false, nil //nolint:nilerr // told when the time is over
		}
		last = seen
		return ok, nil
	})
	if err != nil {
		j.Fatalf("%s: not within %s: %s", what, limit, last)
	}
}

// untilReady waits until a Certificate is Ready, and returns it.
func (j *journey) untilReady(name string, limit time.Duration) *cmv1.Certificate {
	j.Helper()
	return j.untilCertificate(name, "Ready", limit, func(c *cmv1.Certificate) bool {
		ready := condition(c, cmv1.CertificateConditionReady)
		return ready.Status == cmmeta.ConditionTrue && ready.ObservedGeneration == c.Generation
	})
}

// untilSaid waits until a Certificate is not Ready, with a message that has all
// the parts in it, and returns the message.
func (j *journey) untilSaid(name string, limit time.Duration, parts ...string) string {
	j.Helper()
	c := j.untilCertificate(name, fmt.Sprintf("not Ready because of %q", parts), limit, func(c *cmv1.Certificate) bool {
		ready := condition(c, cmv1.CertificateConditionReady)
		return ready.Status == cmmeta.ConditionFalse && hasAll(ready.Message, parts...)
	})
	return condition(c, cmv1.CertificateConditionReady).Message
}

func (j *journey) untilCertificate(name, what string, limit time.Duration, is func(*cmv1.Certificate) bool) *cmv1.Certificate {
	j.Helper()
	c := &cmv1.Certificate{}
	j.until(fmt.Sprintf("Certificate %s is %s", name, what), limit, func(ctx context.Context) (bool, string, error) {
		err := j.api.Get(ctx, client.ObjectKey{Namespace: j.namespace, Name: name}, c)
		return err == nil && is(c), fmt.Sprintf("%+v", c.Status.Conditions), err
	})
	return c
}

func hasAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// condition returns a condition of a Certificate; an empty one if it has none
// of that type.
func condition(c *cmv1.Certificate, t cmv1.CertificateConditionType) cmv1.CertificateCondition {
	for _, condition := range c.Status.Conditions {
		if condition.Type == t {
			return condition
		}
	}
	return cmv1.CertificateCondition{}
}

// untilClean waits until an issuance has left nothing behind. It does so within
// seconds after the certificate is Ready.
func (j *journey) untilClean() {
	j.Helper()
	j.until("nothing is left of the issuance", 30*time.Second, func(ctx context.Context) (bool, string, error) {
		left, err := j.leftovers(ctx)
		return len(left) == 0, fmt.Sprint(left), err
	})
}

// leftovers names what only an issuance that is under way needs.
func (j *journey) leftovers(ctx context.Context) ([]string, error) {
	solver := client.MatchingLabels{acmev1.SolverIdentificationLabelKey: "true"}
	nextKey := client.MatchingLabels{cmv1.IsNextPrivateKeySecretLabelKey: "true"}
	var left []string
	for _, list := range []struct {
		kind   string
		list   client.ObjectList
		labels client.MatchingLabels
	}{
		{"Pod", &corev1.PodList{}, solver},
		{"Service", &corev1.ServiceList{}, solver},
		{"Ingress", &networkingv1.IngressList{}, solver},
		{"Challenge", &acmev1.ChallengeList{}, nil},
		{"Secret", &corev1.SecretList{}, nextKey},
	} {
		options := []client.ListOption{client.InNamespace(j.namespace)}
		if list.labels != nil {
			options = append(options, list.labels)
		}
		names, err := j.names(ctx, list.list, options...)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			left = append(left, list.kind+" "+name)
		}
	}
	return left, nil
}
