package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

const (
	// campaignSize is how many certificates are issued anew.
	campaignSize = 500
	// campaignPace is how many are begun in an hour: ten in a second.
	campaignPace = 36000
	// A hundred are begun at once, the others at ten in a second. What the
	// issuances themselves take on a busy machine comes on top.
	campaignLeast = 39 * time.Second
	campaignMost  = 3 * time.Minute
)

// A campaign over all certificates of a CA, as when a node was broken into.
func TestFiveHundredCertificatesAreIssuedAnewInTheStatedPace(t *testing.T) {
	t.Parallel()
	p := &peer{journey: newJourney(t)}
	p.newCA()
	for i := range campaignSize {
		crt := p.certificate(fmt.Sprintf("web-%03d", i), cmmeta.IssuerReference{Name: "ca"}, fmt.Sprintf("web-%03d.example", i))
		crt.Spec.PrivateKey = &cmv1.CertificatePrivateKey{Algorithm: cmv1.ECDSAKeyAlgorithm, RotationPolicy: cmv1.RotationPolicyNever}
		p.create(crt)
	}
	p.until("all are issued", 3*time.Minute, func(ctx context.Context) (bool, string, error) {
		n, err := p.atRevision(ctx, 1)
		return n == campaignSize, fmt.Sprintf("%d are", n), err
	})
	before := p.publicKeys()

	campaigns := p.campaigns()
	r := &v1alpha1.Reissue{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "broken-into"},
		Spec: v1alpha1.ReissueSpec{
			Selector: v1alpha1.ReissueSelector{IssuerRef: &cmmeta.IssuerReference{Name: "ca"}},
			DryRun:   true, PerHour: new(int32(campaignPace)), MaxInFlight: 50,
		},
	}
	if err := campaigns.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	phase := func(want v1alpha1.ReissuePhase, limit time.Duration) {
		t.Helper()
		p.until("the campaign is "+string(want), limit, func(ctx context.Context) (bool, string, error) {
			err := campaigns.Get(ctx, client.ObjectKeyFromObject(r), r)
			return err == nil && r.Status.Phase == want, fmt.Sprintf("%+v", r.Status), err
		})
	}
	phase(v1alpha1.ReissuePlanned, time.Minute)
	if s := r.Status; s.Selected != campaignSize || s.EstimatedDuration.Duration < campaignLeast || s.EstimatedDuration.Duration > campaignLeast+3*time.Second {
		t.Errorf("planned: %+v", s)
	}

	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"dryRun":false}}`))
	if err := campaigns.Patch(t.Context(), r, patch); err != nil {
		t.Fatal(err)
	}
	phase(v1alpha1.ReissueDone, campaignMost+time.Minute)
	s := r.Status
	if s.Done != campaignSize || s.Failed != 0 || s.Selected != campaignSize {
		t.Errorf("done: %+v", s)
	}
	took := s.CompletedAt.Sub(s.StartedAt.Time)
	t.Logf("%d certificates were issued anew in %s", campaignSize, took)
	if took < campaignLeast || took > campaignMost {
		t.Errorf("it took %s", took)
	}
	if n, err := p.atRevision(t.Context(), 2); n != campaignSize || err != nil {
		t.Errorf("%d have been issued anew once: %v", n, err)
	}
	for name, key := range p.publicKeys() {
		if key == before[name] {
			t.Errorf("%s has its former key", name)
		}
	}
}

// campaigns is a client for Reissues.
func (j *journey) campaigns() client.Client {
	j.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		j.Fatal(err)
	}
	c, err := client.New(j.config, client.Options{Scheme: scheme})
	if err != nil {
		j.Fatal(err)
	}
	return c
}

// atRevision counts the Certificates that have been issued so often.
func (j *journey) atRevision(ctx context.Context, revision int) (int, error) {
	var list cmv1.CertificateList
	err := j.api.List(ctx, &list, client.InNamespace(j.namespace))
	n := 0
	for i := range list.Items {
		if r := list.Items[i].Status.Revision; r != nil && *r == revision {
			n++
		}
	}
	return n, err
}

// publicKeys are those of the certificates in the Secrets, by name.
func (j *journey) publicKeys() map[string]string {
	j.Helper()
	var list corev1.SecretList
	if err := j.api.List(j.Context(), &list, client.InNamespace(j.namespace)); err != nil {
		j.Fatal(err)
	}
	keys := map[string]string{}
	for i := range list.Items {
		secret := &list.Items[i]
		if secret.Annotations[cmv1.CertificateNameKey] == "" {
			continue
		}
		leaf, err := testbed.Leaf(secret.Data[corev1.TLSCertKey])
		if err != nil {
			j.Fatal(err)
		}
		keys[secret.Name] = string(leaf.RawSubjectPublicKeyInfo)
	}
	return keys
}
