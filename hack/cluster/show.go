package main

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
	"text/tabwriter"

	"github.com/certwright/certwright/hack/cluster/binaries"
)

// errPassed marks the failure of a program that has told the user itself what is wrong.
var errPassed = errors.New("command failed")

func status(ctx context.Context, args []string) error {
	o, err := parse("status", args, true)
	if err != nil {
		return err
	}
	s, ok, err := readState(o.dir)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("there is no cluster %s", o.name)
	}
	o.kind = s.Kind
	c, err := openCluster(ctx, o, newPhases(io.Discard))
	if err != nil {
		return err
	}
	found, err := c.daemons().Check(ctx, c.probes(), answerWithin)
	if err != nil {
		return err
	}
	missing := c.expected()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "DAEMON\tPID\tHEALTH\n")
	var bad []string
	for _, h := range found {
		delete(missing, h.Name)
		word := "healthy"
		if h.Dead {
			word = "dead"
		} else if h.Err != nil {
			word = "unhealthy"
		}
		if h.Err != nil {
			bad = append(bad, h.Name)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", h.Name, h.PID, word)
	}
	for name := range missing {
		bad = append(bad, name)
		fmt.Fprintf(w, "%s\t-\tnot started\n", name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, h := range found {
		if h.Err != nil {
			fmt.Printf("\n%s: %v%s\n", h.Name, h.Err, h.Tail)
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return fmt.Errorf("not healthy: %s; `up` starts everything again", strings.Join(bad, ", "))
	}
	return nil
}

func (c *cluster) envFile() string { return filepath.Join(c.dir, "env") }

// writeEnv writes the addresses of a running cluster as lines that a shell can read.
func (c *cluster) writeEnv(more [][2]string) error {
	lines := append([][2]string{{"KUBECONFIG", c.cp.Kubeconfig()}, {"CERTWRIGHT_CLUSTER", c.name}}, more...)
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "%s='%s'\n", line[0], strings.ReplaceAll(line[1], "'", `'\''`))
	}
	if err := os.WriteFile(c.envFile(), []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	return nil
}

func printEnv(args []string) error {
	o, err := parse("env", args, true)
	if err != nil {
		return err
	}
	data, err := os.ReadFile((&cluster{options: o}).envFile())
	if err != nil {
		return fmt.Errorf("there is no running cluster %s: %w", o.name, err)
	}
	_, err = os.Stdout.Write(data)
	return err
}

// passThrough runs kubectl or helm from the cache against the cluster.
func passThrough(ctx context.Context, command string, args []string) error {
	var o options
	if err := o.resolve(); err != nil {
		return err
	}
	b, err := builder(o)
	if err != nil {
		return err
	}
	cmd, err := tool(ctx, b, command, args)
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(o.dir, "kubeconfig")
	if _, err := os.Stat(kubeconfig); err == nil {
		cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return errors.Join(errPassed, err)
	}
	return nil
}

// tool returns the command for kubectl or helm.
func tool(ctx context.Context, b *binaries.Builder, name string, args []string) (*exec.Cmd, error) {
	unit, argv := binaries.Helm, []string{"helm"}
	if name == "kubectl" {
		unit, argv = binaries.ControlPlane, []string{"controlplane", "kubectl"}
	}
	entry, err := b.Ensure(ctx, unit)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, filepath.Join(entry, argv[0]), append(argv[1:], args...)...), nil
}
