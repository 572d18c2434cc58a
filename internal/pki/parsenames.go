package pki

import (
	"fmt"
	"net"
	"net/url"
)

// ParseIPAddresses reads addresses as people write them. The error names the one that is none.
func ParseIPAddresses(texts []string) ([]net.IP, error) {
	var addresses []net.IP
	for _, text := range texts {
		address := net.ParseIP(text)
		if address == nil {
			return nil, fmt.Errorf("%q is not an IP address", text)
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

// ParseURIs reads URIs. The error names the one that is none.
func ParseURIs(texts []string) ([]*url.URL, error) {
	var uris []*url.URL
	for _, text := range texts {
		uri, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a URI", text)
		}
		uris = append(uris, uri)
	}
	return uris, nil
}

// ParseIPRanges reads networks in CIDR notation (RFC 4632). The error names the one that is none.
func ParseIPRanges(texts []string) ([]*net.IPNet, error) {
	var ranges []*net.IPNet
	for _, text := range texts {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8", text)
		}
		ranges = append(ranges, network)
	}
	return ranges, nil
}
