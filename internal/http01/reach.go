package http01

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"syscall"

	"github.com/certwright/certwright/internal/lifecycle"
)

// maxAddresses is how many addresses of a name are tried. CAs try one of each
// family; of those that clients take by turns, one may be broken.
const maxAddresses = 3

// dialer connects to the addresses that are known of the domain, and looks up
// those of a host that a redirect leads to. There, too, addresses of the same
// family are used if there are any.
func (c *Checker) dialer(resolver Resolver, domain string, first []netip.Addr) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		addresses := first
		if host != domain {
			if addresses, err = c.elsewhere(ctx, resolver, host, first[0].Is6()); err != nil {
				return nil, err
			}
		}
		var failures []error
		for _, a := range addresses[:min(len(addresses), maxAddresses)] {
			conn, err := c.dial(ctx, network, net.JoinHostPort(a.String(), port))
			if err == nil {
				return conn, nil
			}
			failures = append(failures, err)
		}
		return nil, errors.Join(failures...)
	}
}

func (c *Checker) elsewhere(ctx context.Context, resolver Resolver, host string, preferSix bool) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address}, nil
	}
	all, err := resolver.LookupIP(ctx, host)
	if err != nil {
		return nil, err
	}
	six, four := families(all)
	switch {
	case len(all) == 0:
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	case len(four) == 0 || (preferSix && len(six) > 0):
		return six, nil
	}
	return four, nil
}

// families sorts addresses, so that looks are alike: servers rotate them.
func families(addresses []netip.Addr) (six, four []netip.Addr) {
	for _, a := range addresses {
		if a = a.Unmap(); a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	for _, family := range [][]netip.Addr{six, four} {
		slices.SortFunc(family, netip.Addr.Compare)
	}
	return six, four
}

// sharedSpace is for the inside of providers (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// allPrivate reports whether none of the addresses can be meant for the
// internet.
func allPrivate(addresses []netip.Addr) bool {
	return !slices.ContainsFunc(addresses, func(a netip.Addr) bool {
		return !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsUnspecified() && !sharedSpace.Contains(a)
	})
}

func isAddress(domain string) bool {
	_, err := netip.ParseAddr(domain)
	return err == nil
}

// noAnswer is the sight of an error. It has no addresses and ports, which
// differ from one attempt to the next.
func noAnswer(err error, domain string) sight {
	if errors.Is(err, errTooManyRedirects) {
		return sight{lifecycle.SelfCheckWrong, "there are more than 10 redirects"}
	}
	host, where := "", ""
	if u, ok := errors.AsType[*url.Error](err); ok {
		if target, parseErr := url.Parse(u.URL); parseErr == nil {
			host, where = target.Hostname(), " ("+target.Scheme+"://"+target.Hostname()+")"
		}
	}
	verdict := lifecycle.SelfCheckUnreachable
	if isNotFound(err) && host == domain {
		verdict = lifecycle.SelfCheckWrong
	}
	return sight{verdict, cause(err) + where}
}

func isNotFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

func cause(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case dns.IsNotFound:
			return "the name does not resolve"
		case dns.IsTimeout:
			return "looking up the name timed out"
		}
		return "looking up the name failed"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if timeout, ok := errors.AsType[net.Error](err); (ok && timeout.Timeout()) || errors.Is(err, context.DeadlineExceeded) {
		return "no answer within 10 s"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "TLS failed: " + alert.Error()
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS failed: the answer is not TLS"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed without an answer"
	}
	return "the request failed"
}
