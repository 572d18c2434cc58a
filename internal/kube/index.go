package kube

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// The indexes of the cache, for client.MatchingFields. There is one for every
// look-up that is not by name: nothing may list all objects of a kind upon an
// event.
const (
	// ByController finds objects by the UID of their controlling owner; on
	// Certificates, their next keys, CertificateRequests, Orders and Challenges.
	ByController = "controller"
	// BySecret finds what reads or writes a Secret by the Secret's name: on
	// Certificates their secretName, on Issuers and ClusterIssuers every
	// Secret their spec refers to.
	BySecret = "secret"
	// ByIssuer finds Certificates by their issuer, with the value of IssuerKey.
	// Those of an Issuer are in its namespace besides.
	ByIssuer = "issuer"
	// ByPassword finds Certificates by the Secrets with the passwords of their
	// keystores, which are in their namespace.
	ByPassword = "password"
	// ByProcessing finds Challenges that occupy a slot, with the value "true".
	ByProcessing = "processing"
)

// IssuerKey is a reference as the value of an index. An empty kind or group
// means the default (contract 1.1).
func IssuerKey(ref cmmeta.IssuerReference) string {
	kind, group := ref.Kind, ref.Group
	if kind == "" {
		kind = cmv1.IssuerKind
	}
	if group == "" {
		group = cmv1.GroupName
	}
	return group + "/" + kind + "/" + ref.Name
}

// AddIndexes registers the indexes with the manager's cache.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	indexes := []struct {
		object client.Object
		name   string
		values client.IndexerFunc
	}{
		{&cmv1.Certificate{}, ByController, controllerUID},
		{&corev1.Secret{}, ByController, controllerUID},
		{&cmv1.Certificate{}, BySecret, func(o client.Object) []string { return []string{o.(*cmv1.Certificate).Spec.SecretName} }},
		{&cmv1.Certificate{}, ByIssuer, func(o client.Object) []string { return []string{IssuerKey(o.(*cmv1.Certificate).Spec.IssuerRef)} }},
		{&cmv1.Certificate{}, ByPassword, passwordSecrets},
		{&cmv1.CertificateRequest{}, ByController, controllerUID},
		{&acmev1.Order{}, ByController, controllerUID},
		{&acmev1.Challenge{}, ByController, controllerUID},
		{&acmev1.Challenge{}, ByProcessing, processing},
		{&cmv1.Issuer{}, BySecret, issuerSecrets},
		{&cmv1.ClusterIssuer{}, BySecret, issuerSecrets},
	}
	for _, i := range indexes {
		if err := indexer.IndexField(ctx, i.object, i.name, i.values); err != nil {
			return fmt.Errorf("index %T by %s: %w", i.object, i.name, err)
		}
	}
	return nil
}

func controllerUID(o client.Object) []string {
	owner := metav1.GetControllerOfNoCopy(o)
	if owner == nil {
		return nil
	}
	return []string{string(owner.UID)}
}

func passwordSecrets(o client.Object) []string {
	stores := o.(*cmv1.Certificate).Spec.Keystores
	if stores == nil {
		return nil
	}
	var names []string
	if jks := stores.JKS; jks != nil && jks.Create && jks.PasswordSecretRef.Name != "" {
		names = append(names, jks.PasswordSecretRef.Name)
	}
	if p12 := stores.PKCS12; p12 != nil && p12.Create && p12.PasswordSecretRef.Name != "" && !slices.Contains(names, p12.PasswordSecretRef.Name) {
		names = append(names, p12.PasswordSecretRef.Name)
	}
	return names
}

func processing(o client.Object) []string {
	if o.(*acmev1.Challenge).Status.Processing {
		return []string{"true"}
	}
	return nil
}

// issuerSecrets names the Secrets that decide whether an issuer is ready.
// Those of DNS-01 solvers are read when a challenge needs them.
func issuerSecrets(o client.Object) []string {
	issuer, ok := o.(cmv1.GenericIssuer)
	if !ok {
		return nil
	}
	spec := issuer.GetSpec()
	var names []string
	if spec.CA != nil {
		names = append(names, spec.CA.SecretName)
		if lists := cmv1.RevocationListSecret(issuer); lists != "" && lists != spec.CA.SecretName {
			names = append(names, lists)
		}
	}
	if spec.ACME != nil {
		names = append(names, spec.ACME.PrivateKey.Name)
		if eab := spec.ACME.ExternalAccountBinding; eab != nil {
			names = append(names, eab.Key.Name)
		}
	}
	if spec.Vault != nil {
		names = append(names, vaultSecrets(spec.Vault)...)
	}
	if spec.Venafi != nil {
		names = append(names, venafiSecrets(spec.Venafi)...)
	}
	return names
}

// venafiSecrets names the Secrets by which an issuer reaches a CyberArk
// Certificate Manager, each once.
func venafiSecrets(spec *cmv1.VenafiIssuer) []string {
	switch {
	case spec.TPP != nil:
		names := []string{spec.TPP.CredentialsRef.Name}
		if ref := spec.TPP.CABundleSecretRef; ref != nil && ref.Name != names[0] {
			names = append(names, ref.Name)
		}
		return names
	case spec.Cloud != nil:
		return []string{spec.Cloud.APITokenSecretRef.Name}
	case spec.NGTS != nil:
		return []string{spec.NGTS.CredentialsRef.Name}
	}
	return nil
}

// vaultSecrets names the Secrets by which an issuer reaches Vault and logs in,
// each once.
func vaultSecrets(spec *cmv1.VaultIssuer) []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, ref := range []*cmmeta.SecretKeySelector{spec.CABundleSecretRef, spec.ClientCertSecretRef, spec.ClientKeySecretRef, spec.Auth.TokenSecretRef} {
		if ref != nil {
			add(ref.Name)
		}
	}
	if spec.Auth.AppRole != nil {
		add(spec.Auth.AppRole.SecretRef.Name)
	}
	if spec.Auth.ClientCertificate != nil {
		add(spec.Auth.ClientCertificate.SecretName)
	}
	if spec.Auth.Kubernetes != nil {
		add(spec.Auth.Kubernetes.SecretRef.Name)
	}
	return names
}
