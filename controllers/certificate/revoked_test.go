package certificate

import (
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
)

func TestWhoseListsAreRead(t *testing.T) {
	t.Parallel()
	acme := cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{}}
	leaf := &x509.Certificate{NotBefore: time.Unix(1000, 0), NotAfter: time.Unix(9000, 0), SerialNumber: big.NewInt(1)}
	at := func(seconds int64) *metav1.Time { return &metav1.Time{Time: time.Unix(seconds, 0)} }
	urged := cmv1.CertificateStatus{NotBefore: at(1000), NotAfter: at(9000), RenewalTime: at(3000), ACME: &cmv1.CertificateACMEStatus{ARI: &cmv1.CertificateACMEARIStatus{
		LastChecked: at(3000), SuggestedWindow: &cmv1.ACMERenewalWindow{Start: at(2000), End: at(2001)},
	}}}
	rows := []struct {
		sentence string
		issuer   cmv1.IssuerConfig
		source   lifecycle.ARISource
		status   cmv1.CertificateStatus
		want     bool
	}{
		{"an ACME CA without renewal information", acme, lifecycle.ARINone, cmv1.CertificateStatus{}, true},
		{"an ACME CA of which it is not known whether it has any", acme, lifecycle.ARIUnknown, cmv1.CertificateStatus{}, false},
		{"an ACME CA with renewal information", acme, lifecycle.ARIOffered, cmv1.CertificateStatus{}, false},
		{"an ACME CA that wants a renewal at once", acme, lifecycle.ARIOffered, urged, true},
		{"a CA that keeps lists", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{CRL: &cmv1.CAIssuerCRL{}}}, lifecycle.ARINone, cmv1.CertificateStatus{}, true},
		{"a CA that keeps none", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{}}, lifecycle.ARINone, cmv1.CertificateStatus{}, false},
		{"an issuer without a CA", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}, lifecycle.ARINone, cmv1.CertificateStatus{}, false},
	}
	for _, row := range rows {
		seen := &lifecycle.CertificateSeen{
			Certificate: &cmv1.Certificate{Status: row.status}, ARI: lifecycle.ARISeen{Source: row.source},
			Secret: &lifecycle.StoredSecret{Chain: []*x509.Certificate{leaf}},
		}
		if got := listTells(&cmv1.Issuer{Spec: cmv1.IssuerSpec{IssuerConfig: row.issuer}}, seen); got != row.want {
			t.Errorf("%s: %t, want %t", row.sentence, got, row.want)
		}
	}
}

func TestReasonsAreToldByTheirNames(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{0: "unspecified", 1: "keyCompromise", 4: "superseded", 6: "certificateHold", 10: "aACompromise", 7: "reason 7"} {
		if got := reasonText(code); got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
}

// A Revocation that a policy has just created has no status yet, and its
// Certificate is to be looked at nevertheless.
func TestRevocationWakesTheCertificateThatItNames(t *testing.T) {
	t.Parallel()
	r := &reconciler{}
	rev := &v1alpha1.Revocation{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", Annotations: map[string]string{cmv1.CertificateNameKey: "web"}}}
	var got []client.ObjectKey
	for _, request := range r.ofRevocation(t.Context(), rev) {
		got = append(got, request.NamespacedName)
	}
	if diff := cmp.Diff([]client.ObjectKey{{Namespace: "shop", Name: "web"}}, got); diff != "" {
		t.Error(diff)
	}
}

// What was in use is known when Secret and requests are gone.
func TestCertificatesInUseAreRemembered(t *testing.T) {
	t.Parallel()
	u, key := inUse{}, types.NamespacedName{Namespace: "shop", Name: "web"}
	cert := lifecycle.RevocableCertificate{Certificate: &x509.Certificate{Raw: []byte("a")}}
	if got := u.of(key, nil); got != nil {
		t.Errorf("remembered %+v of nothing", got)
	}
	u.of(key, []lifecycle.RevocableCertificate{cert})
	if got := u.of(key, nil); len(got) != 1 || got[0].Certificate != cert.Certificate {
		t.Errorf("remembered %+v", got)
	}
	u.forget(key)
	if got := u.of(key, nil); got != nil {
		t.Errorf("remembered %+v for ever", got)
	}
}
