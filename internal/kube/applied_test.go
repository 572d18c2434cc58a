package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func entry(manager string, operation metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: operation, APIVersion: "v1", FieldsType: "FieldsV1",
		Time: &metav1.Time{}, FieldsV1: metav1.NewFieldsV1(fields),
	}
}

func TestOfAllManagedFieldsOfASecretOurAppliesAreKept(t *testing.T) {
	t.Parallel()
	keep := keepApplied()
	ours := entry(string(SecretOwner), metav1.ManagedFieldsOperationApply, `{"f:data":{"f:tls.crt":{}}}`)
	for range 2 { // the second time from what the first has left
		kept, err := keep(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "web", ManagedFields: []metav1.ManagedFieldsEntry{
			entry("kubectl", metav1.ManagedFieldsOperationUpdate, `{"f:data":{"f:other":{}}}`),
			ours,
			entry(string(SecretOwner), metav1.ManagedFieldsOperationUpdate, `{"f:data":{"f:tls.key":{}}}`),
			{Manager: string(SecretOwner), Operation: metav1.ManagedFieldsOperationApply},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		want := []metav1.ManagedFieldsEntry{{Manager: ours.Manager, Operation: ours.Operation, FieldsV1: ours.FieldsV1}}
		if diff := cmp.Diff(want, kept.(*corev1.Secret).ManagedFields); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	other := &corev1.Pod{}
	if kept, err := keep(other); err != nil || kept != any(other) {
		t.Errorf("another object became %v, %v", kept, err)
	}
}

func TestSecretsOfTheSameFieldsShareThem(t *testing.T) {
	t.Parallel()
	keep := keepApplied()
	fields := make([]*metav1.FieldsV1, 2)
	for i := range fields {
		kept, err := keep(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
			entry(string(SecretOwner), metav1.ManagedFieldsOperationApply, `{"f:data":{"f:tls.crt":{}}}`),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		fields[i] = kept.(*corev1.Secret).ManagedFields[0].FieldsV1
	}
	if fields[0] != fields[1] {
		t.Error("two copies")
	}
}
