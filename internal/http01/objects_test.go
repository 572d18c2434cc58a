package http01_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01"
)

var update = flag.Bool("update", false, "write the objects into the golden files")

type (
	ingressSolver = acmev1.ACMEChallengeSolverHTTP01Ingress
	podTemplate   = acmev1.ACMEChallengeSolverHTTP01IngressPodTemplate
	podSpec       = acmev1.ACMEChallengeSolverHTTP01IngressPodSpec
)

func challengeFor(domain string, solver ingressSolver) *acmev1.Challenge {
	return &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop-tls-1-123-456", UID: "3f2c9a54-0d5c-4a30-9c0e-2d1d6c8b7a10"},
		Spec: acmev1.ChallengeSpec{
			DNSName: domain,
			Token:   "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0",
			Key:     "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI",
			Type:    acmev1.ACMEChallengeTypeHTTP01,
			Solver:  acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &solver}},
		},
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	template := podTemplate{
		ACMEChallengeSolverHTTP01IngressPodObjectMeta: acmev1.ACMEChallengeSolverHTTP01IngressPodObjectMeta{
			Labels:      map[string]string{"team": "shop", acmev1.SolverIdentificationLabelKey: "false"},
			Annotations: map[string]string{"note": "hello", "sidecar.istio.io/inject": "true"},
		},
		Spec: podSpec{
			NodeSelector:       map[string]string{"pool": "edge"},
			Tolerations:        []corev1.Toleration{{Key: "edge", Operator: corev1.TolerationOpExists}},
			PriorityClassName:  "high",
			ServiceAccountName: "solver",
			ImagePullSecrets:   []corev1.LocalObjectReference{{Name: "registry"}},
			SecurityContext:    &acmev1.ACMEChallengeSolverHTTP01IngressPodSecurityContext{RunAsUser: ptr.To[int64](1000), RunAsNonRoot: ptr.To(false)},
			Resources: &acmev1.ACMEChallengeSolverHTTP01IngressPodResources{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("32Mi")},
			},
		},
	}
	tests := map[string]*acmev1.Challenge{
		"plain": challengeFor("shop.example.com", ingressSolver{}),
		"class": challengeFor("shop.example.com", ingressSolver{Class: ptr.To("nginx"), ServiceType: corev1.ServiceTypeClusterIP}),
		"template": challengeFor("shop.example.com", ingressSolver{
			IngressClassName: ptr.To("traefik"),
			PodTemplate:      &template,
			IngressTemplate: &acmev1.ACMEChallengeSolverHTTP01IngressTemplate{
				ACMEChallengeSolverHTTP01IngressObjectMeta: acmev1.ACMEChallengeSolverHTTP01IngressObjectMeta{
					Labels:      map[string]string{"team": "shop"},
					Annotations: map[string]string{"nginx.ingress.kubernetes.io/ssl-redirect": "false"},
				},
			},
		}),
		"address": challengeFor("2001:db8::7", ingressSolver{}),
	}
	for name, challenge := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := http01.DefaultOptions("registry.example.com/http01-solver:v1")
			if name == "template" {
				options.RuntimeClassName = "gvisor"
				options.ExtraLabels = map[string]string{"team": "platform", "from": "flag"}
			}
			var got []byte
			for _, object := range []any{http01.Pod(challenge, options), http01.Service(challenge), http01.Ingress(challenge)} {
				text, err := yaml.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				got = append(append(got, "---\n"...), text...)
			}
			path := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPathComesAndGoesInAnIngressOfTheUsers(t *testing.T) {
	t.Parallel()
	backend := func(path, service string) networkingv1.HTTPIngressPath {
		return networkingv1.HTTPIngressPath{Path: path, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: service}}}
	}
	rule := func(host string, paths ...networkingv1.HTTPIngressPath) networkingv1.IngressRule {
		r := networkingv1.IngressRule{Host: host}
		if len(paths) > 0 {
			r.HTTP = &networkingv1.HTTPIngressRuleValue{Paths: paths}
		}
		return r
	}
	challenge := challengeFor("shop.example.com", ingressSolver{Name: "web"})
	solver := http01.Name(challenge)
	tests := map[string]struct {
		before []networkingv1.IngressRule
		where  []int // rules that have the path as their first
		after  []networkingv1.IngressRule
	}{
		"before the paths of the rule for the name": {
			before: []networkingv1.IngressRule{rule("other.example.com", backend("/", "o")), rule("shop.example.com", backend("/", "s"))},
			where:  []int{1},
		},
		"in every rule for the name": {
			before: []networkingv1.IngressRule{rule("shop.example.com", backend("/", "s")), rule("shop.example.com", backend("/api", "a"))},
			where:  []int{0, 1},
		},
		"in a rule of its own": {
			before: []networkingv1.IngressRule{rule("other.example.com", backend("/", "o"))},
			where:  []int{1},
		},
		"in a rule without paths, which then goes": {
			before: []networkingv1.IngressRule{rule("shop.example.com"), rule("other.example.com", backend("/", "o"))},
			where:  []int{0},
			after:  []networkingv1.IngressRule{rule("other.example.com", backend("/", "o"))},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ingress := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: test.before}}
			before := ingress.DeepCopy()
			if http01.HasPath(ingress, challenge) {
				t.Error("the path is there before it was added")
			}
			if !http01.AddPath(ingress, challenge) || !http01.HasPath(ingress, challenge) || http01.AddPath(ingress, challenge) {
				t.Error("the path is not added, or added twice")
			}
			var where []int
			for i, r := range ingress.Spec.Rules {
				if r.HTTP != nil && r.HTTP.Paths[0].Backend.Service.Name == solver {
					where = append(where, i)
				}
			}
			if diff := cmp.Diff(test.where, where); diff != "" {
				t.Errorf("rules with the path (-want +got):\n%s", diff)
			}
			if !http01.RemovePath(ingress, challenge) || http01.RemovePath(ingress, challenge) {
				t.Error("the path is not removed, or removed twice")
			}
			want := before.Spec.Rules
			if test.after != nil {
				want = test.after
			}
			if diff := cmp.Diff(want, ingress.Spec.Rules); diff != "" {
				t.Errorf("rules afterwards (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodTrouble(t *testing.T) {
	t.Parallel()
	waiting := func(reason string) corev1.PodStatus {
		return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}}
	}
	tests := map[string]struct {
		status corev1.PodStatus
		want   string
	}{
		"a new pod":              {corev1.PodStatus{}, ""},
		"one that starts":        {waiting("ContainerCreating"), ""},
		"an image that is not":   {waiting("ImagePullBackOff"), "ImagePullBackOff"},
		"no room on any node":    {corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes"}}}, "it is not scheduled: Unschedulable"},
		"a solver that gave up":  {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}}}}, "it ended with exit code 1"},
		"an evicted pod":         {corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}, "it failed: Evicted"},
		"one that is as desired": {corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := http01.PodTrouble(&corev1.Pod{Status: test.status}); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
