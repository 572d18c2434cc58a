package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

type listFlags struct {
	selector, sort       string
	allNamespaces, watch bool
	notReady             bool
	expiresWithin        time.Duration
	output               output
}

func (c *cli) list() *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List Certificates, those that expire first before the others",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return c.runList(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.selector, "selector", "l", "", "labels of the Certificates")
	flags.StringVar(&f.sort, "sort", "expiry", "order: expiry, renewal, name")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "of all namespaces")
	flags.BoolVar(&f.notReady, "not-ready", false, "only those that are not ready")
	flags.DurationVar(&f.expiresWithin, "expires-within", 0, "only those that expire within this time, or have none")
	flags.BoolVarP(&f.watch, "watch", "w", false, "show it anew when something changes")
	f.output.register(flags, "wide", "name")
	return cmd
}

func (f *listFlags) check() error {
	if !slices.Contains([]string{"expiry", "renewal", "name"}, f.sort) {
		return usage("--sort %s: there are only expiry, renewal and name", f.sort)
	}
	if f.watch && f.output.machine() {
		return usage("--watch is for people: leave out --output %s", f.output.format)
	}
	return f.output.check()
}

func (c *cli) runList(ctx context.Context, f *listFlags) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	if f.watch {
		return c.watchList(ctx, api, f)
	}
	all, err := api.selected(ctx, nil, f.selector, f.allNamespaces)
	if err != nil {
		return err
	}
	all = f.shown(all, c.now())
	switch {
	case f.output.machine():
		return c.data(&f.output, clean(api.Scheme(), &cmv1.CertificateList{Items: all}))
	case f.output.format == "name":
		for i := range all {
			c.say("certificate.cert-manager.io/%s", all[i].Name)
		}
	case len(all) == 0:
		c.tell("no Certificates")
	default:
		c.table(c.rows(all, f))
	}
	return nil
}

// shown filters and sorts. What has no time comes first: it is not yet issued.
func (f *listFlags) shown(all []cmv1.Certificate, now time.Time) []cmv1.Certificate {
	all = slices.DeleteFunc(all, func(crt cmv1.Certificate) bool {
		expiry := crt.Status.NotAfter
		return f.notReady && readiness(&crt) == cmmeta.ConditionTrue ||
			f.expiresWithin > 0 && expiry != nil && expiry.Sub(now) > f.expiresWithin
	})
	slices.SortStableFunc(all, func(a, b cmv1.Certificate) int {
		by := 0
		switch f.sort {
		case "expiry":
			by = earlier(a.Status.NotAfter, b.Status.NotAfter)
		case "renewal":
			by = earlier(a.Status.RenewalTime, b.Status.RenewalTime)
		}
		return cmp.Or(by, cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func earlier(a, b *metav1.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	default:
		return a.Compare(b.Time)
	}
}

func readiness(crt *cmv1.Certificate) cmmeta.ConditionStatus {
	if c := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionReady); c != nil {
		return c.Status
	}
	return cmmeta.ConditionUnknown
}

func (c *cli) rows(all []cmv1.Certificate, f *listFlags) [][]cell {
	wide := f.output.format == "wide"
	head := plain("NAME", "READY", "SECRET", "ISSUER", "EXPIRES", "RENEWAL")
	if f.allNamespaces {
		head = append(plain("NAMESPACE"), head...)
	}
	if wide {
		head = append(head, plain("REVISION", "NAMES", "STATUS")...)
	}
	rows := [][]cell{head}
	for i := range all {
		crt := &all[i]
		row := []cell{{text: crt.Name}, c.ready(crt), {text: crt.Spec.SecretName}, {text: issuerText(&crt.Spec.IssuerRef)}, c.expiry(crt), {text: c.in(crt.Status.RenewalTime)}}
		if f.allNamespaces {
			row = append(plain(crt.Namespace), row...)
		}
		if wide {
			revision := ""
			if crt.Status.Revision != nil {
				revision = fmt.Sprint(*crt.Status.Revision)
			}
			message := ""
			if condition := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionReady); condition != nil {
				message = condition.Message
			}
			row = append(row, plain(revision, strings.Join(asked(crt), ","), message)...)
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *cli) ready(crt *cmv1.Certificate) cell {
	status := readiness(crt)
	text := string(status)
	if lifecycle.IsIssuing(&crt.Status) {
		text += ", issuing"
	}
	switch status {
	case cmmeta.ConditionTrue:
		return cell{text, green}
	case cmmeta.ConditionFalse:
		return cell{text, red}
	default:
		return cell{text, yellow}
	}
}

// expiry is red once it is over, and yellow once the renewal is overdue.
func (c *cli) expiry(crt *cmv1.Certificate) cell {
	out := cell{text: c.in(crt.Status.NotAfter)}
	switch {
	case crt.Status.NotAfter == nil:
	case !c.now().Before(crt.Status.NotAfter.Time):
		out.colour = red
	case crt.Status.RenewalTime != nil && !c.now().Before(crt.Status.RenewalTime.Time):
		out.colour = yellow
	}
	return out
}

// in is how far away a time is.
func (c *cli) in(t *metav1.Time) string {
	switch {
	case t == nil:
		return "-"
	case t.Time.Before(c.now()):
		return short(c.now().Sub(t.Time)) + " ago"
	default:
		return "in " + short(t.Sub(c.now()))
	}
}

// asked lists the names that a Certificate asks for.
func asked(crt *cmv1.Certificate) []string {
	s := &crt.Spec
	all := slices.Concat(s.DNSNames, s.IPAddresses, s.URIs, s.EmailAddresses)
	if len(all) == 0 && s.CommonName != "" {
		all = []string{s.CommonName}
	}
	if len(all) == 0 && s.LiteralSubject != "" {
		all = []string{s.LiteralSubject}
	}
	return all
}
