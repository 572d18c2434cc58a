package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// The certificates are a month old: nothing is issued anew within minutes of
// its last issuance.
func TestWhenACAIsReplacedItsCertificatesAreIssuedAnew(t *testing.T) {
	t.Parallel()
	p := &peer{journey: newJourney(t)}
	p.newCA()
	former := p.root
	names := []string{"first", "second", "third"}
	for _, name := range names {
		p.secret(name, p.issue(name+".example"))
		p.create(p.manifest(name))
	}
	for _, name := range names {
		p.untilReady(name, time.Minute)
		if leaf, err := p.stored(t.Context(), name); err != nil || leaf.CheckSignatureFrom(former) != nil {
			t.Fatalf("%s was not taken as it was: %v", name, err)
		}
	}

	p.newCA()
	for _, name := range names {
		p.until("Certificate "+name+" is the new CA's, and says so", 2*time.Minute, func(ctx context.Context) (bool, string, error) {
			leaf, err := p.stored(ctx, name)
			if err != nil {
				return false, "", err
			}
			if bad := leaf.CheckSignatureFrom(p.root); bad != nil {
				return false, bad.Error(), nil //nolint:nilerr // told when the time is over
			}
			c := &cmv1.Certificate{}
			err = p.api.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: name}, c)
			settled := condition(c, cmv1.CertificateConditionReady).Status == cmmeta.ConditionTrue &&
				condition(c, cmv1.CertificateConditionIssuing).Status != cmmeta.ConditionTrue &&
				condition(c, cmv1.CertificateConditionSignedByFormerCA).Status != cmmeta.ConditionTrue
			return settled, fmt.Sprintf("%+v", c.Status.Conditions), err
		})
	}
	p.untilClean()
}
