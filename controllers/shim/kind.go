package shim

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"
)

const (
	ingressKind     = "Ingress"
	gatewayKind     = "Gateway"
	listenerSetKind = "ListenerSet"
)

// kind is a kind of objects that ask for certificates.
type kind struct {
	schema.GroupVersionKind

	controller string // name of the controller (contract 2.0)
	resource   string // as the API server's discovery has it

	object func() client.Object
	list   func() client.ObjectList
	// wish says what an object asks for. It is pure.
	wish func(client.Object, Defaults) Wish
	// secrets are the Secrets that an object serves, whether it asks or not.
	secrets func(client.Object) []string
}

var ingresses = kind{
	GroupVersionKind: networkingv1.SchemeGroupVersion.WithKind(ingressKind),
	controller:       "ingress-shim",
	resource:         "ingresses",
	object:           func() client.Object { return &networkingv1.Ingress{} },
	list:             func() client.ObjectList { return &networkingv1.IngressList{} },
	wish:             func(o client.Object, d Defaults) Wish { return wishIngress(o.(*networkingv1.Ingress), d) },
	secrets:          func(o client.Object) []string { return secretsOfIngress(o.(*networkingv1.Ingress)) },
}

var gateways = kind{
	GroupVersionKind: schema.GroupVersionKind{Group: gwapi.GroupName, Version: gwapi.GroupVersion.Version, Kind: gatewayKind},
	controller:       "gateway-shim",
	resource:         "gateways",
	object:           func() client.Object { return &gwapi.Gateway{} },
	list:             func() client.ObjectList { return &gwapi.GatewayList{} },
	wish:             func(o client.Object, d Defaults) Wish { return wishGateway(o.(*gwapi.Gateway), d) },
	secrets:          func(o client.Object) []string { return secretsOfListeners(o.(*gwapi.Gateway).Spec.Listeners) },
}

var listenerSets = kind{
	GroupVersionKind: schema.GroupVersionKind{Group: gwapi.GroupName, Version: gwapi.GroupVersion.Version, Kind: listenerSetKind},
	controller:       "listenerset-shim",
	resource:         "listenersets",
	object:           func() client.Object { return &gwapi.ListenerSet{} },
	list:             func() client.ObjectList { return &gwapi.ListenerSetList{} },
	wish:             func(o client.Object, d Defaults) Wish { return wishListenerSet(o.(*gwapi.ListenerSet), d) },
	secrets: func(o client.Object) []string {
		return secretsOfListeners(listenersOfSet(o.(*gwapi.ListenerSet)))
	},
}

// ownerOf is the object of this kind that controls another one. Its version
// does not matter.
func (k kind) ownerOf(o client.Object) (types.NamespacedName, bool) {
	owner := metav1.GetControllerOfNoCopy(o)
	if owner == nil || owner.Kind != k.Kind || schema.FromAPIVersionAndKind(owner.APIVersion, "").Group != k.Group {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: owner.Name}, true
}
