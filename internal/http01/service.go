package http01

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// Service is the Service before the pod. It is of type NodePort unless the
// solver says otherwise: some ingress controllers of clouds reach nothing else.
func Service(challenge *acmev1.Challenge) *corev1.Service {
	kind := serviceType(challenge)
	if kind == "" {
		kind = corev1.ServiceTypeNodePort
	}
	return &corev1.Service{
		ObjectMeta: meta(challenge, nil, map[string]string{
			// The CA speaks plain HTTP, also in a mesh that demands TLS.
			"auth.istio.io/8089": "NONE",
		}),
		Spec: corev1.ServiceSpec{
			Type:     kind,
			Selector: Labels(challenge),
			Ports: []corev1.ServicePort{{
				Name:       "http",
				Protocol:   corev1.ProtocolTCP,
				Port:       Port,
				TargetPort: intstr.FromInt32(Port),
			}},
		},
	}
}

func serviceType(challenge *acmev1.Challenge) corev1.ServiceType {
	if kind := ingressSolver(challenge).ServiceType; kind != "" {
		return kind
	}
	return routeSolver(challenge).ServiceType
}

// Backend is the Service that the route of a challenge leads to: the one of the
// challenge, or the one that is shared.
func Backend(challenge *acmev1.Challenge, shared bool) string {
	if shared {
		return SharedName
	}
	return Name(challenge)
}
