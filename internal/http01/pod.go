package http01

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// containerName is the name by which people and log queries know the solver.
const containerName = "acmesolver"

// Pod is the pod that answers a challenge. It can do nothing else: it runs as
// an ordinary user on a read-only file system, without capabilities and
// without access to the API.
func Pod(challenge *acmev1.Challenge, options Options) *corev1.Pod {
	template := podTemplate(challenge)
	pod := &corev1.Pod{
		ObjectMeta: meta(challenge,
			merged(options.ExtraLabels, template.Labels),
			merged(template.Annotations, map[string]string{
				// A sidecar would demand TLS of the CA, or never end.
				"sidecar.istio.io/inject": "false",
				// It has no controller, which alone would keep its node alive.
				"cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
			})),
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false),
			EnableServiceLinks:           ptr.To(false),
			RestartPolicy:                corev1.RestartPolicyOnFailure,
			NodeSelector:                 merged(map[string]string{corev1.LabelOSStable: "linux"}, template.Spec.NodeSelector),
			Affinity:                     template.Spec.Affinity,
			Tolerations:                  template.Spec.Tolerations,
			PriorityClassName:            template.Spec.PriorityClassName,
			ServiceAccountName:           template.Spec.ServiceAccountName,
			ImagePullSecrets:             template.Spec.ImagePullSecrets,
			SecurityContext:              podSecurity(template.Spec.SecurityContext, options),
			Containers: []corev1.Container{{
				Name:            containerName,
				Image:           options.Image,
				ImagePullPolicy: corev1.PullIfNotPresent,
				Args: []string{
					"--listen-port=" + strconv.Itoa(Port),
					"--domain=" + challenge.Spec.DNSName,
					"--token=" + challenge.Spec.Token,
					"--key=" + challenge.Spec.Key,
				},
				Ports:     []corev1.ContainerPort{{Name: "http", ContainerPort: Port, Protocol: corev1.ProtocolTCP}},
				Resources: resources(template.Spec.Resources, options),
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false),
					ReadOnlyRootFilesystem:   ptr.To(true),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
	if options.RuntimeClassName != "" {
		pod.Spec.RuntimeClassName = ptr.To(options.RuntimeClassName)
	}
	return pod
}

func podTemplate(challenge *acmev1.Challenge) acmev1.ACMEChallengeSolverHTTP01IngressPodTemplate {
	for _, template := range []*acmev1.ACMEChallengeSolverHTTP01IngressPodTemplate{ingressSolver(challenge).PodTemplate, routeSolver(challenge).PodTemplate} {
		if template != nil {
			return *template.DeepCopy()
		}
	}
	return acmev1.ACMEChallengeSolverHTTP01IngressPodTemplate{}
}

// podSecurity is our security context with those fields replaced that the
// user sets.
func podSecurity(user *acmev1.ACMEChallengeSolverHTTP01IngressPodSecurityContext, options Options) *corev1.PodSecurityContext {
	security := &corev1.PodSecurityContext{
		RunAsNonRoot:   ptr.To(options.RunAsNonRoot),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if user == nil {
		return security
	}
	if user.RunAsNonRoot != nil {
		security.RunAsNonRoot = user.RunAsNonRoot
	}
	if user.SeccompProfile != nil {
		security.SeccompProfile = user.SeccompProfile
	}
	security.SELinuxOptions = user.SELinuxOptions
	security.RunAsUser = user.RunAsUser
	security.RunAsGroup = user.RunAsGroup
	security.SupplementalGroups = user.SupplementalGroups
	security.FSGroup = user.FSGroup
	security.Sysctls = user.Sysctls
	security.FSGroupChangePolicy = user.FSGroupChangePolicy
	return security
}

// resources are ours with those replaced that the user sets. A request above
// its limit would be refused, so that a limit of ours gives way to a greater
// request of the user's, and a request of ours to a smaller limit.
func resources(user *acmev1.ACMEChallengeSolverHTTP01IngressPodResources, options Options) corev1.ResourceRequirements {
	all := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: options.CPURequest, corev1.ResourceMemory: options.MemoryRequest},
		Limits:   corev1.ResourceList{corev1.ResourceCPU: options.CPULimit, corev1.ResourceMemory: options.MemoryLimit},
	}
	if user == nil {
		return all
	}
	for name, quantity := range user.Requests {
		all.Requests[name] = quantity
		if limit, ok := all.Limits[name]; ok && limit.Cmp(quantity) < 0 {
			all.Limits[name] = quantity
		}
	}
	for name, quantity := range user.Limits {
		all.Limits[name] = quantity
		if request, ok := all.Requests[name]; ok && request.Cmp(quantity) > 0 {
			all.Requests[name] = quantity
		}
	}
	return all
}

// PodReady reports whether the solver can be reached.
func PodReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// restarts is how often a container has to have ended for it to be a crash
// loop even while it is up: one end may be anything.
const restarts = 2

// PodTrouble says why the pod does not run, or nothing. Only the reasons are
// told: the messages of scheduler and kubelet differ from one attempt to the
// next. A container that ends again and again is one trouble, although it is
// by turns up, ended, and waiting to be started again; and so is an image that
// is by turns pulled and waited for.
func PodTrouble(pod *corev1.Pod) string {
	for _, s := range pod.Status.ContainerStatuses {
		ended := s.State.Terminated
		if ended == nil {
			ended = s.LastTerminationState.Terminated
		}
		switch {
		case ended != nil && (!PodReady(pod) || s.RestartCount >= restarts):
			return "it ends with exit code " + strconv.Itoa(int(ended.ExitCode))
		case s.State.Waiting == nil:
		case s.State.Waiting.Reason == "ErrImagePull", s.State.Waiting.Reason == "ImagePullBackOff":
			return "its image can not be pulled"
		case s.State.Waiting.Reason != "" && s.State.Waiting.Reason != "ContainerCreating":
			return s.State.Waiting.Reason
		}
	}
	if PodReady(pod) {
		return ""
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "it is not scheduled: " + c.Reason
		}
	}
	if pod.Status.Phase == corev1.PodFailed {
		return "it failed: " + pod.Status.Reason
	}
	return ""
}
