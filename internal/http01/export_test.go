package http01

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// TrustForDNS has DNS over HTTPS trust the servers of a test until it is taken
// back.
func TrustForDNS(pool *x509.CertPool) (back func()) {
	before := overHTTPS
	overHTTPS = &http.Client{Timeout: lookupTimeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	return func() { overHTTPS = before }
}
