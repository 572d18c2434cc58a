package e2e

import (
	"crypto/x509"
	"path/filepath"
	"testing"
	"time"
)

func TestPrivateCAOfOneFile(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	file, err := filepath.Abs("testdata/private-ca.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.checkout.Cluster(t.Context(), "kubectl", "--kubeconfig", j.node.Kubeconfig, "-n", j.namespace, "apply", "-f", file); err != nil {
		t.Fatal(err)
	}
	j.untilReady("root", time.Minute)
	j.untilReady("leaf", time.Minute)
	root, err := j.stored(t.Context(), "root")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := j.stored(t.Context(), "leaf")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "db.example"}); err != nil {
		t.Errorf("verify leaf: %v", err)
	}
	j.untilClean()
}
