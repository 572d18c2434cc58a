package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	}
	p.untilSecretsAreSeen()
	for _, name := range names {
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

// untilSecretsAreSeen waits until the operator knows the Secrets that there are:
// it knows a later one, with the same label, from the same watch.
func (p *peer) untilSecretsAreSeen() {
	p.Helper()
	_, cert, key := authority(p.T)
	p.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "last", Labels: map[string]string{"controller.cert-manager.io/fao": "true"}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: key},
	})
	issuer := &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "last"},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "last"}}},
	}
	p.create(issuer)
	p.until("the operator has seen the last Secret", time.Minute, func(ctx context.Context) (bool, string, error) {
		err := p.api.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)
		return slices.ContainsFunc(issuer.Status.Conditions, func(c cmv1.IssuerCondition) bool {
			return c.Type == cmv1.IssuerConditionReady && c.Status == cmmeta.ConditionTrue
		}), fmt.Sprintf("%+v", issuer.Status.Conditions), err
	})
}
