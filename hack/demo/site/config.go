package site

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// EndpointAddress is where everything in the cluster is, as EndpointSlices say
// it: they may not name a loopback address. It is one of those that are for
// documentation (RFC 5737), and the front takes it for this machine's loopback.
const EndpointAddress = "192.0.2.1"

// The programs, in Config.Programs.
const (
	Operator = "certwright"
	Pebble   = "pebble"
	App      = "demo-app"
)

// Config says what a site is made of.
type Config struct {
	Dir          string // of its state; an absolute path
	Programs     string // folder of the programs
	Kubeconfig   string
	IngressClass string // whose Ingresses the front serves
}

// Addresses are where the site is, once it is ready; each host:port but for
// Directory.
type Addresses struct {
	HTTP       string `json:"http"`       // of the front
	HTTPS      string `json:"https"`      // of the front
	App        string `json:"app"`        // of the application
	Directory  string `json:"directory"`  // URL, of Pebble
	Management string `json:"management"` // of Pebble, over HTTPS
}

// Log returns the path of the log of a program, or of the site itself if it is
// empty.
func (c Config) Log(program string) string {
	if program == "" {
		program = "site"
	}
	return filepath.Join(c.Dir, program+".log")
}

// PebbleCA returns the path of the certificate that verifies Pebble's own
// endpoints.
func (c Config) PebbleCA() string { return filepath.Join(c.Dir, "pebble.crt") }

func (c Config) lockFile() string      { return filepath.Join(c.Dir, "lock") }
func (c Config) addressesFile() string { return filepath.Join(c.Dir, "addresses.json") }

// publish tells the addresses to the process that waits in Start.
func (c Config) publish(a Addresses) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("tell addresses: %w", err)
	}
	whole := c.addressesFile() + ".tmp"
	if err := os.WriteFile(whole, text, 0o600); err != nil {
		return fmt.Errorf("tell addresses: %w", err)
	}
	if err := os.Rename(whole, c.addressesFile()); err != nil {
		return fmt.Errorf("tell addresses: %w", err)
	}
	return nil
}

func (c Config) addresses() (a Addresses, err error) {
	text, err := os.ReadFile(c.addressesFile())
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("read addresses: %w", err)
	}
	return a, nil
}
