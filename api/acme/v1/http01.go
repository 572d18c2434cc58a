package v1

import (
	corev1 "k8s.io/api/core/v1"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"
)

// ACMEChallengeSolverHTTP01 is how the HTTP request of the CA (RFC 8555,
// section 8.3) reaches the solver.
//
// +kubebuilder:validation:XValidation:rule=`has(self.ingress) != has(self.gatewayHTTPRoute)`,message=`set exactly one of ingress and gatewayHTTPRoute`
type ACMEChallengeSolverHTTP01 struct {
	// Through an ingress controller.
	// +optional
	Ingress *ACMEChallengeSolverHTTP01Ingress `json:"ingress,omitempty"`

	// Through a Gateway, by an HTTPRoute.
	// +optional
	GatewayHTTPRoute *ACMEChallengeSolverHTTP01GatewayHTTPRoute `json:"gatewayHTTPRoute,omitempty"`

	// DNS servers that the self-check asks for the address of the name: host,
	// host:port, or the URL of a DNS over HTTPS server. They replace those
	// that the operator is started with. An extension of Certwright.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Nameservers []string `json:"nameservers,omitempty"`
}

// ACMEChallengeSolverHTTP01Ingress leads the request through an ingress
// controller. At most one of ingressClassName, class and name is set.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.ingressClassName) ? 1 : 0) + (has(self.class) ? 1 : 0) + (self.?name.orValue("") != "" ? 1 : 0) <= 1`,message=`set at most one of ingressClassName, class and name`
type ACMEChallengeSolverHTTP01Ingress struct {
	// Type of the solver's Service: ClusterIP or NodePort. Empty means
	// NodePort.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self in ["", 'ClusterIP', 'NodePort']`,message=`serviceType must be ClusterIP, NodePort or empty`
	ServiceType corev1.ServiceType `json:"serviceType,omitempty"`

	// Class of the Ingress that is made, as its field ingressClassName. Most
	// controllers want this one.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')`,message=`ingressClassName must be the name of an IngressClass; for any other string use class`
	IngressClassName *string `json:"ingressClassName,omitempty"`

	// Class of the Ingress that is made, as its annotation
	// kubernetes.io/ingress.class, for controllers that look only there.
	// +optional
	Class *string `json:"class,omitempty"`

	// Name of an existing Ingress to which the path is added, for controllers
	// that give every Ingress an address of its own.
	// +optional
	Name string `json:"name,omitempty"`

	// What to add to the solver's pod.
	// +optional
	PodTemplate *ACMEChallengeSolverHTTP01IngressPodTemplate `json:"podTemplate,omitempty"`

	// What to add to the Ingress that is made.
	// +optional
	IngressTemplate *ACMEChallengeSolverHTTP01IngressTemplate `json:"ingressTemplate,omitempty"`
}

// ACMEChallengeSolverHTTP01GatewayHTTPRoute leads the request through a
// Gateway.
type ACMEChallengeSolverHTTP01GatewayHTTPRoute struct {
	// Type of the solver's Service: ClusterIP or NodePort. Empty means
	// NodePort.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self in ["", 'ClusterIP', 'NodePort']`,message=`serviceType must be ClusterIP, NodePort or empty`
	ServiceType corev1.ServiceType `json:"serviceType,omitempty"`

	// Labels of the HTTPRoute.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Parents of the HTTPRoute. If there are none, they come from the Gateway
	// that the Certificate was made for.
	// +optional
	// +listType=atomic
	ParentRefs []gwapi.ParentReference `json:"parentRefs,omitempty"`

	// What to add to the solver's pod.
	// +optional
	PodTemplate *ACMEChallengeSolverHTTP01IngressPodTemplate `json:"podTemplate,omitempty"`
}

// ACMEChallengeSolverHTTP01IngressPodTemplate is what to add to the solver's
// pod.
type ACMEChallengeSolverHTTP01IngressPodTemplate struct {
	// Labels and annotations to add. Those that the operator sets itself win.
	// +optional
	ACMEChallengeSolverHTTP01IngressPodObjectMeta `json:"metadata"`

	// Fields of the pod's spec to set.
	// +optional
	Spec ACMEChallengeSolverHTTP01IngressPodSpec `json:"spec"`
}

