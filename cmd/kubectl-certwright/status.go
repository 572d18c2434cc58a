package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

func (c *cli) status() *cobra.Command {
	o := &output{}
	certificate := &cobra.Command{
		Use:   "certificate NAME",
		Short: "Show a Certificate with its Secret, issuer, requests, orders, challenges, revocations and events",
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return c.runStatus(cmd.Context(), o, args[0])
		},
	}
	o.register(certificate.Flags())
	return group("status", "Show everything about one object", "certificate NAME", certificate)
}

func (c *cli) runStatus(ctx context.Context, o *output, name string) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	crt := &cmv1.Certificate{}
	if err := api.Get(ctx, api.key(name), crt); err != nil {
		return fmt.Errorf("read Certificate: %w", err)
	}
	s, err := api.story(ctx, crt)
	if err != nil {
		return err
	}
	v := s.view()
	if o.machine() {
		return c.data(o, v)
	}
	c.showStatus(v)
	return nil
}

func (c *cli) showStatus(v *view) {
	revision, attempts := "", ""
	if v.Revision != nil {
		revision = fmt.Sprint(*v.Revision)
	}
	if v.Attempts != nil && *v.Attempts > 0 {
		attempts = fmt.Sprint(*v.Attempts)
	}
	c.fields("", "Name", v.Name, "Namespace", v.Namespace, "Created", c.since(&v.Created), "Revision", revision, "Names", strings.Join(v.Names, ", "),
		"Not before", c.at(v.NotBefore), "Not after", c.at(v.NotAfter), "Renewal", c.at(v.RenewalTime), "Failed attempts", attempts, "Last failure", c.since(v.LastFailure))
	c.say("Conditions:")
	for _, k := range v.Conditions {
		c.condition("  ", string(k.Type), k.Status, k.Reason, k.Message)
	}
	c.say("Issuer: %s%s", v.Issuer.Ref, note(v.Issuer.Missing))
	for _, k := range v.Issuer.Conditions {
		c.condition("  ", string(k.Type), k.Status, k.Reason, k.Message)
	}
	c.say("Secret: %s%s", v.Secret.Name, note(v.Secret.Missing))
	if v.Secret.Certificate != nil {
		c.showCertificate("  ", v.Secret.Certificate)
	}
	for _, r := range v.Requests {
		c.say("CertificateRequest: %s (revision %d, created %s)", r.Name, r.Revision, c.since(&r.Created))
		for _, k := range r.Conditions {
			c.condition("  ", string(k.Type), k.Status, k.Reason, k.Message)
		}
		c.fields("  ", "Failed", c.since(r.FailureTime))
	}
	for _, o := range v.Orders {
		c.say("Order: %s (%s)", o.Name, state(o.State))
		c.fields("  ", "Reason", o.Reason, "Authorizations", strings.Join(o.Authorizations, ", "), "URL", o.URL, "Failed", c.since(o.FailureTime))
	}
	for _, ch := range v.Challenges {
		c.say("Challenge: %s (%s)", ch.Name, state(ch.State))
		c.fields("  ", "Name", ch.DNSName, "Type", ch.Type, "Presented", fmt.Sprint(ch.Presented), "Processing", fmt.Sprint(ch.Processing), "Reason", ch.Reason)
	}
	for _, r := range v.Revocations {
		c.say("Revocation: %s (%s, serial %s)", r.Name, r.Reason, r.Serial)
		for _, k := range r.Conditions {
			c.condition("  ", k.Type, cmmeta.ConditionStatus(k.Status), k.Reason, k.Message)
		}
	}
	if len(v.Events) > 0 {
		c.say("Events:")
		c.table(c.eventRows("  ", v.Events))
	}
	for _, u := range v.Unreadable {
		c.say("%s", u)
	}
}

// condition writes one condition: Ready=False, DoesNotExist: there is no Secret.
func (c *cli) condition(indent, conditionType string, status cmmeta.ConditionStatus, reason, message string) {
	shade := none
	switch {
	case conditionType == "Ready" && status == cmmeta.ConditionTrue:
		shade = green
	case conditionType == "Ready" || conditionType == "Failed" || conditionType == "Denied":
		shade = red
	}
	text := reasonText(conditionType, string(status), reason)
	if message != "" {
		c.say("%s%s: %s", indent, c.paint(shade, text), message)
		return
	}
	c.say("%s%s", indent, c.paint(shade, text))
}

func note(missing string) string {
	if missing == "" {
		return ""
	}
	return " (" + missing + ")"
}

func state(s string) string {
	if s == "" {
		return "not yet placed"
	}
	return s
}

// at is a time, and how far away it is; empty if there is none.
func (c *cli) at(t *metav1.Time) string {
	if t == nil {
		return ""
	}
	return c.until(t.Time)
}

// since is how long ago something was.
func (c *cli) since(t *metav1.Time) string {
	if t == nil {
		return ""
	}
	return short(max(c.now().Sub(t.Time), 0)) + " ago"
}
