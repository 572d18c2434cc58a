package node

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/certwright/certwright/hack/cluster/credentials"
)

// Certificates besides those of the control plane.
const (
	certScheduler     = "scheduler"
	certKubelet       = "kubelet"
	certKubeletServer = "kubelet-server"
	certProxy         = "proxy"
)

// writeKubernetesConfig writes certificates, kubeconfigs and configurations of scheduler, kubelet and proxy.
func (n *Node) writeKubernetesConfig(now time.Time) error {
	authority, err := credentials.EnsureAuthority(n.CP.PKI(), credentials.CA, now)
	if err != nil {
		return err
	}
	local := []net.IP{net.IPv4(127, 0, 0, 1)}
	for name, leaf := range map[string]credentials.Leaf{
		certScheduler:     {Name: "system:kube-scheduler", Client: true, Server: true, DNS: []string{"localhost"}, IPs: local},
		certKubelet:       {Name: "system:node:" + n.Name, Groups: []string{"system:nodes"}, Client: true},
		certKubeletServer: {Name: "system:node:" + n.Name, Server: true, DNS: []string{n.Name}, IPs: append(local, NodeIP)},
		certProxy:         {Name: "system:kube-proxy", Client: true},
	} {
		if err := authority.Ensure(n.CP.PKI(), name, leaf, now); err != nil {
			return err
		}
	}
	for _, user := range []string{certScheduler, certKubelet, certProxy} {
		if err := n.CP.WriteKubeconfig(n.path(user+".kubeconfig"), n.CP.LocalServer(), user); err != nil {
			return err
		}
	}
	// Pods that take the node's resolver (dnsPolicy: Default) get none: there is nothing outside to ask.
	if err := os.WriteFile(n.path("resolv.conf"), nil, 0o644); err != nil {
		return err
	}
	if err := writeJSON(n.path("kubelet.json"), n.kubeletConfig()); err != nil {
		return err
	}
	return writeJSON(n.path("proxy.json"), n.proxyConfig())
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.WriteFile(path, data, 0o600)
}

func (n *Node) pki(name string) string { return filepath.Join(n.CP.PKI(), name) }

func (n *Node) scheduler() []string {
	kubeconfig := n.path(certScheduler + ".kubeconfig")
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--secure-port=10259",
		"--tls-cert-file=" + n.pki(certScheduler+".crt"),
		"--tls-private-key-file=" + n.pki(certScheduler+".key"),
		"--leader-elect=false",
	}
}

func (n *Node) kubelet() []string {
	return []string{
		"--config=" + n.path("kubelet.json"),
		"--kubeconfig=" + n.path(certKubelet+".kubeconfig"),
		"--root-dir=" + n.path("kubelet"),
		"--cert-dir=" + n.path("kubelet", "pki"),
		"--hostname-override=" + n.Name,
		"--node-ip=" + NodeIP.String(),
	}
}

func (n *Node) kubeletConfig() map[string]any {
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": n.pki(credentials.CA + ".crt")},
		},
		"authorization":            map[string]any{"mode": "Webhook"},
		"tlsCertFile":              n.pki(certKubeletServer + ".crt"),
		"tlsPrivateKeyFile":        n.pki(certKubeletServer + ".key"),
		"containerRuntimeEndpoint": "unix://" + n.socket(),
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + n.cgroup(),
		"failCgroupV1":             false,
		"failSwapOn":               false,
		"clusterDomain":            "cluster.local",
		"clusterDNS":               []string{dnsIP},
		"resolvConf":               n.path("resolv.conf"),
		"podLogsDir":               n.path("pod-logs"),
		"volumePluginDir":          n.path("kubelet", "volume-plugins"),
		"serializeImagePulls":      false,
		// The disk is the machine's own and may be nearly full; and an image that were collected could not be pulled
		// again.
		"imageGCHighThresholdPercent": 100,
		"evictionHard": map[string]string{
			"memory.available": "100Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
			"imagefs.available": "0%", "imagefs.inodesFree": "0%",
		},
	}
}

func (n *Node) proxy() []string { return []string{"--config=" + n.path("proxy.json")} }

func (n *Node) proxyConfig() map[string]any {
	return map[string]any{
		"apiVersion":       "kubeproxy.config.k8s.io/v1alpha1",
		"kind":             "KubeProxyConfiguration",
		"mode":             "nftables",
		"clientConnection": map[string]any{"kubeconfig": n.path(certProxy + ".kubeconfig")},
		"hostnameOverride": n.Name,
		"clusterCIDR":      podCIDR,
		// Zero leaves the kernel's setting as it is; a network namespace may not change it.
		"conntrack": map[string]any{
			"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s",
			"udpTimeout": "0s", "udpStreamTimeout": "0s",
		},
		"healthzBindAddress": "127.0.0.1:10256",
		"metricsBindAddress": "127.0.0.1:10249",
	}
}
