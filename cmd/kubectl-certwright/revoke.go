package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api/v1alpha1"
)

// defaultHold is what the operator does without spec.hold.
const defaultHold = 5 * time.Minute

// revokePatience is how long `revoke` waits besides the hold: an ACME order may
// take some minutes, and more than one attempt.
const revokePatience = 15 * time.Minute

type revokeFlags struct {
	reason, reissue, authorization string
	hold                           time.Duration
	secret, request                bool
	pem, issuer                    string
	yes, wait                      bool
	timeout                        time.Duration
	output                         output
}

func (c *cli) revoke() *cobra.Command {
	f := &revokeFlags{}
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Ask the CA to revoke a certificate",
		Long: `Ask the CA to revoke a certificate.

NAME is a Certificate, with --secret a Secret, with --request a CertificateRequest. --pem and --issuer are for a certificate whose
Secret is gone. What it is and who uses it is shown before anything is done. For keyCompromise and superseded the certificate is
first issued anew, with another key; see --reissue.`,
		Example: `  kubectl certwright revoke shop --reason keyCompromise
  kubectl certwright revoke --pem old.pem --issuer ClusterIssuer/letsencrypt --reason cessationOfOperation`,
		Args: func(_ *cobra.Command, args []string) error { return f.check(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.runRevoke(cmd.Context(), f, args, cmd.Flags().Changed("hold"))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.reason, "reason", string(v1alpha1.Unspecified), "why: unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn")
	flags.StringVar(&f.reissue, "reissue", "", "First: issue it anew before it is revoked; No: revoke it at once, issue nothing (default: First for keyCompromise and superseded, else No)")
	flags.DurationVar(&f.hold, "hold", defaultHold, "how long the old certificate stays valid once the new one is stored, so that workloads load it")
	flags.StringVar(&f.authorization, "authorization", "", "what an ACME CA is asked with: Auto, AccountKey, CertificateKey")
	flags.BoolVar(&f.secret, "secret", false, "NAME is a Secret")
	flags.BoolVar(&f.request, "request", false, "NAME is a CertificateRequest")
	flags.StringVar(&f.pem, "pem", "", "file with the certificate, instead of NAME")
	flags.StringVar(&f.issuer, "issuer", "", "who issued what is in --pem: NAME, KIND/NAME or KIND.GROUP/NAME")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.wait, "wait", true, "wait until it is revoked")
	flags.DurationVar(&f.timeout, "timeout", 0, "how long to wait (default: the hold and 15 minutes)")
	f.output.register(flags, "name")
	return cmd
}

// check finds what the API server would refuse, or can not know to be wrong.
func (f *revokeFlags) check(args []string) error {
	switch {
	case f.pem != "" && len(args) > 0:
		return usage("say either a name or --pem")
	case f.pem == "" && len(args) != 1:
		return usage("say the name of one certificate, or --pem FILE")
	case f.secret && f.request, f.pem != "" && (f.secret || f.request):
		return usage("say at most one of --secret, --request and --pem")
	case (f.pem != "") != (f.issuer != ""):
		return usage("--pem and --issuer go together")
	}
	if _, known := v1alpha1.RevocationReason(f.reason).Code(); !known || f.reason == "" {
		return usage("--reason %s: there is no such reason; see --help", f.reason)
	}
	switch v1alpha1.ReissuePolicy(f.reissue) {
	case "", v1alpha1.ReissueFirst, v1alpha1.ReissueNo:
	default:
		return usage("--reissue %s: say First or No", f.reissue)
	}
	return f.output.check()
}

// revocation is the object that the flags ask for.
func (f *revokeFlags) revocation(namespace string, args []string, holdSet bool) (*v1alpha1.Revocation, error) {
	r := &v1alpha1.Revocation{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "revoke-"},
		Spec: v1alpha1.RevocationSpec{
			Reason: v1alpha1.RevocationReason(f.reason), Reissue: v1alpha1.ReissuePolicy(f.reissue),
			Authorization: v1alpha1.RevocationAuthorization(f.authorization),
		},
	}
	if holdSet {
		r.Spec.Hold = &metav1.Duration{Duration: f.hold}
	}
	target := &r.Spec.Target
	switch {
	case f.pem != "":
		bytes, err := os.ReadFile(f.pem)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		if target.PEM, err = certificatesOnly(bytes); err != nil {
			return nil, fmt.Errorf("read certificate in %s: %w", f.pem, err)
		}
		if target.IssuerRef, err = parseIssuer(f.issuer); err != nil {
			return nil, err
		}
		return r, nil
	case f.secret:
		target.SecretName = args[0]
	case f.request:
		target.CertificateRequestName = args[0]
	default:
		target.CertificateName = args[0]
	}
	r.GenerateName = strings.TrimRight(args[0][:min(len(args[0]), 200)], "-.") + "-" // leaves room for what the API server adds
	return r, nil
}

