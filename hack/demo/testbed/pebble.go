package testbed

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// Roots returns the root of the chains that Pebble issues. It is another one
// than the root of Pebble's own endpoints, and new with every start of Pebble.
func (n Node) Roots(ctx context.Context) (*x509.CertPool, error) {
	ca, err := os.ReadFile(n.PebbleCA)
	if err != nil {
		return nil, fmt.Errorf("read root of Pebble: %w", err)
	}
	server := x509.NewCertPool()
	if !server.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("read root of Pebble: %s has no certificate", n.PebbleCA)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+n.Management+"/roots/0", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("read issuing root: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: server, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read issuing root: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("read issuing root: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read issuing root: status %d", resp.StatusCode)
	}
	return ParseRoots(body)
}

// ParseRoots makes a pool of the certificates of a PEM text.
func ParseRoots(text []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse roots: %w", err)
		}
		pool.AddCert(cert)
		found = true
	}
	if !found {
		return nil, errors.New("parse roots: there is no certificate")
	}
	return pool, nil
}

// Answer is what a web site says over HTTPS.
type Answer struct {
	Status int
	Body   string
	Chain  []*x509.Certificate // verified, the leaf first
}

// Fetch gets https://host/ from the server at address, and verifies the
// server's chain for host with roots; nil are those of the machine.
func Fetch(ctx context.Context, address, host string, roots *x509.CertPool) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/", http.NoBody)
	if err != nil {
		return Answer{}, err
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("fetch: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return Answer{}, fmt.Errorf("fetch https://%s: %w", host, err)
	}
	return Answer{Status: resp.StatusCode, Body: string(body), Chain: resp.TLS.VerifiedChains[0]}, nil
}

// Leaf returns the first certificate of a PEM text.
func Leaf(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("parse certificate: there is none")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	return cert, nil
}
