package challenge

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/kube"
)

// Indexes of the Challenges.
const (
	// unfinished are those that may still change, by their issuer.
	unfinished = "unfinished"
	// editing are those that put their path into an existing Ingress, by its
	// name.
	editing = "editing"
	// presenting are those that present something over HTTP, or may do so,
	// with the value "true".
	presenting = "presenting"
	// byToken are those that are answered over HTTP, by their token.
	byToken = "token"
	// failed are those whose name the CA did not see, by failureKey.
	failed = "failed"
)

func addIndexes(mgr ctrl.Manager) error {
	indexes := map[string]func(*acmev1.Challenge) string{
		unfinished: func(c *acmev1.Challenge) string {
			if c.Status.State.Final() {
				return ""
			}
			return kube.IssuerKey(c.Spec.IssuerRef)
		},
		editing: http01.EditsIngress,
		presenting: func(c *acmev1.Challenge) string {
			if isPresenting(c) {
				return "true"
			}
			return ""
		},
		byToken: func(c *acmev1.Challenge) string {
			if c.Spec.Type != acmev1.ACMEChallengeTypeHTTP01 {
				return ""
			}
			return c.Spec.Token
		},
		failed: func(c *acmev1.Challenge) string {
			if c.Status.State != acmev1.Invalid {
				return ""
			}
			return failureKey(c)
		},
	}
	for name, value := range indexes {
		err := mgr.GetFieldIndexer().IndexField(context.Background(), &acmev1.Challenge{}, name, func(o client.Object) []string {
			if c, ok := o.(*acmev1.Challenge); ok && value(c) != "" {
				return []string{value(c)}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("index challenges by %s: %w", name, err)
		}
	}
	return nil
}

// isPresenting: a Challenge that is over still presents until its finalizer is
// gone.
func isPresenting(c *acmev1.Challenge) bool {
	return c.Spec.Type == acmev1.ACMEChallengeTypeHTTP01 && (!c.Status.State.Final() || len(c.Finalizers) > 0)
}
