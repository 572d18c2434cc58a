package dns01

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// maxNameservers bounds how many recursive servers are asked; the CRD allows as
// many.
const maxNameservers = 16

// ParseNameservers reads host, host:port, or the URL of a DNS over HTTPS server.
func ParseNameservers(texts []string) ([]string, error) {
	if len(texts) > maxNameservers {
		return nil, fmt.Errorf("read nameservers: more than %d", maxNameservers)
	}
	servers := make([]string, len(texts))
	for i, text := range texts {
		server, err := parseNameserver(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		servers[i] = server
	}
	return servers, nil
}

func parseNameserver(text string) (string, error) {
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return "", fmt.Errorf("read nameserver %q: not the URL of a DNS over HTTPS server such as https://dns.example.com/dns-query", text)
		}
		return u.String(), nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), defaultPort
		if _, err := netip.ParseAddr(host); err != nil && strings.Contains(host, ":") {
			return "", fmt.Errorf("read nameserver %q: neither host nor host:port", text)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
		return "", fmt.Errorf("read nameserver %q: neither host nor host:port", text)
	}
	return net.JoinHostPort(host, port), nil
}

// systemResolvers is where the system keeps its nameservers.
const systemResolvers = "/etc/resolv.conf"

// systemNameservers are those that the operator's pod has been given.
func systemNameservers() ([]string, error) {
	config, err := dns.ClientConfigFromFile(systemResolvers)
	if err != nil {
		return nil, fmt.Errorf("read nameservers of the system: %w", err)
	}
	if len(config.Servers) == 0 {
		return nil, errors.New("read nameservers of the system: there are none")
	}
	servers := make([]string, 0, len(config.Servers))
	for _, host := range config.Servers[:min(len(config.Servers), maxNameservers)] {
		servers = append(servers, net.JoinHostPort(host, config.Port))
	}
	return servers, nil
}
