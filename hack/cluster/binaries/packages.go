package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Package is a Debian package that brings a program or a C header.
type Package struct {
	Debian  string
	Program string
	Header  string
}

// AtRuntime is what a node needs besides what is built.
var AtRuntime = []Package{
	{Debian: "nftables", Program: "nft"},
	{Debian: "iptables", Program: "iptables"},
	{Debian: "conntrack", Program: "conntrack"},
	{Debian: "socat", Program: "socat"},
	{Debian: "ethtool", Program: "ethtool"},
	{Debian: "iproute2", Program: "ip"},
	{Debian: "util-linux", Program: "nsenter"},
	{Debian: "mount", Program: "mount"},
}

// Check returns an error that names the packages that are not installed and how to install them.
func Check(packages []Package) error {
	if lack := missing(packages); len(lack) > 0 {
		return fmt.Errorf("not installed: %s; on Debian: apt-get install -y %s", strings.Join(lack, ", "), strings.Join(lack, " "))
	}
	return nil
}

// Install installs with apt-get what is not installed. It needs root.
func Install(ctx context.Context, packages []Package, log io.Writer) error {
	lack := missing(packages)
	if len(lack) == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("install %s: only root can", strings.Join(lack, ", "))
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("install packages: there is no apt-get; install by hand what brings " + strings.Join(lack, ", "))
	}
	for _, args := range [][]string{
		{"update", "-q"},
		append([]string{"install", "-q", "-y", "--no-install-recommends"}, lack...),
	} {
		fmt.Fprintf(log, "apt-get %s\n", strings.Join(args, " "))
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("apt-get %s: %w", args[0], err)
		}
	}
	return Check(packages)
}

// Needs returns what a list of units needs to be built, and besides that what is given.
func Needs(units []Unit, also ...Package) []Package {
	for _, u := range units {
		also = append(also, u.Needs...)
	}
	return also
}

func missing(packages []Package) []string {
	var lack []string
	for _, p := range packages {
		if !p.installed() {
			lack = append(lack, p.Debian)
		}
	}
	slices.Sort(lack)
	return slices.Compact(lack)
}

func (p Package) installed() bool {
	if p.Program != "" {
		if _, err := exec.LookPath(p.Program); err == nil {
			return true
		}
		for _, dir := range []string{"/usr/sbin", "/sbin"} { // not on everybody's PATH
			if _, err := os.Stat(filepath.Join(dir, p.Program)); err == nil {
				return true
			}
		}
		return false
	}
	_, err := os.Stat(filepath.Join("/usr/include", p.Header))
	return err == nil
}
