package kube

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
)

// maxShapes bounds the sets of fields that Secrets share. There are as many as
// combinations of optional fields of Certificates; where Secrets have owners
// each is different, and is kept by itself.
const maxShapes = 1024

// keepApplied leaves of a Secret's managedFields only which fields we have
// applied, see lifecycle.AppliedFields. Most Secrets have the same, so that
// they share one copy.
func keepApplied() toolscache.TransformFunc {
	var mu sync.Mutex
	shapes := map[string]*metav1.FieldsV1{}
	share := func(fields *metav1.FieldsV1) *metav1.FieldsV1 {
		mu.Lock()
		defer mu.Unlock()
		raw := fields.GetRawString()
		if shape, known := shapes[raw]; known {
			return shape
		}
		if len(shapes) < maxShapes {
			shapes[raw] = fields
		}
		return fields
	}
	return func(in any) (any, error) {
		secret, ok := in.(*corev1.Secret)
		if !ok {
			return in, nil
		}
		var kept []metav1.ManagedFieldsEntry
		for i := range secret.ManagedFields {
			e := &secret.ManagedFields[i]
			if e.Manager != string(SecretOwner) || e.Operation != metav1.ManagedFieldsOperationApply || e.FieldsV1 == nil {
				continue
			}
			kept = append(kept, metav1.ManagedFieldsEntry{Manager: e.Manager, Operation: e.Operation, FieldsV1: share(e.FieldsV1)})
		}
		secret.ManagedFields = kept
		return secret, nil
	}
}
