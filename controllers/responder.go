package controllers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/controllers/challenge"
	"github.com/certwright/certwright/internal/http01"
)

// Responder are the settings with which the operator answers HTTP-01 challenges
// itself.
type Responder struct {
	// ListenAddress is host:port of this process.
	ListenAddress string
	// Service leads to all replicas of the operator; see
	// challenge.SharedConfig.
	Service types.NamespacedName
	// Addresses of this process, as the cluster reaches it, if there is no
	// such Service.
	Addresses []netip.Addr
}

// listen begins to take requests. Those that come before the operator has
// started wait.
func (r *Responder) listen(ctx context.Context) (*challenge.SharedConfig, error) {
	if r == nil {
		return nil, nil //nolint:nilnil // no responder is no error
	}
	if (r.Service.Name == "") == (len(r.Addresses) == 0) {
		return nil, errors.New("set up responder: it needs the name of the operator's Service, or its own addresses")
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", r.ListenAddress)
	if err != nil {
		return nil, fmt.Errorf("set up responder: %w", err)
	}
	port := int32(0)
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		port = int32(address.Port) //nolint:gosec // a port has 16 bits
	}
	return &challenge.SharedConfig{Listener: listener, Service: r.Service, Replicas: replicas(r.Addresses, port)}, nil
}

func replicas(addresses []netip.Addr, port int32) http01.Replicas {
	all := http01.Replicas{}
	for _, a := range addresses {
		family := discoveryv1.AddressTypeIPv4
		if a.Is6() {
			family = discoveryv1.AddressTypeIPv6
		}
		known := all[family]
		known.Port = port
		known.Addresses = append(known.Addresses, a.String())
		all[family] = known
	}
	return all
}
