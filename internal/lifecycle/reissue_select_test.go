package lifecycle

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

func TestSelectorSelectsWhatFulfilsAllThatItSays(t *testing.T) {
	t.Parallel()
	w := newReissueWorld(t, 0, v1alpha1.ReissueSpec{})
	crt := w.certificate("www", 30*24*time.Hour)
	crt.Labels = map[string]string{"tier": "web"}
	crt.Spec.IssuerRef = cmmeta.IssuerReference{Name: "ca"}
	issued := crt.Status.NotBefore.Time
	at := func(d time.Duration) *metav1.Time { return stamp(issued.Add(d)) }
	labels := func(value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"tier": value}}
	}
	for _, row := range []struct {
		selector v1alpha1.ReissueSelector
		want     bool
	}{
		{v1alpha1.ReissueSelector{Labels: &metav1.LabelSelector{}}, true},
		{v1alpha1.ReissueSelector{Labels: labels("web")}, true},
		{v1alpha1.ReissueSelector{Labels: labels("db")}, false},
		{v1alpha1.ReissueSelector{IssuerRef: &cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}}, true},
		{v1alpha1.ReissueSelector{IssuerRef: &cmmeta.IssuerReference{Name: "ca", Kind: "ClusterIssuer"}}, false},
		{v1alpha1.ReissueSelector{IssuedBefore: at(time.Second)}, true},
		{v1alpha1.ReissueSelector{IssuedBefore: at(0)}, false},
		{v1alpha1.ReissueSelector{Labels: labels("web"), IssuedBefore: at(-time.Second)}, false},
	} {
		selection, err := ParseReissueSelector(&row.selector)
		if err != nil {
			t.Fatal(err)
		}
		if selection.Selects(crt) != row.want || selection.ByLeaf() {
			t.Errorf("%+v: want %v, and without a look at the certificate", row.selector, row.want)
		}
	}
}

func TestSelectorLooksIntoTheCertificate(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.issue(t, 90*day)
	leaf := w.see().Secret.Leaf()
	hash, err := pki.KeyHash(leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	none := strings.Repeat("0", 64)
	for _, row := range []struct {
		hash, algorithm string
		want            bool
	}{
		{hash, "", true},
		{none, "", false},
		{"", leaf.SignatureAlgorithm.String(), true},
		{"", "SHA1-RSA", false},
		{hash, "SHA1-RSA", false},
		{none, leaf.SignatureAlgorithm.String(), false},
	} {
		selector := v1alpha1.ReissueSelector{PublicKeyHash: row.hash, SignatureAlgorithm: row.algorithm}
		selection, err := ParseReissueSelector(&selector)
		if err != nil {
			t.Fatal(err)
		}
		if !selection.ByLeaf() || selection.SelectsLeaf(leaf) != row.want || selection.SelectsLeaf(nil) {
			t.Errorf("%+v", row)
		}
	}
}

func TestSelectorThatCanNotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for want, selector := range map[string]v1alpha1.ReissueSelector{
		"Around": {Labels: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "Around"}}}},
		"RSA2":   {SignatureAlgorithm: "RSA2"},
	} {
		if _, err := ParseReissueSelector(&selector); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
