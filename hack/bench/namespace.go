package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// rootCAs is the ConfigMap that the controller manager puts into every namespace. Once it is there, the controller
// manager has nothing left to do with a namespace.
const rootCAs = "kube-root-ca.crt"

// newNamespace makes a namespace and waits until the controller manager is done with it.
func (l *lab) newNamespace(ctx context.Context, prefix string) (string, error) {
	l.runs++
	name := fmt.Sprintf("%s-%d", prefix, l.runs)
	if err := l.admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		return "", fmt.Errorf("create namespace: %w", err)
	}
	return name, poll(ctx, time.Minute, "the namespace to be set up", func() (bool, error) {
		for object, key := range map[client.Object]string{&corev1.ServiceAccount{}: "default", &corev1.ConfigMap{}: rootCAs} {
			err := l.admin.Get(ctx, types.NamespacedName{Namespace: name, Name: key}, object)
			if apierrors.IsNotFound(err) {
				return false, nil
			}
			if err != nil {
				return false, fmt.Errorf("get %s: %w", key, err)
			}
		}
		return true, nil
	})
}

// removeNamespace empties a namespace, so that the next measurement starts on an empty cluster, and waits until it is
// gone. Owners go last: then the garbage collector finds nothing to do.
func (l *lab) removeNamespace(ctx context.Context, name string) error {
	for _, object := range []client.Object{&corev1.Secret{}, &cmv1.CertificateRequest{}, &cmv1.Certificate{}, &corev1.Event{}} {
		if err := l.admin.DeleteAllOf(ctx, object, client.InNamespace(name)); err != nil {
			return fmt.Errorf("empty namespace of %T: %w", object, err)
		}
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := l.admin.Delete(ctx, namespace); err != nil {
		return fmt.Errorf("delete namespace: %w", err)
	}
	return poll(ctx, 5*time.Minute, "the namespace to be gone", func() (bool, error) {
		err := l.admin.Get(ctx, types.NamespacedName{Name: name}, namespace)
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("get namespace: %w", err)
		}
		return false, nil
	})
}
