package http01

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

const (
	// SharedName is the name of the Service that leads to the operator's own
	// responder. A namespace has at most one: an Ingress can only refer to a
	// Service beside it.
	SharedName = "cm-acme-http-solver"
	// ResponderPort is the name of the responder's port, in our Services and
	// in that of the installation.
	ResponderPort = "http"
	// sliceManager tells the EndpointSlices of a Service apart by who made
	// them, as the API asks of everybody who makes some.
	sliceManager = "certwright.dev"
)

// SharedService is the Service without a selector: where it leads is said by
// SharedSlices. It is of type ClusterIP, which every ingress controller that
// looks at EndpointSlices needs no more than, unless a solver wants NodePort
// expressly: a port of every node for every namespace would be many.
func SharedService(namespace string, kind corev1.ServiceType) *corev1.Service {
	if kind != corev1.ServiceTypeNodePort {
		kind = corev1.ServiceTypeClusterIP
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: SharedName,
			Labels:      map[string]string{acmev1.SolverIdentificationLabelKey: "true"},
			Annotations: map[string]string{"auth.istio.io/8089": "NONE"},
		},
		Spec: corev1.ServiceSpec{
			Type: kind,
			Ports: []corev1.ServicePort{{
				Name: ResponderPort, Protocol: corev1.ProtocolTCP, Port: Port, TargetPort: intstr.FromInt32(Port),
			}},
		},
	}
}

// IsSharedService tells a SharedService from others with its name.
func IsSharedService(service *corev1.Service) bool {
	return service.Name == SharedName && service.Labels[acmev1.SolverIdentificationLabelKey] == "true" &&
		len(service.Spec.Selector) == 0 && service.DeletionTimestamp == nil
}

// WantsNodePort reports whether the solver of a challenge says that its Service
// has to be reached by a port of the nodes.
func WantsNodePort(challenge *acmev1.Challenge) bool {
	return serviceType(challenge) == corev1.ServiceTypeNodePort
}

// Replicas are where the operator's responder can be reached, by family of
// addresses. The addresses are sorted.
type Replicas map[discoveryv1.AddressType]Endpoints

// Endpoints are addresses with the same port.
type Endpoints struct {
	Addresses []string
	Port      int32
}

// ReplicasIn gathers what the EndpointSlices of the installation's Service say.
// Only what is ready counts: a replica that has not read the Challenges yet has
// no answers. Where different slices name different ports, the lowest counts.
func ReplicasIn(list []discoveryv1.EndpointSlice) Replicas {
	replicas := Replicas{}
	for _, slice := range list {
		port := int32(0)
		for _, p := range slice.Ports {
			if p.Port != nil && ptr.Deref(p.Name, "") == ResponderPort {
				port = *p.Port
			}
		}
		if port == 0 || (slice.AddressType != discoveryv1.AddressTypeIPv4 && slice.AddressType != discoveryv1.AddressTypeIPv6) {
			continue
		}
		known := replicas[slice.AddressType]
		for _, endpoint := range slice.Endpoints {
			if ptr.Deref(endpoint.Conditions.Ready, true) {
				known.Addresses = append(known.Addresses, endpoint.Addresses...)
			}
		}
		if len(known.Addresses) == 0 {
			continue
		}
		if known.Port == 0 || port < known.Port {
			known.Port = port
		}
		slices.Sort(known.Addresses)
		known.Addresses = slices.Compact(known.Addresses)
		replicas[slice.AddressType] = known
	}
	return replicas
}

// SharedSlices are the EndpointSlices of a SharedService, one for each family,
// in the order of their names. They belong to the Service and are deleted with
// it.
func SharedSlices(service *corev1.Service, replicas Replicas) []*discoveryv1.EndpointSlice {
	var all []*discoveryv1.EndpointSlice
	for family, endpoints := range replicas {
		slice := &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: service.Namespace, Name: sliceName(family),
				Labels: map[string]string{
					discoveryv1.LabelServiceName:        SharedName,
					discoveryv1.LabelManagedBy:          sliceManager,
					acmev1.SolverIdentificationLabelKey: "true",
				},
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: "v1", Kind: "Service", Name: service.Name, UID: service.UID, Controller: ptr.To(true),
				}},
			},
			AddressType: family,
			Ports: []discoveryv1.EndpointPort{{
				Name: ptr.To(ResponderPort), Protocol: ptr.To(corev1.ProtocolTCP), Port: ptr.To(endpoints.Port),
			}},
		}
		for _, address := range endpoints.Addresses {
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
				Addresses:  []string{address},
				Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true), Serving: ptr.To(true), Terminating: ptr.To(false)},
			})
		}
		all = append(all, slice)
	}
	slices.SortFunc(all, func(a, b *discoveryv1.EndpointSlice) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// SameSlice reports whether an EndpointSlice leads where another does.
func SameSlice(got, want *discoveryv1.EndpointSlice) bool {
	return metav1.IsControlledBy(got, ownerOf(want)) &&
		equality.Semantic.DeepEqual(got.Ports, want.Ports) &&
		equality.Semantic.DeepEqual(got.Endpoints, want.Endpoints) &&
		got.Labels[discoveryv1.LabelServiceName] == want.Labels[discoveryv1.LabelServiceName]
}

func ownerOf(slice *discoveryv1.EndpointSlice) metav1.Object {
	return &metav1.ObjectMeta{UID: slice.OwnerReferences[0].UID}
}

// sliceName: slices of different families are different objects, since the
// family can not be changed.
func sliceName(family discoveryv1.AddressType) string {
	if family == discoveryv1.AddressTypeIPv6 {
		return SharedName + "-ipv6"
	}
	return SharedName + "-ipv4"
}
