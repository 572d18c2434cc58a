package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

func (c *cli) retry() *cobra.Command {
	certificate := &cobra.Command{
		Use:   "certificate NAME",
		Short: "Try to issue a Certificate now, and forget how often that has failed",
		Long: "Try to issue a Certificate now, and forget how often that has failed.\n\n" +
			"Between attempts: a new attempt begins, and should it fail, the wait after it is that after a first failure.\n" +
			"During one: Challenges that are in trouble are made anew, so that they are tried with what is in the issuer's Secrets by now.\n" +
			"What a CA's rate limit holds up stays held up.",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.runRetry(cmd.Context(), args[0]) },
	}
	return group("retry", "Try again now what has failed", "certificate NAME", certificate)
}

func (c *cli) runRetry(ctx context.Context, name string) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	crt := &cmv1.Certificate{}
	if err := api.Get(ctx, api.key(name), crt); err != nil {
		return fmt.Errorf("read Certificate: %w", err)
	}
	if lifecycle.IsIssuing(&crt.Status) {
		return c.retryUnderWay(ctx, api, crt)
	}
	if err := c.beginAgain(ctx, api, crt); err != nil {
		return fmt.Errorf("ask for another attempt: %w", err)
	}
	c.say("Certificate %s/%s is tried again now", crt.Namespace, crt.Name)
	return nil
}

// beginAgain asks for an attempt as renew does, and forgets those that have
// failed. The wish of a Revocation or a Reissue for another key stays one.
func (c *cli) beginAgain(ctx context.Context, api *cluster, crt *cmv1.Certificate) error {
	key := client.ObjectKeyFromObject(crt)
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := api.Get(ctx, key, crt); err != nil || lifecycle.IsIssuing(&crt.Status) {
			return err
		}
		asked := cmv1.CertificateCondition{
			Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered,
			Message: "asked for by hand", ObservedGeneration: crt.Generation,
		}
		if old := lifecycle.FindCertificateCondition(crt.Status.Conditions, asked.Type); old != nil && stands(old.Reason) {
			asked.Reason, asked.Message = old.Reason, old.Message
		}
		// The operator tells by the name of its key which attempt a request is
		// of. With the count at zero again the names of earlier attempts would
		// come back, and their failures be taken for that of the new one.
		fresh := lifecycle.NextKeyName(crt.Name, string(crt.UID), lifecycle.NextRevision(crt), int(c.now().Unix()))
		crt.Status.NextPrivateKeySecretName = &fresh
		crt.Status.FailedIssuanceAttempts, crt.Status.LastFailureTime = nil, nil
		crt.Status.Conditions = lifecycle.SetCertificateCondition(crt.Status.Conditions, asked, c.now())
		return api.Status().Update(ctx, crt)
	})
}

// stands says whether the reason of an issuance is one that a failure does not end.
func stands(reason string) bool {
	switch reason {
	case cmv1.CertificateReasonReplacementRequested, cmv1.CertificateReasonRevoked, cmv1.CertificateReasonCompromisedKey:
		return true
	}
	return false
}

// retryUnderWay makes the Challenges in trouble anew: the operator remembers of
// each when it is to be tried again, and of a new one nothing.
func (c *cli) retryUnderWay(ctx context.Context, api *cluster, crt *cmv1.Certificate) error {
	s, err := api.story(ctx, crt)
	if err != nil {
		return err
	}
	anew := 0
	for i := range s.challenges.value {
		ch := &s.challenges.value[i]
		if ch.Status.Reason == "" || ch.Status.State.Final() || ch.DeletionTimestamp != nil {
			continue
		}
		err := api.Delete(ctx, ch, client.Preconditions{UID: &ch.UID})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete Challenge in trouble: %w", err)
		}
		anew++
		c.say("Challenge %s for %s is made anew", ch.Name, ch.Spec.DNSName)
	}
	if anew > 0 {
		return nil
	}
	var waits []string
	for i := range s.orders.value {
		if o := &s.orders.value[i]; !o.Status.State.Final() && o.Status.Reason != "" {
			waits = append(waits, fmt.Sprintf("Order %s: %s", o.Name, o.Status.Reason))
		}
	}
	if len(waits) > 0 {
		return not("Certificate %s is being issued already, and waits: %s", crt.Name, strings.Join(waits, "; "))
	}
	c.say("Certificate %s/%s is being issued already; `explain certificate %s` says what it waits for", crt.Namespace, crt.Name, crt.Name)
	return nil
}

// unfinished are the Challenges that are still to be solved.
func (s *story) unfinished() []*acmev1.Challenge {
	var all []*acmev1.Challenge
	for i := range s.challenges.value {
		if ch := &s.challenges.value[i]; ch.Status.State != acmev1.Valid && ch.DeletionTimestamp == nil {
			all = append(all, ch)
		}
	}
	return all
}
