package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/client-go/util/retry"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// manualReason is the reason of a decision by hand. The peer's command line
// writes it too, and tools look for it (contract 6).
const manualReason = "KubectlCertManager"

// verdict is one of the two things that can be decided about a request.
type verdict struct {
	verb, done string
	condition  cmv1.CertificateRequestConditionType
	opposite   cmv1.CertificateRequestConditionType
}

var (
	approved = verdict{"approve", "Approved", cmv1.CertificateRequestConditionApproved, cmv1.CertificateRequestConditionDenied}
	denied   = verdict{"deny", "Denied", cmv1.CertificateRequestConditionDenied, cmv1.CertificateRequestConditionApproved}
)

func (c *cli) decide(v verdict, short string) *cobra.Command {
	var reason, message string
	cmd := &cobra.Command{
		Use:   v.verb + " NAME",
		Short: short,
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.runDecide(cmd.Context(), v, args[0], reason, message)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", manualReason, "reason of the condition, one word")
	cmd.Flags().StringVar(&message, "message", fmt.Sprintf(`manually %s by "kubectl certwright"`, map[string]string{"approve": "approved", "deny": "denied"}[v.verb]), "why, for people")
	return cmd
}

// runDecide adds the condition. A decision is for good: one that was made
// otherwise stays.
func (c *cli) runDecide(ctx context.Context, v verdict, name, reason, message string) error {
	if reason == "" || message == "" {
		return usage("--reason and --message must say something")
	}
	api, err := c.connect()
	if err != nil {
		return err
	}
	already := false
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		req := &cmv1.CertificateRequest{}
		if err := api.Get(ctx, api.key(name), req); err != nil {
			return fmt.Errorf("read CertificateRequest: %w", err)
		}
		if is(req, v.opposite) {
			return not("CertificateRequest '%s/%s' is %s already, and that is for good: make another one", req.Namespace, req.Name, v.opposite)
		}
		if already = is(req, v.condition); already {
			return nil
		}
		req.Status.Conditions = lifecycle.SetRequestCondition(req.Status.Conditions, cmv1.CertificateRequestCondition{
			Type: v.condition, Status: cmmeta.ConditionTrue, Reason: reason, Message: message,
		}, c.now())
		return api.Status().Update(ctx, req)
	})
	switch {
	case codeOf(err) == exitNot:
		return err
	case err != nil:
		return fmt.Errorf("%s: %w", v.verb, err)
	case already:
		c.say("CertificateRequest '%s/%s' is %s already", api.namespace, name, v.done)
	default:
		c.say("%s CertificateRequest '%s/%s'", v.done, api.namespace, name)
	}
	return nil
}

func is(req *cmv1.CertificateRequest, t cmv1.CertificateRequestConditionType) bool {
	c := lifecycle.FindRequestCondition(req.Status.Conditions, t)
	return c != nil && c.Status == cmmeta.ConditionTrue
}