// reissues tells what the operator makes of spec.reissue (RevocationSpec).
func reissues(spec *v1alpha1.RevocationSpec) bool {
	if spec.Reissue != "" {
		return spec.Reissue == v1alpha1.ReissueFirst
	}
	asked := spec.Reason == v1alpha1.KeyCompromise || spec.Reason == v1alpha1.Superseded
	return asked && (spec.Target.CertificateName != "" || spec.Target.SecretName != "")
}

func (c *cli) runRevoke(ctx context.Context, f *revokeFlags, args []string, holdSet bool) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	r, err := f.revocation(api.namespace, args, holdSet)
	if err != nil {
		return err
	}
	found, err := api.find(ctx, &r.Spec.Target)
	if err != nil {
		return err
	}
	// What the API server refuses, or the user may not do, is known before the question.
	if err := api.Create(ctx, r.DeepCopy(), client.DryRunAll); err != nil {
		return fmt.Errorf("create Revocation: %w", err)
	}
	if err := c.showTarget(ctx, api, r, found); err != nil {
		return err
	}
	if err := c.confirm(ctx, f.yes, "Revoke it?"); err != nil {
		return err
	}
	if err := api.Create(ctx, r); err != nil {
		return fmt.Errorf("create Revocation: %w", err)
	}
	c.tell("revocation.certwright.dev/%s created", r.Name)
	ended := error(nil)
	if f.wait {
		timeout := f.timeout
		if timeout == 0 {
			timeout = revokePatience
			if reissues(&r.Spec) {
				timeout += ptr.Deref(r.Spec.Hold, metav1.Duration{Duration: defaultHold}).Duration
			}
		}
		ended = c.waitRevoked(ctx, api, r, timeout)
	}
	switch {
	case f.output.machine():
		if err := c.data(&f.output, clean(api.Scheme(), r)); err != nil {
			return err
		}
	case f.output.format == "name":
		c.say("revocation.certwright.dev/%s", r.Name)
	}
	return ended
}

// waitRevoked shows what the conditions say as it changes, until one says how it
// has ended.
func (c *cli) waitRevoked(ctx context.Context, api *cluster, r *v1alpha1.Revocation, timeout time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	told := map[string]string{}
	err := follow(waiting, api.WithWatch, r, &v1alpha1.RevocationList{}, func(now *v1alpha1.Revocation) (bool, error) {
		*r = *now
		for _, t := range []string{v1alpha1.RevocationFound, v1alpha1.RevocationReissued, v1alpha1.RevocationRevoked, v1alpha1.RevocationFailed} {
			if text := conditionText(now.Status.Conditions, t); text != "" && told[t] != text {
				told[t] = text
				c.tell("%s", text)
			}
		}
		switch {
		case isTrue(now.Status.Conditions, v1alpha1.RevocationRevoked):
			return true, nil
		case isTrue(now.Status.Conditions, v1alpha1.RevocationFailed):
			return true, not("the certificate was not revoked; revocation.certwright.dev/%s says why", now.Name)
		}
		return false, nil
	})
	switch {
	case err == nil:
		c.tell("%s", c.paint(green, "revoked"))
	case ctx.Err() != nil:
		return fmt.Errorf("stopped waiting; the operator goes on: kubectl get revocation %s: %w", r.Name, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return not("not revoked within %s; the operator goes on: kubectl get revocation %s", timeout, r.Name)
	}
	return err
}

// conditionText is a condition in one line; empty if it is not there.
func conditionText(list []metav1.Condition, t string) string {
	for _, c := range list {
		if c.Type == t {
			return fmt.Sprintf("%s: %s", reasonText(c.Type, string(c.Status), c.Reason), c.Message)
		}
	}
	return ""
}

func reasonText(conditionType, status, reason string) string {
	text := conditionType + "=" + status
	if reason != "" && reason != conditionType {
		text += " " + reason
	}
	return text
}

func isTrue(list []metav1.Condition, t string) bool {
	for _, c := range list {
		if c.Type == t {
			return c.Status == metav1.ConditionTrue
		}
	}
	return false
}
