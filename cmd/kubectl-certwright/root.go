package main

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"
)

// run is the command: args[0] is the name that it was called by.
func run(ctx context.Context, args []string, t *terminal) int {
	return (&cli{terminal: t, outside: newOutside}).run(ctx, args)
}

func (c *cli) run(ctx context.Context, args []string) int {
	t := c.terminal
	ctrllog.SetLogger(logr.Discard()) // the client's; commands say themselves what is wrong
	root := c.root(args[0])
	root.SetArgs(args[1:])
	cmd, err := root.ExecuteContextC(ctx)
	code := codeOf(err)
	switch {
	case code == exitUsage:
		t.tell("error: %v\nsee `%s --help`", err, cmd.CommandPath())
	case code == exitNot:
		t.tell("%v", err)
	case err != nil:
		t.tell("error: %v", explain(err))
	}
	return code
}

func (c *cli) root(called string) *cobra.Command {
	t := c.terminal
	root := &cobra.Command{
		Use:   "certwright",
		Short: "See, explain, renew, approve and revoke the certificates of a cluster",
		Long: "See, explain, renew, approve and revoke the certificates of a cluster.\n\n" +
			"Exit codes: 0 it is so; 1 something went wrong; 2 the command line is wrong; 3 what was asked for did not come about\n(declined, failed, out of time), or is not so (explain: there is a cause).",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	if strings.HasPrefix(filepath.Base(called), "kubectl-") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl certwright"}
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%w", err) })
	c.registerCluster(root.PersistentFlags())
	root.AddCommand(
		c.list(), c.tree(), c.status(), c.explain(), c.events(), c.inspect(), c.renew(), c.retry(),
		c.decide(approved, "Approve a CertificateRequest"), c.decide(denied, "Deny a CertificateRequest"),
		c.revoke(), c.reissue(), c.ui(),
		c.check(), c.version(),
	)
	return root
}

// exactly takes so many arguments, which it calls by name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usage("say %s", strings.Join(names, " "))
		}
		return nil
	}
}

// group is a command that has only commands below it.
func group(use, short, what string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(*cobra.Command, []string) error { return usage("say what: %s", what) },
	}
	cmd.AddCommand(below...)
	return cmd
}
