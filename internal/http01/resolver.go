package http01

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Resolver looks up the addresses of a name.
type Resolver interface {
	// LookupIP gives the addresses of both families. The error is a
	// *net.DNSError if the name servers were asked.
	LookupIP(ctx context.Context, host string) ([]netip.Addr, error)
}

// lookupTimeout is for one question to one server. There are two servers or
// two attempts in checkTimeout.
const lookupTimeout = 4 * time.Second

// NewResolver asks the given servers by turns, or the system's if there are
// none. A server is host, host:port, or the URL of a DNS over HTTPS server (RFC
// 8484).
func NewResolver(nameservers []string) (Resolver, error) {
	if len(nameservers) == 0 {
		return systemResolver{net.DefaultResolver}, nil
	}
	servers := make([]string, len(nameservers))
	for i, text := range nameservers {
		server, err := parseNameserver(text)
		if err != nil {
			return nil, err
		}
		servers[i] = server
	}
	next := new(atomic.Uint32)
	return systemResolver{&net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			server := servers[int(next.Add(1)-1)%len(servers)]
			if strings.HasPrefix(server, "https://") {
				return dialHTTPS(ctx, server), nil
			}
			return (&net.Dialer{Timeout: lookupTimeout}).DialContext(ctx, network, server)
		},
	}}, nil
}

// parseNameserver gives the URL of a server, or its host and port.
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
		host, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), "53"
		if strings.Contains(host, ":") && !isAddress(host) {
			return "", fmt.Errorf("read nameserver %q: neither host nor host:port", text)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
		return "", fmt.Errorf("read nameserver %q: neither host nor host:port", text)
	}
	return net.JoinHostPort(host, port), nil
}

// systemResolver asks for absolute names: the search domains of a pod make
// others of them.
type systemResolver struct{ *net.Resolver }

// LookupIP implements Resolver.
func (r systemResolver) LookupIP(ctx context.Context, host string) ([]netip.Addr, error) {
	if !strings.HasSuffix(host, ".") {
		host += "."
	}
	addresses, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	for i, a := range addresses {
		addresses[i] = a.Unmap().WithZone("")
	}
	return addresses, nil
}

// errNoDNS is about an answer over HTTPS that is not one.
var errNoDNS = errors.New("the answer is not that of a DNS over HTTPS server")
