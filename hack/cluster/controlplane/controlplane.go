package controlplane

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/certwright/certwright/hack/cluster/credentials"
	"github.com/certwright/certwright/hack/cluster/daemon"
)

// Names of the daemons.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
)

// Ports are where the daemons listen.
type Ports struct {
	Etcd              int `json:"etcd"`
	EtcdPeer          int `json:"etcdPeer"`
	APIServer         int `json:"apiServer"`
	ControllerManager int `json:"controllerManager"`
}

// ControlPlane is one control plane.
type ControlPlane struct {
	Name        string
	Dir         string // state folder
	Program     string // the multi-call binary
	Ports       Ports
	ServiceCIDR *net.IPNet

	// Of a node only. Without them everything is on loopback.
	NodeIP net.IP   // where pods find the API server
	Enter  []string // command that enters the network namespace
	Dial   DialFunc // connects to an address in the network namespace
	Server string   // URL of the API server in the admin's kubeconfig; empty: the API server's own address
}

// DialFunc connects to an address.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// PKI returns the folder of certificates and keys.
func (c *ControlPlane) PKI() string { return filepath.Join(c.Dir, "pki") }

// Kubeconfig returns the path of the admin's kubeconfig.
func (c *ControlPlane) Kubeconfig() string { return filepath.Join(c.Dir, "kubeconfig") }

// LocalServer returns the API server's URL for programs in the same network namespace.
func (c *ControlPlane) LocalServer() string {
	return "https://" + loopback(c.Ports.APIServer)
}

// patience is how long a daemon may take to become healthy. One that ends is noticed at once; this is for a machine
// with much else to do.
const patience = 3 * time.Minute

// Start starts the daemons and returns when all are healthy. It adopts what an earlier start left on disk.
func (c *ControlPlane) Start(ctx context.Context) error {
	if err := c.prepare(time.Now()); err != nil {
		return fmt.Errorf("prepare control plane: %w", err)
	}
	group := daemon.NewGroup(daemon.Set{Dir: c.Dir})
	for _, d := range []struct {
		name string
		argv []string
	}{
		{Etcd, c.etcd()},
		{APIServer, c.apiServer()},
		{ControllerManager, c.controllerManager()},
	} {
		argv := append(append([]string{}, c.Enter...), c.Program, d.name)
		if err := group.Start(daemon.Spec{Name: d.name, Argv: append(argv, d.argv...)}); err != nil {
			return err
		}
		if err := group.Wait(ctx, d.name, c.Probes()[d.name], patience); err != nil {
			return err
		}
	}
	return nil
}

func (c *ControlPlane) prepare(now time.Time) error {
	addresses := []net.IP{firstIP(c.ServiceCIDR)}
	if c.NodeIP != nil {
		addresses = append(addresses, c.NodeIP)
	}
	if err := credentials.Ensure(c.PKI(), addresses, now); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, "etcd"), 0o700); err != nil {
		return err
	}
	server := c.Server
	if server == "" {
		server = c.LocalServer()
	}
	if err := c.WriteKubeconfig(c.Kubeconfig(), server, credentials.Admin); err != nil {
		return err
	}
	return c.WriteKubeconfig(filepath.Join(c.Dir, "controller-manager.kubeconfig"), c.LocalServer(), credentials.ControllerManager)
}

// WriteKubeconfig writes a kubeconfig for a user whose certificate is in the PKI folder.
func (c *ControlPlane) WriteKubeconfig(path, server, user string) error {
	ca, _, err := credentials.Read(c.PKI(), credentials.CA)
	if err != nil {
		return err
	}
	pair, ok, err := credentials.Read(c.PKI(), user)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("write kubeconfig: there is no certificate %s", user)
	}
	return credentials.WriteKubeconfig(path, "certwright-"+c.Name, server, ca.Cert, pair)
}

func (c *ControlPlane) crt(name string) string { return filepath.Join(c.PKI(), name+".crt") }
func (c *ControlPlane) key(name string) string { return filepath.Join(c.PKI(), name+".key") }

func (c *ControlPlane) etcd() []string {
	client, peer := "https://"+loopback(c.Ports.Etcd), "https://"+loopback(c.Ports.EtcdPeer)
	return []string{
		"--name=main",
		"--data-dir=" + filepath.Join(c.Dir, "etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=main=" + peer,
		"--cert-file=" + c.crt(credentials.Etcd),
		"--key-file=" + c.key(credentials.Etcd),
		"--client-cert-auth",
		"--trusted-ca-file=" + c.crt(credentials.EtcdCA),
		"--peer-cert-file=" + c.crt(credentials.Etcd),
		"--peer-key-file=" + c.key(credentials.Etcd),
		"--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + c.crt(credentials.EtcdCA),
		// What is in it does not have to survive the machine.
		"--unsafe-no-fsync",
		"--log-level=warn",
	}
}

func (c *ControlPlane) apiServer() []string {
	flags := []string{
		"--etcd-servers=https://" + loopback(c.Ports.Etcd),
		"--etcd-cafile=" + c.crt(credentials.EtcdCA),
		"--etcd-certfile=" + c.crt(credentials.APIServerEtcd),
		"--etcd-keyfile=" + c.key(credentials.APIServerEtcd),
		"--secure-port=" + strconv.Itoa(c.Ports.APIServer),
		"--tls-cert-file=" + c.crt(credentials.APIServer),
		"--tls-private-key-file=" + c.key(credentials.APIServer),
		"--client-ca-file=" + c.crt(credentials.CA),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--enable-aggregator-routing=true",
		"--requestheader-client-ca-file=" + c.crt(credentials.FrontProxyCA),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.crt(credentials.FrontProxy),
		"--proxy-client-key-file=" + c.key(credentials.FrontProxy),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + filepath.Join(c.PKI(), credentials.ServiceAccount+".pub"),
		"--service-account-signing-key-file=" + c.key(credentials.ServiceAccount),
		"--service-cluster-ip-range=" + c.ServiceCIDR.String(),
		"--event-ttl=1h",
		// Nobody waits for this one's clients to move elsewhere.
		"--shutdown-delay-duration=0s",
	}
	if c.NodeIP == nil {
		// The endpoints of the service `kubernetes` may not be a loopback address, so they are left out.
		return append(flags, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none")
	}
	return append(flags,
		"--bind-address=0.0.0.0",
		"--advertise-address="+c.NodeIP.String(),
		"--kubelet-client-certificate="+c.crt(credentials.APIServerKubelet),
		"--kubelet-client-key="+c.key(credentials.APIServerKubelet),
		"--kubelet-certificate-authority="+c.crt(credentials.CA),
		"--kubelet-preferred-address-types=InternalIP")
}

func (c *ControlPlane) controllerManager() []string {
	kubeconfig := filepath.Join(c.Dir, "controller-manager.kubeconfig")
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.Ports.ControllerManager),
		"--tls-cert-file=" + c.crt(credentials.ControllerManager),
		"--tls-private-key-file=" + c.key(credentials.ControllerManager),
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.key(credentials.ServiceAccount),
		"--root-ca-file=" + c.crt(credentials.CA),
		"--cluster-signing-cert-file=" + c.crt(credentials.CA),
		"--cluster-signing-key-file=" + c.key(credentials.CA),
		"--service-cluster-ip-range=" + c.ServiceCIDR.String(),
		// Pod addresses come from the node's own CNI configuration.
		"--allocate-node-cidrs=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// firstIP returns the first address of a service range, which the service `kubernetes` gets.
func firstIP(n *net.IPNet) net.IP {
	ip := append(net.IP{}, n.IP.To4()...)
	ip[3]++
	return ip
}
