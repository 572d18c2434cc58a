package shim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func owner() *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "owner"}}
}

func certificate(t *testing.T, name, ownerUID string, change func(*cmv1.Certificate)) *cmv1.Certificate {
	t.Helper()
	want := simpleWant()
	want.Name, want.Spec.SecretName = name, name
	crt, err := create(want)
	if err != nil {
		t.Fatal(err)
	}
	crt.Namespace, crt.Name = "shop", name
	if ownerUID != "" {
		yes := true
		crt.OwnerReferences = []metav1.OwnerReference{{UID: types.UID(ownerUID), Controller: &yes}}
	}
	if change != nil {
		change(crt)
	}
	return crt
}

func TestPlan(t *testing.T) {
	t.Parallel()
	asked := Wish{Asked: true, Named: map[string]bool{"web-tls": true}, Certificates: []Want{simpleWant()}}
	now := metav1.Now()
	deleting := func(c *cmv1.Certificate) { c.DeletionTimestamp = &now }
	unmarked := func(c *cmv1.Certificate) { delete(c.Annotations, FieldsAnnotation) }
	tests := map[string]struct {
		wish     Wish
		present  *cmv1.Certificate
		owned    []*cmv1.Certificate
		steps    []string
		problems []string
	}{
		"a missing certificate is created": {
			wish: asked, steps: []string{"create web-tls"},
		},
		"one that is as wanted is left alone": {
			wish: asked, present: certificate(t, "web-tls", "owner", nil),
		},
		"one that is not is updated": {
			wish:    asked,
			present: certificate(t, "web-tls", "owner", func(c *cmv1.Certificate) { c.Spec.DNSNames = []string{"old.example.com"} }),
			steps:   []string{"update web-tls"},
		},
		"one that is being deleted is waited for": {
			wish: asked, present: certificate(t, "web-tls", "owner", deleting),
		},
		"one of another owner that serves as well is fine": {
			wish:    asked,
			present: certificate(t, "web-tls", "somebody", func(c *cmv1.Certificate) { c.Spec.DNSNames = append(c.Spec.DNSNames, "more.example.com") }),
		},
		"one of nobody that does not serve is left alone and told about": {
			wish: asked,
			present: certificate(t, "web-tls", "", func(c *cmv1.Certificate) {
				c.Spec.DNSNames, c.Spec.SecretName, c.Spec.IssuerRef.Name = nil, "elsewhere", "other"
			}),
			problems: []string{"Certificate web-tls belongs to another owner and is left as it is, but it has another secretName, has another issuer, does not have the name web.example.com: change it there, or name another Secret here"},
		},
		"one whose secret is not named any more is deleted": {
			wish: Wish{Asked: true}, owned: []*cmv1.Certificate{certificate(t, "web-tls", "owner", unmarked)},
			steps: []string{"delete web-tls"},
		},
		"one that is being deleted is not deleted again": {
			wish: Wish{Asked: true}, owned: []*cmv1.Certificate{certificate(t, "web-tls", "owner", deleting)},
		},
		"one that the object is wrong about is kept": {
			wish:  Wish{Asked: true, Named: asked.Named, Problems: []string{"wrong"}},
			owned: []*cmv1.Certificate{certificate(t, "web-tls", "owner", nil)},
		},
		"one that is not asked for any more is deleted": {
			wish: Wish{Named: asked.Named}, owned: []*cmv1.Certificate{certificate(t, "web-tls", "owner", nil)},
			steps: []string{"delete web-tls"},
		},
		"one that is declined is deleted": {
			wish:  Wish{Asked: true, Named: asked.Named, Declined: asked.Named},
			owned: []*cmv1.Certificate{certificate(t, "web-tls", "owner", nil)},
			steps: []string{"delete web-tls"},
		},
		"one that a former operator kept when it was declined is kept": {
			wish:  Wish{Asked: true, Named: asked.Named, Declined: asked.Named},
			owned: []*cmv1.Certificate{certificate(t, "web-tls", "owner", unmarked)},
		},
		"one that a former operator kept without being asked is kept": {
			wish: Wish{Named: asked.Named}, owned: []*cmv1.Certificate{certificate(t, "web-tls", "owner", unmarked)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			present := map[string]*cmv1.Certificate{}
			if test.present != nil {
				present["web-tls"] = test.present
			}
			steps, problems, err := plan(owner(), test.wish, present, test.owned)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range steps {
				got = append(got, string(s.verb)+" "+s.certificate.Name)
				if s.certificate.Namespace != "shop" {
					t.Errorf("%s is in namespace %q", s.certificate.Name, s.certificate.Namespace)
				}
			}
			if diff := cmp.Diff(test.steps, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAProblemIsToldOnce(t *testing.T) {
	t.Parallel()
	var told told
	key := types.NamespacedName{Namespace: "shop", Name: "web"}
	count := func(uid string, problems ...string) int {
		return len(told.badConfig(key, types.UID(uid), problems))
	}
	for i, step := range []struct {
		uid      string
		problems []string
		want     int
	}{
		{"1", []string{"a"}, 1},
		{"1", []string{"a"}, 0},
		{"1", []string{"a", "b"}, 1},
		{"1", nil, 0},
		{"1", []string{"a"}, 1}, // it was mended and is wrong again
		{"2", []string{"a"}, 1}, // another object of the same name
	} {
		if got := count(step.uid, step.problems...); got != step.want {
			t.Errorf("step %d: %d events, want %d", i, got, step.want)
		}
	}
}
