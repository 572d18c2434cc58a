package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"
)

// use is an object that takes a Secret.
type use struct {
	kind, name, how string
}

// uses lists what takes a Secret of the namespace. unknown are the kinds that
// the user may not see.
func (c *cluster) uses(ctx context.Context, secret string) (all []use, unknown []string, err error) {
	for _, look := range []struct {
		kinds string
		look  func(context.Context, string) ([]use, error)
	}{
		{"Ingresses", c.ingressesWith}, {"Gateways", c.gatewaysWith}, {"Pods", c.podsWith},
	} {
		some, err := look.look(ctx, secret)
		switch {
		case apierrors.IsForbidden(err):
			unknown = append(unknown, look.kinds)
		case isNoMatch(err): // Gateway API is not installed
		case err != nil:
			return nil, nil, fmt.Errorf("list %s: %w", look.kinds, err)
		}
		all = append(all, some...)
	}
	return all, unknown, nil
}

func (c *cluster) ingressesWith(ctx context.Context, secret string) ([]use, error) {
	var list networkingv1.IngressList
	if err := c.List(ctx, &list, client.InNamespace(c.namespace)); err != nil {
		return nil, err
	}
	var all []use
	for i := range list.Items {
		for _, tls := range list.Items[i].Spec.TLS {
			if tls.SecretName == secret {
				all = append(all, use{"Ingress", list.Items[i].Name, strings.Join(tls.Hosts, ", ")})
			}
		}
	}
	return all, nil
}

// gatewaysWith looks at the Gateways of all namespaces, which may be granted to
// take the Secret, or at those of this one if the user sees no others.
func (c *cluster) gatewaysWith(ctx context.Context, secret string) ([]use, error) {
	var list gwapi.GatewayList
	err := c.List(ctx, &list)
	if apierrors.IsForbidden(err) {
		err = c.List(ctx, &list, client.InNamespace(c.namespace))
	}
	if err != nil {
		return nil, err
	}
	var all []use
	for i := range list.Items {
		gateway := &list.Items[i]
		name := gateway.Name
		if gateway.Namespace != c.namespace {
			name = gateway.Namespace + "/" + name
		}
		for _, listener := range gateway.Spec.Listeners {
			if listener.TLS != nil && slices.ContainsFunc(listener.TLS.CertificateRefs, func(ref gwapi.SecretObjectReference) bool {
				return string(ref.Name) == secret && string(ptr.Deref(ref.Namespace, gwapi.Namespace(gateway.Namespace))) == c.namespace
			}) {
				all = append(all, use{"Gateway", name, "listener " + string(listener.Name)})
			}
		}
	}
	return all, nil
}

func (c *cluster) podsWith(ctx context.Context, secret string) ([]use, error) {
	var list corev1.PodList
	if err := c.List(ctx, &list, client.InNamespace(c.namespace)); err != nil {
		return nil, err
	}
	var all []use
	for i := range list.Items {
		pod := &list.Items[i]
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		if how := podUse(&pod.Spec, secret); how != "" {
			all = append(all, use{"Pod", pod.Name, how})
		}
	}
	return all, nil
}

// podUse says how a pod gets a Secret. What is in an environment variable stays
// as it is until the pod is started again.
func podUse(spec *corev1.PodSpec, secret string) string {
	for _, v := range spec.Volumes {
		if v.Secret != nil && v.Secret.SecretName == secret {
			return "volume " + v.Name
		}
		if v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool { return s.Secret != nil && s.Secret.Name == secret }) {
			return "volume " + v.Name
		}
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		fromVariable := slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
			return e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil && e.ValueFrom.SecretKeyRef.Name == secret
		})
		fromAll := slices.ContainsFunc(c.EnvFrom, func(e corev1.EnvFromSource) bool { return e.SecretRef != nil && e.SecretRef.Name == secret })
		if fromVariable || fromAll {
			return "environment of " + c.Name + ": has to be started again"
		}
	}
	return ""
}
