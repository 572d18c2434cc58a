package main

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// metricsTLSFlags are how metrics are served over TLS.
type metricsTLSFlags struct {
	certFile, keyFile string
	cipherSuites      []string
	minVersion        string
}

func (m *metricsTLSFlags) register(s *pflag.FlagSet) {
	s.StringVar(&m.certFile, "metrics-tls-cert-file", m.certFile, "serve the metrics over TLS with the certificate in this file, which is read again when it changes")
	s.StringVar(&m.keyFile, "metrics-tls-private-key-file", m.keyFile, "file with its private key")
	s.StringSliceVar(&m.cipherSuites, "metrics-tls-cipher-suites", m.cipherSuites, "cipher suites of TLS 1.2 for the metrics, by the names of IANA; Go's choice if empty")
	s.StringVar(&m.minVersion, "metrics-tls-min-version", m.minVersion, "oldest version of TLS for the metrics: VersionTLS12 or VersionTLS13")
}

// options are those of a server of metrics at an address.
func (m *metricsTLSFlags) options(address string) (metricsserver.Options, error) {
	options := metricsserver.Options{BindAddress: address}
	if m.certFile == "" && m.keyFile == "" {
		return options, nil
	}
	// The library would make up a certificate of its own if there is none.
	if _, err := tls.LoadX509KeyPair(m.certFile, m.keyFile); err != nil {
		return options, fmt.Errorf("read --metrics-tls-cert-file and --metrics-tls-private-key-file: %w", err)
	}
	suites, err := m.suites()
	if err != nil {
		return options, err
	}
	var version uint16
	switch m.minVersion {
	case "", "VersionTLS12":
		version = tls.VersionTLS12
	case "VersionTLS13":
		version = tls.VersionTLS13
	default:
		return options, fmt.Errorf("read --metrics-tls-min-version: %q is neither VersionTLS12 nor VersionTLS13", m.minVersion)
	}
	options.SecureServing = true
	options.CertDir = "/" // the files need not be in one folder
	if options.CertName, err = filepath.Abs(m.certFile); err != nil {
		return options, fmt.Errorf("find --metrics-tls-cert-file: %w", err)
	}
	if options.KeyName, err = filepath.Abs(m.keyFile); err != nil {
		return options, fmt.Errorf("find --metrics-tls-private-key-file: %w", err)
	}
	options.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.MinVersion, c.CipherSuites = version, suites }}
	return options, nil
}

func (m *metricsTLSFlags) suites() ([]uint16, error) {
	var chosen []uint16
	for _, name := range m.cipherSuites {
		known := tls.CipherSuites()
		i := slices.IndexFunc(known, func(c *tls.CipherSuite) bool { return c.Name == name })
		if i < 0 {
			var names []string
			for _, c := range known {
				names = append(names, c.Name)
			}
			return nil, fmt.Errorf("read --metrics-tls-cipher-suites: %q is not one of %s", name, strings.Join(names, ", "))
		}
		chosen = append(chosen, known[i].ID)
	}
	return chosen, nil
}
