package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/controllers"
)

// Who answers HTTP-01 challenges.
const (
	solverModePod    = "Pod"
	solverModeShared = "Shared"
)

// responderFlags say whether the operator answers HTTP-01 challenges itself,
// and how it is reached for that. They are an extension.
type responderFlags struct {
	mode      string
	listen    string
	service   string
	addresses []string
}

func (f *responderFlags) register(s *pflag.FlagSet) {
	s.StringVar(&f.mode, "http01-solver-mode", f.mode, "who answers HTTP-01 challenges: Pod, one for each challenge; Shared, the operator itself")
	s.StringVar(&f.listen, "http01-responder-listen-address", f.listen, "address at which the operator answers, in the mode Shared")
	s.StringVar(&f.service, "http01-responder-service", f.service, "namespace/name of the Service that leads to the operator's replicas, in the mode Shared")
	s.StringSliceVar(&f.addresses, "http01-responder-addresses", f.addresses, "IP addresses at which the cluster reaches the operator, in the mode Shared, if there is no such Service")
}

// config is nil in the mode Pod.
func (f *responderFlags) config() (*controllers.Responder, error) {
	switch f.mode {
	case solverModePod:
		return nil, nil //nolint:nilnil // no responder is no error
	case solverModeShared:
	default:
		return nil, fmt.Errorf("read --http01-solver-mode: %q is neither %s nor %s", f.mode, solverModePod, solverModeShared)
	}
	responder := &controllers.Responder{ListenAddress: f.listen}
	for _, text := range f.addresses {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("read --http01-responder-addresses: %w", err)
		}
		responder.Addresses = append(responder.Addresses, address.Unmap())
	}
	if f.service != "" {
		namespace, name, ok := strings.Cut(f.service, "/")
		if !ok || namespace == "" || name == "" {
			return nil, fmt.Errorf("read --http01-responder-service: %q is not namespace/name", f.service)
		}
		responder.Service = types.NamespacedName{Namespace: namespace, Name: name}
	}
	if (f.service == "") == (len(f.addresses) == 0) {
		return nil, fmt.Errorf("read --http01-solver-mode: Shared needs either --http01-responder-service or --http01-responder-addresses")
	}
	return responder, nil
}
