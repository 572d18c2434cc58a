package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestEveryCertificateIsGoodForItsUse(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Now()
	nodeIP := net.IPv4(10, 90, 0, 2)
	if err := Ensure(dir, []net.IP{nodeIP}, now); err != nil {
		t.Fatal(err)
	}
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	for _, tt := range []struct {
		name, ca, host, user string
		groups               []string
		use                  x509.ExtKeyUsage
	}{
		{APIServer, CA, "kubernetes.default.svc", "kube-apiserver", nil, server},
		{APIServer, CA, "127.0.0.1", "kube-apiserver", nil, server},
		{APIServer, CA, nodeIP.String(), "kube-apiserver", nil, server},
		{Admin, CA, "", "admin", []string{"system:masters"}, client},
		{APIServerKubelet, CA, "", "kube-apiserver-kubelet-client", []string{"system:masters"}, client},
		{ControllerManager, CA, "", "system:kube-controller-manager", nil, client},
		{ControllerManager, CA, "localhost", "system:kube-controller-manager", nil, server},
		{FrontProxy, FrontProxyCA, "", "front-proxy-client", nil, client},
		{Etcd, EtcdCA, "127.0.0.1", "etcd", nil, server},
		{Etcd, EtcdCA, "", "etcd", nil, client},
		{APIServerEtcd, EtcdCA, "", "kube-apiserver", nil, client},
	} {
		cert := parse(t, dir, tt.name)
		roots := x509.NewCertPool()
		roots.AddCert(parse(t, dir, tt.ca))
		if _, err := cert.Verify(x509.VerifyOptions{
			Roots: roots, DNSName: tt.host, KeyUsages: []x509.ExtKeyUsage{tt.use}, CurrentTime: now.Add(300 * 24 * time.Hour),
		}); err != nil {
			t.Errorf("%s, %q: %v", tt.name, tt.host, err)
		}
		if cert.Subject.CommonName != tt.user || !cmp.Equal(cert.Subject.Organization, tt.groups) {
			t.Errorf("%s is %s in %v", tt.name, cert.Subject.CommonName, cert.Subject.Organization)
		}
	}
	// A user of the cluster is nobody to etcd: only what the etcd authority signed is.
	roots := x509.NewCertPool()
	roots.AddCert(parse(t, dir, EtcdCA))
	if _, err := parse(t, dir, Admin).Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{client}}); err == nil {
		t.Error("etcd would let the administrator's certificate in")
	}
}

func TestASecondStartKeepsEveryFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	contents := func() map[string]string {
		if err := Ensure(dir, nil, time.Now()); err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			found[entry.Name()] = string(data)
			info, err := entry.Info()
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(entry.Name()) == ".key" && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has the mode %v", entry.Name(), info.Mode())
			}
		}
		return found
	}
	first := contents()
	if len(first) < 20 {
		t.Fatalf("only %d files", len(first))
	}
	if diff := cmp.Diff(first, contents()); diff != "" {
		t.Error("files changed")
	}
}

func TestKubeconfigNamesClusterAndUser(t *testing.T) {
	t.Parallel()
	data, err := Kubeconfig("c", "https://127.0.0.1:1", []byte("ca"), Pair{Cert: []byte("cert"), Key: []byte("key")})
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{
			"server": "https://127.0.0.1:1", "certificate-authority-data": "Y2E=",
		}}},
		"users": []any{map[string]any{"name": "c", "user": map[string]any{
			"client-certificate-data": "Y2VydA==", "client-key-data": "a2V5",
		}}},
		"contexts": []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c", "user": "c"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kubeconfig (-want +got):\n%s", diff)
	}
}
