package rotation_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/pki"
)

// listsURL is where relying parties would find lists.
const listsURL = "http://crl.example.com"

// listIssuer creates a CA issuer that keeps lists.
func (w *world) listIssuer(name string, ca authority) {
	w.t.Helper()
	w.put(name, ca)
	w.check(w.Create(w.t.Context(), &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: name, CRL: &cmv1.CAIssuerCRL{}}}},
	}))
}

// list is the stored list of a CA; nil if there is none.
func (w *world) list(ctx context.Context, issuer string, ca authority) (*pki.RevocationList, error) {
	secret := &corev1.Secret{}
	if err := w.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: issuer + "-crl"}, secret); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	lists, err := issuers.ReadRevocationLists(secret)
	if err != nil {
		return nil, err
	}
	list := lists[hex.EncodeToString(ca.cert.SubjectKeyId)+issuers.ListSuffix]
	if list != nil && !list.SignedBy(ca.cert) {
		return nil, fmt.Errorf("the list in %s is not signed by the CA", secret.Name)
	}
	return list, nil
}

func (w *world) untilListed(issuer string, ca authority, holds func(*pki.RevocationList) string) *pki.RevocationList {
	w.t.Helper()
	var list *pki.RevocationList
	w.until("revocation list", func(ctx context.Context) (string, error) {
		var err error
		list, err = w.list(ctx, issuer, ca)
		if err != nil || list == nil {
			return "there is none", err
		}
		return holds(list), nil
	})
	return list
}

func (w *world) untilRevoked(names ...string) {
	w.t.Helper()
	w.until("revocations", func(ctx context.Context) (string, error) {
		for _, name := range names {
			r := &v1alpha1.Revocation{}
			if err := w.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, r); err != nil {
				return "", err
			}
			if failed := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.RevocationFailed); failed != nil && failed.Status == metav1.ConditionTrue {
				return "", fmt.Errorf("%s has failed: %s", name, failed.Message)
			}
			if !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.RevocationRevoked) {
				return fmt.Sprintf("%s is at %v", name, r.Status.Conditions), nil
			}
		}
		return "", nil
	})
}

func (w *world) revocation(name string, spec v1alpha1.RevocationSpec) {
	w.t.Helper()
	w.check(w.Create(w.t.Context(), &v1alpha1.Revocation{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, Spec: spec}))
}

// openssl is what openssl says of certificates, with a list, at a time.
func openssl(t *testing.T, ca authority, list *pki.RevocationList, at time.Time, cert *x509.Certificate) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{"ca": pki.EncodeCertificates(ca.cert), "list": list.Raw, "leaf": pki.EncodeCertificates(cert)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "openssl", "verify", "-crl_check", "-attime", strconv.FormatInt(at.Unix(), 10), "-CAfile", "ca", "-CRLfile", "list", "leaf")
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput() // a refusal is an answer
	return string(out)
}

func TestOpenSSLRefusesARevokedCertificateOfACAIssuerAndTakesItsSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ca := w.root("list CA", nil)
	w.listIssuer("ca", ca)
	w.start()
	w.certificate("web", cmmeta.IssuerReference{Name: "ca"}, 90*24*time.Hour, nil)
	w.untilHealed(func(string) *x509.Certificate { return ca.cert })
	chain, _, err := w.stored(t.Context(), "web")
	w.check(err)
	old := chain[0]
	want := listsURL + "/" + w.namespace + "/ca/" + hex.EncodeToString(ca.cert.SubjectKeyId) + ".crl"
	if diff := cmp.Diff([]string{want}, old.CRLDistributionPoints); diff != "" {
		t.Errorf("distribution points (-want +got):\n%s", diff)
	}

	w.revocation("web", v1alpha1.RevocationSpec{Target: v1alpha1.RevocationTarget{CertificateName: "web"}, Reason: v1alpha1.Superseded, Hold: &metav1.Duration{}})
	w.untilRevoked("web")
	w.untilHealed(func(string) *x509.Certificate { return ca.cert })
	chain, _, err = w.stored(t.Context(), "web")
	w.check(err)
	successor := chain[0]
	onIt := func(l *pki.RevocationList) string {
		if e, there := l.Find(old.SerialNumber); !there || len(l.Revoked) != 1 || e.Reason != 4 {
			return fmt.Sprintf("it has %v", l.Revoked)
		}
		return ""
	}
	list := w.untilListed("ca", ca, onIt)
	verdicts := func(list *pki.RevocationList) {
		t.Helper()
		at := list.ThisUpdate.Add(time.Minute)
		if out := openssl(t, ca, list, at, old); !strings.Contains(out, "certificate revoked") {
			t.Errorf("openssl says of the old certificate: %s", out)
		}
		if out := openssl(t, ca, list, at, successor); !strings.Contains(out, "leaf: OK") {
			t.Errorf("openssl says of its successor: %s", out)
		}
	}
	verdicts(list)

	// Half a validity later another list is signed, also by an operator that
	// was not there meanwhile.
	w.stop()
	w.ahead.Store(int64(85 * time.Hour))
	w.start()
	next := w.untilListed("ca", ca, func(l *pki.RevocationList) string {
		if l.Number.Cmp(list.Number) <= 0 {
			return "it is the one from before"
		}
		return onIt(l)
	})
	verdicts(next)

	// Somebody deletes the Secret: the Revocation brings the entry back.
	w.check(w.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "ca-crl"}}))
	verdicts(w.untilListed("ca", ca, func(l *pki.RevocationList) string {
		if l.Number.Cmp(next.Number) <= 0 {
			return "its number went back"
		}
		return onIt(l)
	}))
}

func TestRevocationsOfACATogetherAreFewWrites(t *testing.T) {
	t.Parallel()
	const many = 60
	w := newWorld(t)
	ca := w.root("list CA", nil)
	w.listIssuer("ca", ca)
	w.start()
	first := w.untilListed("ca", ca, func(*pki.RevocationList) string { return "" })
	secrets, err := w.Watch(t.Context(), &corev1.SecretList{}, client.InNamespace(w.namespace))
	w.check(err)
	numbers := make(chan map[string]bool, 1)
	go func() {
		seen := map[string]bool{}
		for event := range secrets.ResultChan() {
			secret, ok := event.Object.(*corev1.Secret)
			if !ok || event.Type == watch.Deleted || secret.Name != "ca-crl" {
				continue
			}
			lists, err := issuers.ReadRevocationLists(secret)
			if err != nil {
				t.Error(err)
			}
			for _, l := range lists {
				seen[l.Number.String()] = true
			}
		}
		numbers <- seen
	}()

	names := make([]string, many)
	for i := range names {
		names[i] = fmt.Sprintf("leaf-%d", i)
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(1000 + i)), DNSNames: []string{names[i] + ".example.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0)}
		leaf, err := pki.Sign(rand.Reader, template, ca.cert, ca.key.Public(), ca.key)
		w.check(err)
		w.revocation(names[i], v1alpha1.RevocationSpec{
			Target: v1alpha1.RevocationTarget{PEM: string(pki.EncodeCertificates(leaf)), IssuerRef: &cmmeta.IssuerReference{Name: "ca"}},
		})
	}
	w.untilRevoked(names...)
	last, err := w.list(t.Context(), "ca", ca)
	w.check(err)
	if len(last.Revoked) != many {
		t.Errorf("%d entries, want %d", len(last.Revoked), many)
	}
	secrets.Stop()
	seen := <-numbers
	delete(seen, first.Number.String())
	t.Logf("%d revocations were %d writes", many, len(seen))
	if len(seen) > many/4 {
		t.Errorf("%d revocations were %d writes", many, len(seen))
	}
}
