package lifecycle

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/pki"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

func TestOrderSaysThatClientAuthWasLeftOut(t *testing.T) {
	t.Parallel()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		asked  []string
		issued []x509.ExtKeyUsage
		says   bool
	}{
		{[]string{"server auth", "client auth"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, true},
		{[]string{"server auth", "client auth"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, false},
		{[]string{"server auth"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, false},
	} {
		csr, err := pki.CreateRequest(rand.Reader, pki.Request{DNSNames: []string{"a.example.com"}, Usages: row.asked, EncodeUsages: true}, key)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a.example.com"}, NotAfter: acmeSimStart, ExtKeyUsage: row.issued}
		cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		d := NextOrder(seenOrder(func(s *OrderSeen) {
			s.CA.State, s.Order.Spec.Request, s.Chain = acmev1.Valid, csr, pki.EncodeCertificates(cert)
		}), acmeSimStart)
		said := len(d.Events) == 2 && d.Events[1].Reason == OrderEventUsages && strings.Contains(d.Events[1].Message, "client auth")
		if d.Status.State != acmev1.Valid || said != row.says {
			t.Errorf("asked for %v, issued %v: %s, events %v", row.asked, row.issued, d.Status.State, d.Events)
		}
	}
}