// ACMEChallengeSolverHTTP01IngressPodObjectMeta is what to add to the
// metadata of the solver's pod.
type ACMEChallengeSolverHTTP01IngressPodObjectMeta struct {
	// Annotations to add.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Labels to add.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// ACMEChallengeSolverHTTP01IngressPodSpec is what to set in the spec of the
// solver's pod. The fields mean what they mean in a pod.
type ACMEChallengeSolverHTTP01IngressPodSpec struct {
	// Labels that the node must have.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Scheduling constraints.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// Taints that the pod tolerates.
	// +optional
	// +listType=atomic
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// Name of the priority class.
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// Name of the service account.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// Secrets for pulling the solver's image.
	// +optional
	// +patchMergeKey=name
	// +patchStrategy=merge
	// +listType=map
	// +listMapKey=name
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty" patchMergeKey:"name" patchStrategy:"merge"`

	// Security context of the pod.
	// +optional
	SecurityContext *ACMEChallengeSolverHTTP01IngressPodSecurityContext `json:"securityContext,omitempty"`

	// Resources of the solver's container.
	// +optional
	Resources *ACMEChallengeSolverHTTP01IngressPodResources `json:"resources,omitempty"`
}

// ACMEChallengeSolverHTTP01IngressTemplate is what to add to the solver's
// Ingress.
type ACMEChallengeSolverHTTP01IngressTemplate struct {
	// Labels and annotations to add. Those that the operator sets itself win.
	// +optional
	ACMEChallengeSolverHTTP01IngressObjectMeta `json:"metadata"`
}

// ACMEChallengeSolverHTTP01IngressObjectMeta is what to add to the metadata
// of the solver's Ingress.
type ACMEChallengeSolverHTTP01IngressObjectMeta struct {
	// Annotations to add.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Labels to add.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// ACMEChallengeSolverHTTP01IngressPodSecurityContext is the part of a pod's
// security context that can be set for the solver's pod. The fields mean what
// they mean in a pod.
type ACMEChallengeSolverHTTP01IngressPodSecurityContext struct {
	// SELinux context of all containers.
	// +optional
	SELinuxOptions *corev1.SELinuxOptions `json:"seLinuxOptions,omitempty"`

	// User ID that the container's process runs as.
	// +optional
	RunAsUser *int64 `json:"runAsUser,omitempty"`

	// Group ID that the container's process runs as.
	// +optional
	RunAsGroup *int64 `json:"runAsGroup,omitempty"`

	// Refuse to run as root.
	// +optional
	RunAsNonRoot *bool `json:"runAsNonRoot,omitempty"`

	// Further groups of the container's process.
	// +optional
	// +listType=atomic
	SupplementalGroups []int64 `json:"supplementalGroups,omitempty"`

	// Group that owns the pod's volumes.
	// +optional
	FSGroup *int64 `json:"fsGroup,omitempty"`

	// Namespaced kernel parameters.
	// +optional
	// +listType=atomic
	Sysctls []corev1.Sysctl `json:"sysctls,omitempty"`

	// When the owner of the pod's volumes is changed.
	// +optional
	FSGroupChangePolicy *corev1.PodFSGroupChangePolicy `json:"fsGroupChangePolicy,omitempty"`

	// Seccomp profile of all containers.
	// +optional
	SeccompProfile *corev1.SeccompProfile `json:"seccompProfile,omitempty"`
}

// ACMEChallengeSolverHTTP01IngressPodResources is what the solver's container
// requests, and its limits.
type ACMEChallengeSolverHTTP01IngressPodResources struct {
	// Limits, by resource.
	// +optional
	Limits corev1.ResourceList `json:"limits,omitempty"`

	// Requests, by resource.
	// +optional
	Requests corev1.ResourceList `json:"requests,omitempty"`
}
