package binaries

import (
	"fmt"
	"slices"
	"strings"
)

// Unit is what one build makes and one cache entry holds.
type Unit struct {
	Name   string
	Module string            // folder of the Go module, relative to hack/cluster
	Build  map[string]string // program -> package
	Copy   map[string]string // file or folder of the entry -> "module path:path in it", taken from the module cache
	Cgo    bool
	Tags   string
	Set    map[string]string // -X of the linker: variable -> value
	Needs  []Package         // what must be installed to build it
}

const kubernetesVersion = "v1.37.2"

// Units, by what they are for.
var (
	ControlPlane = Unit{
		Name: "control-plane", Module: "kubernetes", Set: kubernetesSet(),
		Build: map[string]string{"controlplane": "./controlplane"},
	}
	Kubelet = Unit{
		Name: "kubelet", Module: "kubernetes", Set: kubernetesSet(),
		Build: map[string]string{"node": "./node"},
	}
	Containerd = Unit{
		Name: "containerd", Module: "runtime",
		Build: map[string]string{
			"containerd":              "github.com/containerd/containerd/v2/cmd/containerd",
			"containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
			"ctr":                     "github.com/containerd/containerd/v2/cmd/ctr",
		},
	}
	Runc = Unit{
		Name: "runc", Module: "runtime", Cgo: true, Tags: "seccomp",
		Build: map[string]string{"runc": "github.com/opencontainers/runc"},
		Needs: []Package{{Debian: "libseccomp-dev", Header: "seccomp.h"}, {Debian: "gcc", Program: "gcc"}, {Debian: "pkg-config", Program: "pkg-config"}},
		Set:   map[string]string{"main.version": "1.5.2"},
	}
	CNI = Unit{
		Name: "cni", Module: "runtime",
		Build: map[string]string{
			"ptp":        "github.com/containernetworking/plugins/plugins/main/ptp",
			"loopback":   "github.com/containernetworking/plugins/plugins/main/loopback",
			"host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
		},
	}
	Helm    = Unit{Name: "helm", Module: "addons", Build: map[string]string{"helm": "helm.sh/helm/v4/cmd/helm"}}
	CoreDNS = Unit{Name: "coredns", Module: "addons", Build: map[string]string{"coredns": "./coredns"}}
	Traefik = Unit{Name: "traefik", Module: "addons", Build: map[string]string{"traefik": "github.com/traefik/traefik/v3/cmd/traefik"}}
	Pebble  = Unit{Name: "pebble", Module: "addons", Build: map[string]string{"pebble": "github.com/letsencrypt/pebble/v2/cmd/pebble"}}
	Pause   = Unit{Name: "pause", Module: "addons", Build: map[string]string{"pause": "./pause"}}
	Gateway = Unit{Name: "gateway-api", Module: "addons", Copy: map[string]string{"crd": "sigs.k8s.io/gateway-api:config/crd/standard"}}
)

// ForNode is what a whole node needs.
var ForNode = []Unit{ControlPlane, Kubelet, Containerd, Runc, CNI, CoreDNS, Traefik, Pebble, Pause, Gateway, Helm}

func kubernetesSet() map[string]string {
	parts := strings.Split(strings.TrimPrefix(kubernetesVersion, "v"), ".")
	set := map[string]string{}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		set[pkg+".gitVersion"], set[pkg+".gitMajor"], set[pkg+".gitMinor"] = kubernetesVersion, parts[0], parts[1]
	}
	return set
}

// flags returns the flags of go build. They are alike for all units but for the tags and the linker's, which do not
// reach the compiler: so what two units share is compiled once.
func (u Unit) flags() []string {
	ld := "-s -w"
	for _, name := range sortedKeys(u.Set) {
		ld += fmt.Sprintf(" -X %s=%s", name, u.Set[name])
	}
	flags := []string{"-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=" + ld}
	if u.Tags != "" {
		flags = append(flags, "-tags="+u.Tags)
	}
	return flags
}

func (u Unit) env() []string {
	if u.Cgo {
		return []string{"CGO_ENABLED=1", "GOFLAGS="}
	}
	return []string{"CGO_ENABLED=0", "GOFLAGS="}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
