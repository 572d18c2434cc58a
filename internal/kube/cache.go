package kube

import (
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// CacheOptions says what the manager's cache holds. managedFields are dropped
// but for our part of those of Secrets: nothing else reads them and they are a
// third of an object's size.
func CacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}: {
				Label:     labels.SelectorFromSet(labels.Set{cmv1.PartOfCertManagerControllerLabelKey: "true"}),
				Transform: keepApplied(),
			},
			&corev1.Pod{}:     {Label: solverSelector()},
			&corev1.Service{}: {Label: solverSelector()},
			&certificatesv1.CertificateSigningRequest{}: {Transform: stripForeignCSRs},
			// Those of the shared responder's Services, and of the Service of
			// the operator, whose label they have from it.
			&discoveryv1.EndpointSlice{}: {Label: solverSelector()},
		},
	}
}

// ClientOptions makes cached reads wait for the client's own writes: a
// decision taken on the state before the last action would repeat the action.
func ClientOptions() client.Options {
	wait := true
	return client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: &wait}}
}

// NewForeignSecrets adds to the manager a cache with the metadata of the
// Secrets that do not carry our label.
func NewForeignSecrets(mgr ctrl.Manager) (cache.Cache, error) {
	return NewForeignSecretsWithin(mgr, "")
}

// NewForeignSecretsWithin is NewForeignSecrets of an operator for one
// namespace; for all if it is empty.
func NewForeignSecretsWithin(mgr ctrl.Manager, namespace string) (cache.Cache, error) {
	unlabelled, err := labels.NewRequirement(cmv1.PartOfCertManagerControllerLabelKey, selection.NotEquals, []string{"true"})
	if err != nil {
		return nil, fmt.Errorf("build secret selector: %w", err)
	}
	foreign, err := NewCache(namespace)(mgr.GetConfig(), cache.Options{
		HTTPClient:       mgr.GetHTTPClient(),
		Scheme:           mgr.GetScheme(),
		Mapper:           mgr.GetRESTMapper(),
		DefaultTransform: stripToIdentity,
		ByObject: map[client.Object]cache.ByObject{
			SecretMetadata(): {Label: labels.NewSelector().Add(*unlabelled)},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("create cache of foreign secrets: %w", err)
	}
	if err := mgr.Add(foreign); err != nil {
		return nil, fmt.Errorf("add cache of foreign secrets: %w", err)
	}
	return foreign, nil
}

// SecretMetadata is an empty object that stands for the metadata of a Secret.
func SecretMetadata() *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return m
}

// stripToIdentity keeps of a foreign Secret only what tells that it exists and
// which version it is.
func stripToIdentity(in any) (any, error) {
	m, ok := in.(*metav1.PartialObjectMetadata)
	if !ok {
		return in, nil
	}
	return &metav1.PartialObjectMetadata{
		TypeMeta: m.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       m.Namespace,
			Name:            m.Name,
			UID:             m.UID,
			ResourceVersion: m.ResourceVersion,
		},
	}, nil
}

// stripForeignCSRs keeps of a CertificateSigningRequest that is for another
// signer only who it is: every node of a cluster makes some, and a field
// selector can not name all of our signers.
func stripForeignCSRs(in any) (any, error) {
	csr, ok := in.(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return in, nil
	}
	if lifecycle.IsOurSigner(csr.Spec.SignerName) {
		csr.ManagedFields = nil
		return csr, nil
	}
	return &certificatesv1.CertificateSigningRequest{
		TypeMeta:   csr.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{Name: csr.Name, UID: csr.UID, ResourceVersion: csr.ResourceVersion},
		Spec:       certificatesv1.CertificateSigningRequestSpec{SignerName: csr.Spec.SignerName},
	}, nil
}

func solverSelector() labels.Selector {
	return labels.SelectorFromSet(labels.Set{acmev1.SolverIdentificationLabelKey: "true"})
}
