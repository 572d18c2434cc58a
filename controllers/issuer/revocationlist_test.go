package issuer

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// listCA is a CA that may sign lists, and its Secret.
func (c cluster) listCA(t *testing.T, name string) (*x509.Certificate, crypto.Signer, *corev1.Secret) {
	t.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	text, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret := c.caSecret(t, name)
	secret.Data = map[string][]byte{"tls.key": text, "tls.crt": pki.EncodeCertificates(cert)}
	return cert, key, secret
}

// condition waits until the condition RevocationList of an issuer has a reason
// and a message with the given part; no reason means that there is none.
func (c cluster) condition(t *testing.T, o cmv1.GenericIssuer, reason, part string) {
	t.Helper()
	var got string
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 40*time.Second, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return false, err
		}
		got = ""
		for _, cond := range o.GetStatus().Conditions {
			if cond.Type == cmv1.IssuerConditionRevocationList {
				got = cond.Reason + ": " + cond.Message
			}
		}
		return strings.HasPrefix(got, reason) && (reason != "" || got == "") && strings.Contains(got, part), nil
	})
	if err != nil {
		t.Fatalf("RevocationList is %q, want %s with %q: %v", got, reason, part, err)
	}
}

// list waits until a list of the CA is stored that is another one than before.
func (c cluster) list(t *testing.T, secret string, ca *x509.Certificate, before *pki.RevocationList) *pki.RevocationList {
	t.Helper()
	var found *pki.RevocationList
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 40*time.Second, true, func(ctx context.Context) (bool, error) {
		stored := &corev1.Secret{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: secret}, stored); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		lists, err := issuers.ReadRevocationLists(stored)
		for _, l := range lists {
			if l.SignedBy(ca) && (before == nil || l.Number.Cmp(before.Number) > 0) {
				found = l
			}
		}
		return found != nil, err
	})
	if err != nil {
		t.Fatalf("no list in Secret %s: %v", secret, err)
	}
	return found
}

