package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// indexes are what AddIndexes registers: by kind and name.
type indexes map[string]client.IndexerFunc

func (i indexes) IndexField(_ context.Context, o client.Object, name string, values client.IndexerFunc) error {
	key := fmt.Sprintf("%T by %s", o, name)
	if i[key] != nil {
		return errors.New("twice")
	}
	i[key] = values
	return nil
}

func TestIndexes(t *testing.T) {
	t.Parallel()
	controlled := metav1.ObjectMeta{Name: "child", OwnerReferences: []metav1.OwnerReference{
		{Kind: "ConfigMap", Name: "other", UID: "uid-other"},
		{Kind: "Certificate", Name: "www", UID: "uid-www", Controller: new(true)},
	}}
	owned := metav1.ObjectMeta{Name: "child", OwnerReferences: []metav1.OwnerReference{{Kind: "ConfigMap", Name: "other", UID: "uid-other"}}}
	selector := func(name string) cmmeta.SecretKeySelector {
		return cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name}}
	}
	acme := cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
		PrivateKey:             selector("account"),
		ExternalAccountBinding: &acmev1.ACMEExternalAccountBinding{Key: selector("eab")},
	}}}
	ca := cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}}}
	venafiBy := func(spec cmv1.VenafiIssuer) *cmv1.Issuer {
		return &cmv1.Issuer{Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{Venafi: &spec}}}
	}
	vaultBy := func(auth cmv1.VaultAuth) *cmv1.Issuer {
		return &cmv1.Issuer{Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{Vault: &cmv1.VaultIssuer{
			Auth: auth, CABundleSecretRef: new(selector("roots")), ClientCertSecretRef: new(selector("client")), ClientKeySecretRef: new(selector("client")),
		}}}}
	}
	crt := func(ref cmmeta.IssuerReference) *cmv1.Certificate {
		return &cmv1.Certificate{Spec: cmv1.CertificateSpec{SecretName: "www-tls", IssuerRef: ref}}
	}
	stores := func(k *cmv1.CertificateKeystores) *cmv1.Certificate {
		return &cmv1.Certificate{Spec: cmv1.CertificateSpec{Keystores: k}}
	}
	jks, p12 := &cmv1.JKSKeystore{Create: true, PasswordSecretRef: selector("a")}, &cmv1.PKCS12Keystore{Create: true, PasswordSecretRef: selector("b")}
	rows := []struct {
		index  string
		object client.Object
		want   []string
	}{
		{"*v1.Certificate by controller", &cmv1.Certificate{ObjectMeta: controlled}, []string{"uid-www"}},
		{"*v1.Certificate by controller", &cmv1.Certificate{ObjectMeta: owned}, nil},
		{"*v1.Secret by controller", &corev1.Secret{ObjectMeta: controlled}, []string{"uid-www"}},
		{"*v1.CertificateRequest by controller", &cmv1.CertificateRequest{ObjectMeta: controlled}, []string{"uid-www"}},
		{"*v1.Order by controller", &acmev1.Order{ObjectMeta: controlled}, []string{"uid-www"}},
		{"*v1.Challenge by controller", &acmev1.Challenge{}, nil},
		{"*v1.Certificate by secret", crt(cmmeta.IssuerReference{Name: "ca"}), []string{"www-tls"}},
		{"*v1.Certificate by issuer", crt(cmmeta.IssuerReference{Name: "ca"}), []string{"cert-manager.io/Issuer/ca"}},
		{"*v1.Certificate by issuer", crt(cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}), []string{"cert-manager.io/Issuer/ca"}},
		{"*v1.Certificate by issuer", crt(cmmeta.IssuerReference{Name: "ca", Kind: "ClusterIssuer"}), []string{"cert-manager.io/ClusterIssuer/ca"}},
		{"*v1.Certificate by issuer", crt(cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "example.com"}), []string{"example.com/Issuer/ca"}},
		{"*v1.Certificate by password", stores(nil), nil},
		{"*v1.Certificate by password", stores(&cmv1.CertificateKeystores{JKS: jks, PKCS12: p12}), []string{"a", "b"}},
		{"*v1.Certificate by password", stores(&cmv1.CertificateKeystores{JKS: jks, PKCS12: &cmv1.PKCS12Keystore{Create: true, PasswordSecretRef: selector("a")}}), []string{"a"}},
		{"*v1.Certificate by password", stores(&cmv1.CertificateKeystores{JKS: &cmv1.JKSKeystore{PasswordSecretRef: selector("a")}, PKCS12: &cmv1.PKCS12Keystore{Create: true, Password: new("b")}}), nil},
		{"*v1.Challenge by processing", &acmev1.Challenge{Status: acmev1.ChallengeStatus{Processing: true}}, []string{"true"}},
		{"*v1.Challenge by processing", &acmev1.Challenge{}, nil},
		{"*v1.Issuer by secret", &cmv1.Issuer{Spec: acme}, []string{"account", "eab"}},
		{"*v1.Issuer by secret", &cmv1.Issuer{Spec: ca}, []string{"ca"}},
		{"*v1.Issuer by secret", &cmv1.Issuer{}, nil},
		{"*v1.Issuer by secret", venafiBy(cmv1.VenafiIssuer{TPP: &cmv1.VenafiTPP{CredentialsRef: cmmeta.LocalObjectReference{Name: "tpp"}, CABundleSecretRef: new(selector("roots"))}}), []string{"tpp", "roots"}},
		{"*v1.Issuer by secret", venafiBy(cmv1.VenafiIssuer{TPP: &cmv1.VenafiTPP{CredentialsRef: cmmeta.LocalObjectReference{Name: "tpp"}, CABundleSecretRef: new(selector("tpp"))}}), []string{"tpp"}},
		{"*v1.Issuer by secret", venafiBy(cmv1.VenafiIssuer{Cloud: &cmv1.VenafiCloud{APITokenSecretRef: selector("key")}}), []string{"key"}},
		{"*v1.Issuer by secret", venafiBy(cmv1.VenafiIssuer{NGTS: &cmv1.VenafiNGTS{CredentialsRef: cmmeta.LocalObjectReference{Name: "oauth"}}}), []string{"oauth"}},
		{"*v1.Issuer by secret", venafiBy(cmv1.VenafiIssuer{}), nil},
		{"*v1.Issuer by secret", vaultBy(cmv1.VaultAuth{TokenSecretRef: new(selector("token"))}), []string{"roots", "client", "token"}},
		{"*v1.Issuer by secret", vaultBy(cmv1.VaultAuth{AppRole: &cmv1.VaultAppRole{SecretRef: selector("approle")}}), []string{"roots", "client", "approle"}},
		{"*v1.Issuer by secret", vaultBy(cmv1.VaultAuth{ClientCertificate: &cmv1.VaultClientCertificateAuth{SecretName: "client"}}), []string{"roots", "client"}},
		{"*v1.Issuer by secret", vaultBy(cmv1.VaultAuth{Kubernetes: &cmv1.VaultKubernetesAuth{SecretRef: selector("jwt")}}), []string{"roots", "client", "jwt"}},
		{"*v1.ClusterIssuer by secret", &cmv1.ClusterIssuer{Spec: ca}, []string{"ca"}},
	}
	registered := indexes{}
	if err := AddIndexes(t.Context(), registered); err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for _, row := range rows {
		tested[row.index] = true
		if registered[row.index] == nil {
			t.Errorf("no index of %s", row.index)
			continue
		}
		if diff := cmp.Diff(row.want, registered[row.index](row.object)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.index, diff)
		}
	}
	for index := range registered {
		if !tested[index] {
			t.Errorf("%s is not tested", index)
		}
	}
}

func TestIndexThatCanNotBeAddedIsNamed(t *testing.T) {
	t.Parallel()
	registered := indexes{}
	if err := AddIndexes(t.Context(), registered); err != nil {
		t.Fatal(err)
	}
	err := AddIndexes(t.Context(), registered)
	if err == nil || !strings.HasPrefix(err.Error(), "index *v1.Certificate by controller: twice") {
		t.Errorf("error %v", err)
	}
}

func TestIssuerKeyTellsIssuersApart(t *testing.T) {
	t.Parallel()
	refs := []cmmeta.IssuerReference{
		{Name: "a"}, {Name: "b"}, {Name: "a", Kind: "ClusterIssuer"}, {Name: "a", Group: "example.com"}, {Name: "a", Kind: "ClusterIssuer", Group: "example.com"},
	}
	var keys []string
	for _, ref := range refs {
		key := IssuerKey(ref)
		if slices.Contains(keys, key) {
			t.Errorf("%+v has the key %s of another", ref, key)
		}
		keys = append(keys, key)
	}
}
