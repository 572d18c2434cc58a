package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/controllers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/apiserver"
)

var fenced = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// commandsOf are the blocks of commands in a page, with short holds.
func commandsOf(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		all = append(all, strings.ReplaceAll(block[1], "--hold 1m", "--hold 1s"))
	}
	return all
}

// operator runs all controllers on the namespace.
func (w *world) operator() {
	w.Helper()
	caches := kube.CacheOptions()
	caches.DefaultNamespaces = map[string]cache.Config{w.namespace: {}}
	mgr, err := ctrl.NewManager(apiserver.Start(w.T), ctrl.Options{
		Scheme: w.Scheme(), Cache: caches, Client: kube.ClientOptions(), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := controllers.Setup(ctx, mgr, controllers.Config{ClusterResourceNamespace: w.namespace, Workers: 5, Extensions: true}); err != nil {
		w.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	w.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Errorf("run operator: %v", err)
		}
	})
}

// ca makes the issuer "ca", which keeps a revocation list.
func (w *world) ca() {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		w.Fatal(err)
	}
	keyPEM, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		w.Fatal(err)
	}
	w.create(
		&corev1.Secret{ObjectMeta: w.named("ca"), Data: map[string][]byte{"tls.key": keyPEM, "tls.crt": pki.EncodeCertificates(cert)}},
		&cmv1.Issuer{ObjectMeta: w.named("ca"), Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca", CRL: &cmv1.CAIssuerCRL{}}}}},
	)
}

func (w *world) readyNow(name string) bool {
	c := lifecycle.FindCertificateCondition(w.certificate(name).Status.Conditions, cmv1.CertificateConditionReady)
	return c != nil && c.Status == cmmeta.ConditionTrue
}

func (w *world) stored(name string) *x509.Certificate {
	w.Helper()
	secret := &corev1.Secret{}
	if err := w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, secret); err != nil {
		w.Fatal(err)
	}
	chain, err := pki.DecodeCertificates(secret.Data["tls.crt"])
	if err != nil {
		w.Fatal(err)
	}
	return chain[0]
}

// programs makes a folder with kubectl, which finds this command as its plugin.
func (w *world) programs() string {
	w.Helper()
	build := exec.CommandContext(w.Context(), "go", "run", ".", "build", "control-plane")
	build.Dir = filepath.Join("..", "..", "hack", "cluster")
	out, err := build.Output()
	if err != nil {
		w.Fatalf("find kubectl: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	self, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	dir := w.TempDir()
	for name, script := range map[string]string{
		"kubectl-certwright": fmt.Sprintf("#!/bin/sh\n%s=1 exec %s \"$@\"\n", asCommand, self),
		// What kubectl does with a word that is no command of its own.
		"kubectl": fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = certwright ]; then shift; exec kubectl-certwright \"$@\"; fi\nexec %s/controlplane kubectl \"$@\"\n", lines[len(lines)-1]),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			w.Fatal(err)
		}
	}
	return dir
}

func TestCommandsOfThePageAboutLeakedKeysDoWhatItSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ca()
	w.operator()
	names := []string{"shop", "blog", "mail", "node-a", "node-b"}
	for _, name := range names {
		crt := &cmv1.Certificate{ObjectMeta: w.named(name), Spec: cmv1.CertificateSpec{
			SecretName: name, DNSNames: []string{name + ".example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"},
			PrivateKey: &cmv1.CertificatePrivateKey{Algorithm: cmv1.ECDSAKeyAlgorithm, RotationPolicy: cmv1.RotationPolicyNever},
		}}
		if strings.HasPrefix(name, "node-") {
			crt.Labels = map[string]string{"node": "node-7"}
		}
		w.create(crt)
	}
	old := map[string]*x509.Certificate{}
	for _, name := range names {
		w.eventually(name+" is issued", func() bool { return w.readyNow(name) })
		old[name] = w.stored(name)
	}
	dir, programs := t.TempDir(), w.programs()
	secret := &corev1.Secret{}
	if err := w.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "shop"}, secret); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "leaked.key"), secret.Data["tls.key"], 0o600); err != nil {
		t.Fatal(err)
	}

	blocks := commandsOf(t, "key-leaked.md")
	said := make([]string, len(blocks))
	for i, block := range blocks {
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", block)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "KUBECONFIG="+w.kubeconfig, "PATH="+programs+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v\n%s", block, err, out)
		}
		said[i] = string(out)
	}

	serials := strings.ToUpper(serialOf(old["shop"]))
	for what, there := range map[string]bool{
		"the key's hash is in the status": strings.Contains(said[0], keyHash(old["shop"])),
		"the key's Certificate is found":  strings.Contains(said[1], w.namespace+"/shop"),
		"the progress is told":            strings.Contains(said[2], "revoked\n"),
		"the Revocation is listed":        strings.Contains(said[3], "keyCompromise") && strings.Contains(said[3], "shop"),
		"the list has the serial":         strings.Contains(strings.ToUpper(said[4]), serials) && strings.Contains(said[4], "Key Compromise"),
		"the campaign is done":            strings.Contains(said[len(said)-2], "Done: 2 of 2 done"),
		"the keys are remembered":         strings.Contains(said[len(said)-1], keyHash(old["shop"])) && strings.Contains(said[len(said)-1], keyHash(old["mail"])),
	} {
		if !there {
			t.Errorf("%s: not so in\n%s", what, strings.Join(said, "\n---\n"))
		}
	}
	for _, name := range names {
		w.eventually(name+" has another key", func() bool { return !pki.SameKey(w.stored(name).PublicKey, old[name].PublicKey) && w.readyNow(name) })
	}
	var revocations v1alpha1.RevocationList
	if err := w.List(t.Context(), &revocations, client.InNamespace(w.namespace)); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		revoked := false
		for _, r := range revocations.Items {
			revoked = revoked || r.Status.SerialNumber == serialOf(old[name]) && isTrue(r.Status.Conditions, v1alpha1.RevocationRevoked)
		}
		if !revoked {
			t.Errorf("the old certificate of %s (%s) is not revoked: %+v\n%s", name, serialOf(old[name]), revocations.Items, strings.Join(said, "\n---\n"))
		}
	}
}
