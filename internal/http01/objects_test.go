package http01_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
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
			for _, object := range []any{http01.Pod(challenge, options), http01.Service(challenge), http01.Ingress(challenge, http01.Name(challenge))} {
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

func TestPodTrouble(t *testing.T) {
	t.Parallel()
	waiting := func(reason string) corev1.PodStatus {
		return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}}
	}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}
	// crashing are the shapes in which a container that ends again and again
	// is seen, in turn.
	crashing := func(restarts int32, now corev1.ContainerState, ready corev1.ConditionStatus) corev1.PodStatus {
		s := corev1.PodStatus{
			ContainerStatuses: []corev1.ContainerStatus{{RestartCount: restarts, State: now}},
			Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}},
		}
		if restarts > 0 {
			s.ContainerStatuses[0].LastTerminationState = ended
		}
		return s
	}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	backOff := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	tests := map[string]struct {
		status corev1.PodStatus
		want   string
	}{
		"a new pod":                      {corev1.PodStatus{}, ""},
		"one that starts":                {waiting("ContainerCreating"), ""},
		"an image that can not be had":   {waiting("ErrImagePull"), "its image can not be pulled"},
		"an image that is waited for":    {waiting("ImagePullBackOff"), "its image can not be pulled"},
		"an image that must not be root": {waiting("CreateContainerConfigError"), "CreateContainerConfigError"},
		"no room on any node":            {corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes"}}}, "it is not scheduled: Unschedulable"},
		"a solver that gave up":          {crashing(0, ended, corev1.ConditionFalse), "it ends with exit code 1"},
		"that is not started yet":        {crashing(3, backOff, corev1.ConditionFalse), "it ends with exit code 1"},
		"that has just been started":     {crashing(3, running, corev1.ConditionTrue), "it ends with exit code 1"},
		"that has ended again":           {crashing(3, ended, corev1.ConditionFalse), "it ends with exit code 1"},
		"one that was started anew":      {crashing(1, running, corev1.ConditionTrue), ""},
		"an evicted pod":                 {corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}, "it failed: Evicted"},
		"one that is as desired":         {corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}, ""},
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