func TestIssuerKeepsTheListsThatItsSpecAsksFor(t *testing.T) {
	t.Parallel()
	c := start(t)
	cert, _, secret := c.listCA(t, "ca")
	issuer := c.issuer("ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	c.create(t, secret, issuer)
	c.until(t, issuer, "True@1 "+verified)
	c.condition(t, issuer, "", "")

	issuer.Spec.CA.CRL = &cmv1.CAIssuerCRL{URL: "http://crl.example.com/ca.crl"}
	if err := c.Update(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
	c.condition(t, issuer, cmv1.IssuerReasonListSigned, `in Secret "ca-crl", each valid for 168h0m0s; certificates say that they are at http://crl.example.com/ca.crl`)
	first := c.list(t, "ca-crl", cert, nil)

	// Whoever deletes or damages lists gets new ones, with greater numbers.
	stored := &corev1.Secret{}
	key := client.ObjectKey{Namespace: c.namespace, Name: "ca-crl"}
	if err := c.Get(t.Context(), key, stored); err != nil {
		t.Fatal(err)
	}
	for name := range stored.Data {
		stored.Data[name] = []byte("garbage")
	}
	if err := c.Update(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	second := c.list(t, "ca-crl", cert, first)
	if err := c.Delete(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	third := c.list(t, "ca-crl", cert, second)

	// Without the label the Secret is in the other cache; the next write mends that.
	if err := c.Get(t.Context(), key, stored); err != nil {
		t.Fatal(err)
	}
	stored.Labels = nil
	if err := c.Update(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	otherCert, _, otherSecret := c.listCA(t, "ca")
	secret.Data = otherSecret.Data
	if err := c.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.list(t, "ca-crl", otherCert, nil)
	if l := c.list(t, "ca-crl", cert, second); l.Number.Cmp(third.Number) != 0 {
		t.Error("the list of the earlier key has become another one")
	}
	if err := c.Get(t.Context(), key, stored); err != nil {
		t.Fatal(err)
	}
	if stored.Labels[cmv1.PartOfCertManagerControllerLabelKey] != "true" {
		t.Errorf("labels %v", stored.Labels)
	}

	if err := c.Get(t.Context(), client.ObjectKeyFromObject(issuer), issuer); err != nil {
		t.Fatal(err)
	}
	issuer.Spec.CA.CRL.SecretName = "ca"
	if err := c.Update(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
	c.condition(t, issuer, cmv1.IssuerReasonListNotStored, "name another one in spec.ca.crl.secretName")
	c.until(t, issuer, "True@3 "+verified)
	issuer.Spec.CA.CRL = nil
	if err := c.Update(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
	c.condition(t, issuer, "", "")
}

func TestIssuerWhoseCAMayNotSignListsSaysSo(t *testing.T) {
	t.Parallel()
	c := start(t)
	issuer := c.issuer("ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca", CRL: &cmv1.CAIssuerCRL{}}})
	c.create(t, issuer)
	c.condition(t, issuer, cmv1.IssuerReasonListNotSigned, `No revocation list can be signed: Secret "ca" does not exist`)
	cert, key, secret := c.listCA(t, "ca")
	template := *cert
	template.KeyUsage, template.Raw = x509.KeyUsageCertSign, nil
	mute, err := pki.Sign(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret.Data["tls.crt"] = pki.EncodeCertificates(mute)
	c.create(t, secret)
	c.condition(t, issuer, cmv1.IssuerReasonListNotSigned, `has a key usage that lacks "crl sign"`)
	c.until(t, issuer, "True@1 "+verified)
	c.untilEvents(t, "ca", map[string]bool{"ErrInitIssuer": true, "KeyPairVerified": true, "ListNotSigned": true})
}

func TestRevocationsAreStoredOnARealAPIServerAndOpenSSLFollowsThem(t *testing.T) {
	t.Parallel()
	c := start(t)
	cert, caKey, secret := c.listCA(t, "ca")
	issuer := c.issuer("ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca", CRL: &cmv1.CAIssuerCRL{}}})
	c.create(t, secret, issuer)
	c.condition(t, issuer, cmv1.IssuerReasonListSigned, "")
	revoker, err := c.signers.RevokerFor(issuer)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	leaves := map[string]*x509.Certificate{}
	for i, name := range []string{"old", "successor"} {
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(100 + i)), DNSNames: []string{"web.example.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0)}
		leaf, err := pki.Sign(rand.Reader, template, cert, caKey.Public(), caKey)
		if err != nil {
			t.Fatal(err)
		}
		leaves[name] = leaf
		if err := os.WriteFile(filepath.Join(dir, name), pki.EncodeCertificates(leaf), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := revoker.Revoke(t.Context(), issuers.RevokeInput{Issuer: issuer, Certificate: leaves["old"], Reason: v1alpha1.Superseded, Now: time.Now()})
	if _, ok := out.(lifecycle.Revoked); !ok || err != nil {
		t.Fatalf("outcome %#v, error %v", out, err)
	}
	for name, data := range map[string][]byte{"ca": pki.EncodeCertificates(cert), "list": c.list(t, "ca-crl", cert, nil).Raw} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"old": "certificate revoked", "successor": "OK"} {
		cmd := exec.CommandContext(t.Context(), "openssl", "verify", "-crl_check", "-CAfile", "ca", "-CRLfile", "list", name)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); !strings.Contains(string(text), want) {
			t.Errorf("openssl says of the %s: %v %s, want %q", name, err, text, want)
		}
	}
	again, err := revoker.Revoke(t.Context(), issuers.RevokeInput{Issuer: issuer, Certificate: leaves["old"], Now: time.Now()})
	if got, ok := again.(lifecycle.Revoked); !ok || !got.Already || err != nil {
		t.Errorf("outcome %#v, error %v", again, err)
	}
}

// The largest lists have to fit the API server's limits on objects and patches,
// and those of etcd.
func TestAFullListFitsARealAPIServer(t *testing.T) {
	t.Parallel()
	c := start(t)
	cert, key, secret := c.listCA(t, "ca")
	by, err := pki.NewListSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	var entries []pki.RevokedCertificate
	for range 18_500 {
		serial, err := pki.NewSerial(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, pki.RevokedCertificate{Serial: serial, At: time.Now(), Reason: 1, NotAfter: time.Now().AddDate(0, 3, 0)})
	}
	// Of another validity, so that the issuer signs another one at once.
	full, err := pki.SignRevocationList(rand.Reader, by, nil, entries, time.Hour, time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	lists := c.caSecret(t, "ca-crl")
	lists.Type, lists.Labels = cmv1.RevocationListSecretType, map[string]string{cmv1.PartOfCertManagerControllerLabelKey: "true"}
	name := strings.TrimSuffix(issuers.RevocationListPath(c.issuer("x", cmv1.IssuerConfig{}), full.AuthorityKeyID), issuers.ListSuffix)
	name = name[strings.LastIndexByte(name, '/')+1:]
	lists.Data = map[string][]byte{name + issuers.ListSuffix: full.Raw, name + ".expiries": full.Expiries()}
	issuer := c.issuer("ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca", CRL: &cmv1.CAIssuerCRL{}}})
	c.create(t, lists, secret, issuer)
	c.condition(t, issuer, cmv1.IssuerReasonListNearlyFull, "more than eight tenths")
	next := c.list(t, "ca-crl", cert, full)
	if len(next.Revoked) != len(entries) {
		t.Errorf("%d entries, want %d", len(next.Revoked), len(entries))
	}
}
