package controlplane

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/certwright/certwright/hack/cluster/credentials"
	"github.com/certwright/certwright/hack/cluster/daemon"
)

// Probes returns how to ask each daemon whether it is healthy.
func (c *ControlPlane) Probes() map[string]daemon.Probe {
	return map[string]daemon.Probe{
		Etcd:              c.HTTPS(credentials.EtcdCA, credentials.Etcd, c.Ports.Etcd, "/health"),
		APIServer:         c.HTTPS(credentials.CA, credentials.Admin, c.Ports.APIServer, "/readyz"),
		ControllerManager: c.HTTPS(credentials.CA, credentials.Admin, c.Ports.ControllerManager, "/healthz"),
	}
}

// HTTPS returns a probe that gets a path over TLS, with a client certificate, and wants status 200.
func (c *ControlPlane) HTTPS(ca, client string, port int, path string) daemon.Probe {
	return daemon.HTTPProbe("https://"+loopback(port)+path, func() (*http.Client, error) {
		roots, ok, err := credentials.Read(c.PKI(), ca)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("there is no certificate %s", ca)
		}
		pair, err := tls.LoadX509KeyPair(c.crt(client), c.key(client))
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(roots.Cert)
		return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
			DialContext:       c.dialer(),
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}},
		}}, nil
	})
}

func (c *ControlPlane) dialer() DialFunc {
	if c.Dial != nil {
		return c.Dial
	}
	return (&net.Dialer{}).DialContext
}
