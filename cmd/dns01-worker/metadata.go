package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// metadataServers are where clouds give their machines an identity, besides the
// link-local addresses.
var metadataServers = []netip.Addr{
	netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud, formerly
}

// guardMetadata keeps the usual HTTP transport away from the servers that give
// the machine its identity. Settings that lead there are refused by
// checkAmbient; this is for those that nobody knows of, and for URLs that an
// issuer may set. Behind a proxy it is the proxy that connects, and that has to
// refuse.
func guardMetadata() {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return
	}
	dialer := &net.Dialer{Timeout: 30 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		peer, err := netip.ParseAddrPort(address)
		if err == nil && isMetadata(peer.Addr()) {
			return fmt.Errorf("the issuer may not use the identity of the machine (%s)", peer.Addr())
		}
		return nil
	}}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
}

func isMetadata(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if address.IsLinkLocalUnicast() {
		return true
	}
	for _, server := range metadataServers {
		if address == server {
			return true
		}
	}
	return false
}
