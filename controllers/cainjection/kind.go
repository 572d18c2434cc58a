package cainjection

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// kind is a kind of targets.
type kind struct {
	schema.GroupVersionKind

	resource string
	// places are the bundles of a target. The problem says why there can be
	// none.
	places func(*target) (list []place, problem string)
	// fields are the places as fields of the target.
	fields func([]place) map[string]any
}

// place is where a target has a bundle.
type place struct {
	webhook string // its name, if the target has several
	bundle  []byte
}

// target is what there is to know of a target, whatever its kind.
type target struct {
	Metadata struct {
		UID             types.UID `json:"uid"`
		ResourceVersion string    `json:"resourceVersion"`
		Generation      int64     `json:"generation"`
	} `json:"metadata"`
	Webhooks []struct {
		Name         string       `json:"name"`
		ClientConfig clientConfig `json:"clientConfig"`
	} `json:"webhooks"`
	Spec struct {
		clientConfig                    // of an APIService
		Service               *struct{} `json:"service"`
		InsecureSkipTLSVerify bool      `json:"insecureSkipTLSVerify"`
		Conversion            struct {
			Webhook *struct {
				ClientConfig clientConfig `json:"clientConfig"`
			} `json:"webhook"`
		} `json:"conversion"`
	} `json:"spec"`
}

type clientConfig struct {
	CABundle []byte `json:"caBundle"`
}

var mutatingWebhooks = kind{
	GroupVersionKind: schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingWebhookConfiguration"},
	resource:         "mutatingwebhookconfigurations",
	places:           placesOfWebhooks,
	fields:           fieldsOfWebhooks,
}

var validatingWebhooks = kind{
	GroupVersionKind: schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingWebhookConfiguration"},
	resource:         "validatingwebhookconfigurations",
	places:           placesOfWebhooks,
	fields:           fieldsOfWebhooks,
}

var apiServices = kind{
	GroupVersionKind: schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"},
	resource:         "apiservices",
	places: func(t *target) ([]place, string) {
		switch {
		case t.Spec.Service == nil:
			return nil, "" // served by the API server itself, which needs no CA
		case t.Spec.InsecureSkipTLSVerify:
			return nil, "spec.insecureSkipTLSVerify is true, which no bundle may stand beside: remove it"
		}
		return []place{{bundle: t.Spec.CABundle}}, ""
	},
	fields: func(p []place) map[string]any {
		return map[string]any{"spec": map[string]any{"caBundle": p[0].bundle}}
	},
}

var customResourceDefinitions = kind{
	GroupVersionKind: schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
	resource:         "customresourcedefinitions",
	places: func(t *target) ([]place, string) {
		webhook := t.Spec.Conversion.Webhook
		if webhook == nil {
			return nil, "" // some charts annotate all of theirs
		}
		return []place{{bundle: webhook.ClientConfig.CABundle}}, ""
	},
	fields: func(p []place) map[string]any {
		return map[string]any{"spec": map[string]any{"conversion": map[string]any{"webhook": map[string]any{"clientConfig": bundleField(p[0])}}}}
	},
}

func placesOfWebhooks(t *target) (list []place, problem string) {
	for _, w := range t.Webhooks {
		list = append(list, place{w.Name, w.ClientConfig.CABundle})
	}
	return list, ""
}

func fieldsOfWebhooks(places []place) map[string]any {
	webhooks := make([]any, 0, len(places))
	for _, p := range places {
		webhooks = append(webhooks, map[string]any{"name": p.webhook, "clientConfig": bundleField(p)})
	}
	return map[string]any{"webhooks": webhooks}
}

// bundleField is a bundle as JSON has it, in base64.
func bundleField(p place) map[string]any { return map[string]any{"caBundle": p.bundle} }

// metadata is an empty object that stands for the metadata of a target.
func (k kind) metadata() *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(k.GroupVersionKind)
	return m
}

// list is an empty list of them.
func (k kind) list() *metav1.PartialObjectMetadataList {
	l := &metav1.PartialObjectMetadataList{}
	l.SetGroupVersionKind(k.GroupVersion().WithKind(k.Kind + "List"))
	return l
}

// path is where the API server has a target.
func (k kind) path(name string) []string {
	return []string{"/apis", k.Group, k.Version, k.resource, name}
}
