package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/certwright/certwright/api/v1alpha1"
)

type reissueFlags struct {
	selector, issuer, issuedBefore, keyHash, signatureAlgorithm string
	all                                                         bool
	namespaces                                                  []string
	perHour, maxInFlight                                        int32
	revoke                                                      bool
	revokeReason                                                string
	hold                                                        time.Duration
	dryRun, yes, wait                                           bool
	timeout                                                     time.Duration
	output                                                      output
}

func (c *cli) reissue() *cobra.Command {
	f := &reissueFlags{}
	cmd := &cobra.Command{
		Use:   "reissue NAME",
		Short: "Issue many certificates anew, with other keys, at a pace",
		Long: `Issue many certificates anew, with other keys, at a pace.

NAME is that of the campaign, a Reissue in the namespace. It selects the Certificates that fulfil all that is said. What it selects and
how long it takes is shown before anything is done; --dry-run ends there. The campaign goes on when the command is interrupted.`,
		Example: `  kubectl certwright reissue node-7 --selector node=7 --revoke --revoke-reason keyCompromise
  kubectl certwright reissue leave-old-ca --issuer ClusterIssuer/old --per-hour 50 -n cert-manager --namespaces '*'`,
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.object(args[0], cmd.Flags().Changed("hold"))
			if err != nil {
				return err
			}
			return c.runReissue(cmd.Context(), f, r)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.selector, "selector", "l", "", "labels of the Certificates")
	flags.StringVar(&f.issuer, "issuer", "", "their issuer: NAME, KIND/NAME or KIND.GROUP/NAME")
	flags.StringVar(&f.issuedBefore, "issued-before", "", "their certificates are from before this time (RFC 3339, or a date)")
	flags.StringVar(&f.keyHash, "key-hash", "", "SHA-256 of the public key (SubjectPublicKeyInfo) of their certificates, in hexadecimal")
	flags.StringVar(&f.signatureAlgorithm, "signature-algorithm", "", "how their certificates are signed: SHA256-RSA, ECDSA-SHA256, ...")
	flags.BoolVar(&f.all, "all", false, "all Certificates")
	flags.StringSliceVar(&f.namespaces, "namespaces", nil, "of these namespaces, '*' for all; only in the cluster resource namespace of the operator")
	flags.Int32Var(&f.perHour, "per-hour", 0, "how many are begun in an hour at most (default: as many as the CA takes)")
	flags.Int32Var(&f.maxInFlight, "max-in-flight", 0, "how many are under way at the same time at most (default 10)")
	flags.BoolVar(&f.revoke, "revoke", false, "revoke what was replaced")
	flags.StringVar(&f.revokeReason, "revoke-reason", "", "reason of the revocations (default superseded)")
	flags.DurationVar(&f.hold, "hold", defaultHold, "how long an old certificate stays valid once the new one is stored")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only show what would be done")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.wait, "wait", true, "wait until it is done")
	flags.DurationVar(&f.timeout, "timeout", 0, "how long to wait (default: until it is done)")
	f.output.register(flags, "name")
	cmd.AddCommand(
		c.reissueStatus(),
		c.reissuePause("pause", "Begin no further certificates of a campaign", true),
		c.reissuePause("resume", "Go on with a campaign that was paused", false),
	)
	return cmd
}

// check finds what the API server would refuse, or can not know to be wrong.
func (f *reissueFlags) check(holdSet bool) error {
	narrowed := f.issuer != "" || f.issuedBefore != "" || f.keyHash != "" || f.signatureAlgorithm != ""
	switch {
	case f.all && (f.selector != "" || narrowed):
		return usage("--all is all Certificates: say nothing else of them")
	case !f.all && f.selector == "" && !narrowed:
		return usage("say which Certificates: --selector, --issuer, --issued-before, --key-hash, --signature-algorithm, or --all")
	case (f.revokeReason != "" || holdSet) && !f.revoke:
		return usage("--revoke-reason and --hold go with --revoke")
	case f.perHour < 0 || f.maxInFlight < 0:
		return usage("--per-hour and --max-in-flight are 1 at least")
	}
	return f.output.check()
}

// object is the campaign that the flags ask for.
func (f *reissueFlags) object(name string, holdSet bool) (*v1alpha1.Reissue, error) {
	if err := f.check(holdSet); err != nil {
		return nil, err
	}
	selector, err := f.what()
	if err != nil {
		return nil, err
	}
	r := &v1alpha1.Reissue{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ReissueSpec{Selector: selector, MaxInFlight: f.maxInFlight}}
	if f.perHour > 0 {
		r.Spec.PerHour = ptr.To(f.perHour)
	}
	if f.revoke {
		r.Spec.Revoke = &v1alpha1.ReissueRevoke{Reason: v1alpha1.RevocationReason(f.revokeReason)}
		if holdSet {
			r.Spec.Revoke.Hold = &metav1.Duration{Duration: f.hold}
		}
	}
	return r, nil
}

// what is the selector that the flags say.
func (f *reissueFlags) what() (s v1alpha1.ReissueSelector, err error) {
	s.Namespaces, s.PublicKeyHash, s.SignatureAlgorithm = f.namespaces, f.keyHash, f.signatureAlgorithm
	if f.all {
		s.Labels = &metav1.LabelSelector{}
	} else if f.selector != "" {
		if s.Labels, err = metav1.ParseToLabelSelector(f.selector); err != nil {
			return s, usage("--selector: %w", err)
		}
	}
	if f.issuer != "" {
		if s.IssuerRef, err = parseIssuer(f.issuer); err != nil {
			return s, err
		}
	}
	if f.issuedBefore != "" {
		s.IssuedBefore, err = parseTime(f.issuedBefore)
	}
	return s, err
}

func parseTime(text string) (*metav1.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return &metav1.Time{Time: t}, nil
		}
	}
	return nil, usage("--issued-before %s: write 2026-11-24 or 2026-11-24T08:00:00Z", text)
}

// runReissue plans, asks, begins and looks on.
func (c *cli) runReissue(ctx context.Context, f *reissueFlags, r *v1alpha1.Reissue) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	r.Namespace = api.namespace
	if f.dryRun || !f.yes {
		plan, err := c.plan(ctx, api, r)
		if err != nil {
			return err
		}
		if f.dryRun && f.output.machine() {
			return c.data(&f.output, clean(api.Scheme(), plan))
		}
		t := c.aside()
		if f.dryRun {
			t = c.terminal
		}
		t.showPlan(plan)
		if f.dryRun {
			return nil
		}
		if plan.Status.Selected == 0 {
			return not("no Certificate is selected: nothing was done")
		}
		if err := c.confirm(ctx, f.yes, "Issue them anew?"); err != nil {
			return err
		}
	}
	if err := api.Create(ctx, r); err != nil {
		return fmt.Errorf("create Reissue: %w", err)
	}
	c.tell("reissue.certwright.dev/%s created", r.Name)
	ended := error(nil)
	if f.wait {
		ended = c.waitReissued(ctx, api, r, f.timeout)
	}
	switch {
	case f.output.machine():
		if err := c.data(&f.output, clean(api.Scheme(), r)); err != nil {
			return err
		}
	case f.output.format == "name":
		c.say("reissue.certwright.dev/%s", r.Name)
	}
	return ended
}
