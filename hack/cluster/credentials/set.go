package credentials

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Names of the authorities and certificates that Ensure makes, each as NAME.crt and NAME.key.
const (
	CA                = "ca"
	FrontProxyCA      = "front-proxy-ca"
	EtcdCA            = "etcd-ca"
	APIServer         = "apiserver"
	APIServerKubelet  = "apiserver-kubelet-client"
	APIServerEtcd     = "apiserver-etcd-client"
	FrontProxy        = "front-proxy-client"
	Etcd              = "etcd"
	Admin             = "admin"
	ControllerManager = "controller-manager"
	ServiceAccount    = "service-account" // .key and .pub
)

// Ensure makes what is missing in dir of a control plane's certificates and keys. The API server's certificate is for
// the given addresses besides its names in the cluster.
func Ensure(dir string, addresses []net.IP, now time.Time) error {
	local := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	masters := []string{"system:masters"}
	for _, ca := range []struct {
		name   string
		leaves map[string]Leaf
	}{
		{CA, map[string]Leaf{
			APIServer: {
				Name: "kube-apiserver", Server: true, IPs: append(local, addresses...),
				DNS: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
			},
			APIServerKubelet:  {Name: "kube-apiserver-kubelet-client", Groups: masters, Client: true},
			Admin:             {Name: "admin", Groups: masters, Client: true},
			ControllerManager: {Name: "system:kube-controller-manager", Client: true, Server: true, DNS: []string{"localhost"}, IPs: local},
		}},
		{FrontProxyCA, map[string]Leaf{FrontProxy: {Name: "front-proxy-client", Client: true}}},
		{EtcdCA, map[string]Leaf{
			Etcd:          {Name: "etcd", Server: true, Client: true, DNS: []string{"localhost"}, IPs: local},
			APIServerEtcd: {Name: "kube-apiserver", Client: true},
		}},
	} {
		authority, err := EnsureAuthority(dir, ca.name, now)
		if err != nil {
			return err
		}
		for name, leaf := range ca.leaves {
			if err := authority.Ensure(dir, name, leaf, now); err != nil {
				return err
			}
		}
	}
	return ensureServiceAccountKey(dir)
}

// EnsureAuthority reads or makes an authority.
func EnsureAuthority(dir, name string, now time.Time) (*Authority, error) {
	pair, ok, err := Read(dir, name)
	if err != nil {
		return nil, err
	}
	if ok {
		return LoadAuthority(pair)
	}
	authority, pair, err := NewAuthority("certwright-cluster "+name, now)
	if err != nil {
		return nil, err
	}
	return authority, pair.Write(dir, name)
}

// Ensure issues a certificate unless it is there.
func (a *Authority) Ensure(dir, name string, leaf Leaf, now time.Time) error {
	if _, ok, err := Read(dir, name); ok || err != nil {
		return err
	}
	pair, err := a.Issue(leaf, now)
	if err != nil {
		return err
	}
	return pair.Write(dir, name)
}

// ensureServiceAccountKey makes the RSA key pair that signs service account tokens: relying parties of such tokens,
// the OIDC discovery document among them, expect RS256.
func ensureServiceAccountKey(dir string) error {
	public := filepath.Join(dir, ServiceAccount+".pub")
	if _, err := os.Stat(public); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make service account key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("make service account key: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("make service account key: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if err := os.WriteFile(filepath.Join(dir, ServiceAccount+".key"), block, 0o600); err != nil {
		return fmt.Errorf("make service account key: %w", err)
	}
	return os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600)
}
