package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/certwright/certwright/api/v1alpha1"
)

// mostUses is how many users of a Secret are listed: one screen.
const mostUses = 15

// showTarget tells what is about to be revoked, who feels it and what happens.
func (c *cli) showTarget(ctx context.Context, api *cluster, r *v1alpha1.Revocation, f *found) error {
	t := c.aside()
	if f.certificate != "" {
		t.say("Certificate %s in namespace %s", t.paint(bold, f.certificate), api.namespace)
	} else {
		t.say("A certificate")
	}
	if f.note != "" {
		t.say("  (%s)", f.note)
	}
	if f.leaf != nil {
		t.fields("  ",
			"names", strings.Join(names(f.leaf), ", "),
			"serial", serialOf(f.leaf),
			"issuer", issuerText(f.issuer),
			"signed by", f.leaf.Issuer.String(),
			"expires", c.until(f.leaf.NotAfter),
			"key", keyHash(f.leaf),
			"secret", f.secret,
		)
		if !c.now().Before(f.leaf.NotAfter) {
			t.say("It has expired: there is nothing to revoke.")
		}
	}
	if f.secret != "" {
		if err := c.showUses(ctx, api, f.secret); err != nil {
			return err
		}
	}
	t.say("What happens")
	for i, step := range steps(r) {
		t.say("  %d. %s", i+1, step)
	}
	return nil
}

func (c *cli) showUses(ctx context.Context, api *cluster, secret string) error {
	all, unknown, err := api.uses(ctx, secret)
	if err != nil {
		return err
	}
	t := c.aside()
	switch {
	case len(all) > 0:
		t.say("Used by")
	case len(unknown) == 0:
		t.say("No Ingress, Gateway or Pod of the namespace uses Secret %s", secret)
	}
	var rows [][]cell
	for _, u := range all[:min(len(all), mostUses)] {
		rows = append(rows, plain("  "+u.kind, u.name, u.how))
	}
	t.table(rows)
	if more := len(all) - mostUses; more > 0 {
		t.say("  and %d more", more)
	}
	if len(unknown) > 0 {
		t.say("You may not list %s, which may use it too", strings.Join(unknown, " and "))
	}
	return nil
}

// steps says what a Revocation will do.
func steps(r *v1alpha1.Revocation) []string {
	var all []string
	hold := ptr.Deref(r.Spec.Hold, metav1.Duration{Duration: defaultHold}).Duration
	switch {
	case !reissues(&r.Spec):
		all = append(all, "the CA is asked at once; whoever checks refuses the certificate from then on, and nothing is issued in its place until you ask for it (renew)")
	case hold == 0:
		all = append(all,
			"another key and certificate are issued and stored in the Secret",
			"as soon as they are stored the CA is asked to revoke the old certificate")
	default:
		all = append(all,
			"another key and certificate are issued and stored in the Secret",
			fmt.Sprintf("%s after that the CA is asked to revoke the old certificate; what has not loaded the new one by then is refused by whoever checks", short(hold)))
	}
	if r.Spec.Reason == v1alpha1.KeyCompromise {
		all = append(all, "the key is remembered as compromised: no Certificate may have it again")
	}
	return all
}

// until is a time, and how far away it is.
func (c *cli) until(t time.Time) string {
	text := t.UTC().Format(time.RFC3339)
	if d := t.Sub(c.now()); d >= 0 {
		return text + " (in " + short(d) + ")"
	}
	return text + " (" + short(c.now().Sub(t)) + " ago)"
}
