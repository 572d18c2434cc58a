package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

type renewFlags struct {
	selector           string
	all, allNamespaces bool
	wait               bool
	timeout            time.Duration
}

func (c *cli) renew() *cobra.Command {
	f := &renewFlags{}
	cmd := &cobra.Command{
		Use:   "renew [NAME...]",
		Short: "Ask for new certificates now",
		Args: func(_ *cobra.Command, args []string) error {
			ways := 0
			for _, said := range []bool{len(args) > 0, f.all, f.selector != ""} {
				if said {
					ways++
				}
			}
			switch {
			case ways != 1:
				return usage("say which Certificates: names, --selector, or --all")
			case len(args) > 0 && f.allNamespaces:
				return usage("names are of one namespace: leave out --all-namespaces")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.runRenew(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.selector, "selector", "l", "", "labels of the Certificates")
	flags.BoolVar(&f.all, "all", false, "all Certificates of the namespace")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "of all namespaces")
	flags.BoolVar(&f.wait, "wait", false, "wait until they are issued")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long to wait, for all of them")
	return cmd
}

func (c *cli) runRenew(ctx context.Context, f *renewFlags, args []string) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	selected, err := api.selected(ctx, args, f.selector, f.allNamespaces)
	if err != nil {
		return err
	}
	if len(selected) == 0 {
		return not("no Certificate is selected")
	}
	for i := range selected {
		if err := c.trigger(ctx, api, &selected[i]); err != nil {
			return err
		}
	}
	if !f.wait {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	var failed int
	for i := range selected {
		switch err := c.waitIssued(ctx, api, &selected[i]); {
		case errors.Is(err, context.DeadlineExceeded):
			return not("not all were issued within %s; the operator goes on", f.timeout)
		case codeOf(err) == exitNot:
			c.tell("%v", err)
			failed++
		case err != nil:
			return err
		}
	}
	if failed > 0 {
		return not("%d of %d were not issued", failed, len(selected))
	}
	return nil
}

// selected reads Certificates by their names, or lists them.
func (c *cluster) selected(ctx context.Context, names []string, selector string, allNamespaces bool) ([]cmv1.Certificate, error) {
	var list cmv1.CertificateList
	for _, name := range names {
		crt := cmv1.Certificate{}
		if err := c.Get(ctx, c.key(name), &crt); err != nil {
			return nil, fmt.Errorf("read Certificate: %w", err)
		}
		list.Items = append(list.Items, crt)
	}
	if len(names) > 0 {
		return list.Items, nil
	}
	chosen, err := labels.Parse(selector)
	if err != nil {
		return nil, usage("--selector: %w", err)
	}
	options := []client.ListOption{client.MatchingLabelsSelector{Selector: chosen}}
	if !allNamespaces {
		options = append(options, client.InNamespace(c.namespace))
	}
	if err := c.List(ctx, &list, options...); err != nil {
		return nil, fmt.Errorf("list Certificates: %w", err)
	}
	return list.Items, nil
}

// trigger sets the condition that asks for a certificate (contract 2.1), on what
// the Certificate is by then.
func (c *cli) trigger(ctx context.Context, api *cluster, crt *cmv1.Certificate) error {
	key := client.ObjectKeyFromObject(crt)
	under := false
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if under = lifecycle.IsIssuing(&crt.Status); under {
			return nil
		}
		asked := crt.DeepCopy()
		asked.Status.Conditions = lifecycle.SetCertificateCondition(asked.Status.Conditions, cmv1.CertificateCondition{
			Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered,
			Message: "asked for by hand", ObservedGeneration: crt.Generation,
		}, c.now())
		err := api.Status().Update(ctx, asked)
		if err == nil {
			*crt = *asked
			return nil
		}
		if again := api.Get(ctx, key, crt); again != nil {
			return again
		}
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("ask for a new certificate of %s: %w", key, err)
	case under:
		c.say("Certificate %s is being issued already", key)
	default:
		c.say("Manually triggered issuance of Certificate %s", key)
	}
	return nil
}

// waitIssued waits until a Certificate that is being issued is so no more.
func (c *cli) waitIssued(ctx context.Context, api *cluster, crt *cmv1.Certificate) error {
	key := client.ObjectKeyFromObject(crt)
	last := ""
	return follow(ctx, api.WithWatch, crt, &cmv1.CertificateList{}, func(now *cmv1.Certificate) (bool, error) {
		ready := lifecycle.FindCertificateCondition(now.Status.Conditions, cmv1.CertificateConditionReady)
		if ready != nil && ready.Status != cmmeta.ConditionTrue && ready.Message != last {
			last = ready.Message
			c.tell("%s: %s", key, ready.Message)
		}
		issuing := lifecycle.FindCertificateCondition(now.Status.Conditions, cmv1.CertificateConditionIssuing)
		switch {
		case issuing != nil && issuing.Status == cmmeta.ConditionTrue:
			return false, nil
		case issuing != nil && issuing.Reason == cmv1.CertificateReasonFailed:
			return true, not("Certificate %s was not issued: %s", key, issuing.Message)
		}
		c.say("Certificate %s is issued", key)
		return true, nil
	})
}
