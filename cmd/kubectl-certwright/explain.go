package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// finding is one cause of trouble, with what shows it and what mends it.
type finding struct {
	ID       string   `json:"id"` // stable, for programs
	Object   string   `json:"object"`
	Cause    string   `json:"cause"`
	Evidence []string `json:"evidence,omitempty"`
	Fix      []string `json:"fix"`
}

// explanation is what explain has found about one object.
type explanation struct {
	Object      string       `json:"object"`
	Namespace   string       `json:"namespace,omitempty"`
	OK          bool         `json:"ok"`
	State       string       `json:"state"`
	Causes      []finding    `json:"causes,omitempty"` // the one to begin with first
	Doing       string       `json:"operator,omitempty"`
	NextAttempt *metav1.Time `json:"nextAttempt,omitempty"`
	Next        string       `json:"next,omitempty"`
	NotSeen     []string     `json:"notSeen,omitempty"`
}

type explainFlags struct {
	output
	network     bool
	nameservers []string
}

func (c *cli) explain() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain KIND NAME",
		Short: "Say why something is not ready, what shows it, and what mends it",
		Long: "Say why something is not ready, what shows it, and what mends it.\n\n" +
			"KIND is certificate, ingress, gateway, issuer, clusterissuer, certificaterequest, order or challenge.\n" +
			"The exit code is 0 if nothing is wrong and 3 if there is a cause.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && strings.Count(args[0], "/") == 1 || len(args) == 2 {
				return nil
			}
			return usage("say KIND NAME or KIND/NAME")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if len(args) == 1 {
				args = strings.Split(args[0], "/")
			}
			return c.runExplain(cmd.Context(), f, strings.ToLower(args[0]), args[1])
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVar(&f.network, "network", true, "look from here at the names and their DNS as the CA does")
	cmd.Flags().StringSliceVar(&f.nameservers, "nameserver", nil, "DNS servers to ask instead of those of this computer")
	return cmd
}

func (c *cli) runExplain(ctx context.Context, f *explainFlags, kind, name string) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	var world outside
	if f.network {
		if world, err = c.outside(f.nameservers); err != nil {
			return fmt.Errorf("look outside: %w; without that: --network=false", err)
		}
	}
	all, err := c.inquire(ctx, api, world, kind, name)
	if isNoMatch(err) {
		all, err = []*explanation{{Object: kind + "/" + name, State: "it can not be there", Causes: []finding{noCRDs(err)}}}, nil
	}
	if err != nil {
		return err
	}
	if f.machine() {
		if err := c.data(&f.output, all); err != nil {
			return err
		}
	}
	troubled := 0
	for i, e := range all {
		if !e.OK {
			troubled++
		}
		if !f.machine() {
			if i > 0 {
				c.say("")
			}
			c.showExplanation(e)
		}
	}
	if troubled > 0 {
		return codedError{exitNot, errTold}
	}
	return nil
}

func noCRDs(err error) finding {
	return finding{
		ID: "crds-missing", Object: "CustomResourceDefinitions", Cause: "The cluster does not know the kinds of certificates: the CRDs are not installed",
		Evidence: []string{err.Error()}, Fix: []string{"Install Certwright, with its CRDs (docs/install.md)", "kubectl certwright check api"},
	}
}

func (c *cli) showExplanation(e *explanation) {
	shade := green
	if !e.OK {
		shade = red
	}
	where := ""
	if e.Namespace != "" {
		where = " in namespace " + e.Namespace
	}
	c.say("%s%s: %s", c.paint(bold, e.Object), where, c.paint(shade, e.State))
	for i, cause := range e.Causes {
		title := "Cause"
		if i > 0 {
			title = "Also"
		}
		c.section(title, []string{cause.Cause + " (" + cause.Object + ")"})
		c.section("Evidence", cause.Evidence)
		c.section("Fix", cause.Fix)
	}
	next := e.Next
	if e.NextAttempt != nil {
		next = c.until(e.NextAttempt.Time)
	}
	var doing []string
	for _, line := range []string{next, e.Doing} {
		if line != "" {
			doing = append(doing, line)
		}
	}
	if !e.OK {
		c.section("Next attempt", doing)
	}
	c.section("Not seen", e.NotSeen)
}

func (c *cli) section(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	c.say("\n%s", c.paint(bold, title))
	for _, line := range lines {
		c.say("  %s", line)
	}
}
