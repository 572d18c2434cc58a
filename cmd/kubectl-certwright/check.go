package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

func (c *cli) check() *cobra.Command {
	var wait, interval time.Duration
	api := &cobra.Command{
		Use:   "api",
		Short: "Check whether the API takes requests, and refuses those in the name of others",
		Long: `Check whether the API takes requests, and refuses those in the name of others.

Nothing is stored: both are dry runs. The exit code is 3 if the API is not ready.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval <= 0 {
				return usage("--interval must be more than 0")
			}
			return c.runCheck(cmd.Context(), wait, interval)
		},
	}
	api.Flags().DurationVar(&wait, "wait", 0, "how long to wait until it is ready")
	api.Flags().DurationVar(&interval, "interval", 5*time.Second, "how long after one check comes the next")
	return group("check", "Check whether Certwright can be used", "api", api)
}

func (c *cli) runCheck(ctx context.Context, wait, interval time.Duration) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	csr, err := pki.CreateRequest(rand.Reader, pki.Request{DNSNames: []string{"check.example.com"}}, key)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, max(wait, time.Minute))
	defer cancel()
	begin, last := time.Now(), ""
	for {
		why, err := c.readyOnce(waiting, csr)
		if err != nil {
			why = explain(err).Error()
		}
		if why == "" {
			c.say("The cert-manager API is ready")
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if wait > 0 && why != last {
			last = why
			c.tell("Not ready: %s", why)
		}
		if time.Since(begin)+interval > wait {
			return not("The cert-manager API is not ready: %s", why)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}

// readyOnce checks once. why is what is not as it has to be.
func (c *cli) readyOnce(ctx context.Context, csr []byte) (why string, err error) {
	api, err := c.connect()
	if err != nil {
		return "", err
	}
	request := func(username string) *cmv1.CertificateRequest {
		return &cmv1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: api.namespace, GenerateName: "certwright-check-"},
			Spec:       cmv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Name: "certwright-check"}, Request: csr, Username: username},
		}
	}
	if err := api.Create(ctx, request(""), client.DryRunAll); err != nil {
		return "", err
	}
	const stranger = "certwright-check-stranger"
	foreign := request(stranger)
	err = api.Create(ctx, foreign, client.DryRunAll)
	switch {
	case apierrors.IsInvalid(err) || apierrors.IsForbidden(err): // refused
		return "", nil
	case err != nil:
		return "", err
	case foreign.Spec.Username == stranger:
		return "a CertificateRequest in the name of somebody else is not refused: the admission policies of the chart are not in force", nil
	}
	return "", nil
}
