package revocationlist

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"
)

func TestWhatIsNoListForTheCertificateIsRefused(t *testing.T) {
	t.Parallel()
	c := newCA(t, "ca", nil)
	extension := func(oid asn1.ObjectIdentifier, critical bool, value any) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			der, err := asn1.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: oid, Critical: critical, Value: der})
		}
	}
	type scope struct {
		UserOnly bool `asn1:"optional,tag:1"`
		Indirect bool `asn1:"optional,tag:4"`
	}
	forger := newCA(t, "ca", nil)
	unfit := newCA(t, "ca", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	rows := []struct {
		sentence string
		der      []byte
		issuer   *x509.Certificate
		want     string
	}{
		{"a list", c.list(t, start, map[int64]int{7: 1}, nil), c.cert, ""},
		{"one of several lists of a CA", c.list(t, start, nil, extension(oidDistributionPoint, true, scope{UserOnly: true})), c.cert, ""},
		{"an indirect list", c.list(t, start, nil, extension(oidDistributionPoint, true, scope{Indirect: true})), c.cert, "the list is about other certificates"},
		{"changes only", c.list(t, start, nil, extension(oidDeltaIndicator, true, 1)), c.cert, "the list has changes only"},
		{"an unknown extension", c.list(t, start, nil, extension(asn1.ObjectIdentifier{1, 2, 3}, true, 1)), c.cert, "the list has an extension 1.2.3 that is not understood"},
		{"an unknown extension that may be ignored", c.list(t, start, nil, extension(asn1.ObjectIdentifier{1, 2, 3}, false, 1)), c.cert, ""},
		{"an entry of another CA's certificate", c.list(t, start, nil, func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(7), RevocationTime: start, ExtraExtensions: []pkix.Extension{{Id: oidCertificateIssuer, Critical: true, Value: []byte{0x30, 0}}}}}
		}), c.cert, "the list has entries that mean something else than usual"},
		{"a list of another key", forger.list(t, start, nil, nil), c.cert, "the list is not signed by the CA"},
		{"a list of another CA", newCA(t, "other", nil).list(t, start, nil, nil), c.cert, "the list is of another CA"},
		{"a CA that must not sign lists", unfit.list(t, start, nil, nil), unfit.cert, "the CA's certificate does not allow it to sign revocation lists"},
		{"a list with something behind it", append(c.list(t, start, nil, nil), 0), c.cert, "what is there is no revocation list in DER"},
		{"a list whose entries were taken away", withoutEntries(t, c.list(t, start, map[int64]int{7: 1}, nil)), c.cert, "the list is not signed by the CA"},
		{"text", []byte("secret text"), c.cert, "what is there is no revocation list in DER"},
	}
	for _, row := range rows {
		_, err := readList(row.der, row.issuer)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: error %q, want %q", row.sentence, got, row.want)
		}
	}
}

func withoutEntries(t *testing.T, der []byte) []byte {
	t.Helper()
	_, _, head, err := split(der)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// The entries mean what they mean to x509.
func TestEntriesAreReadAsX509ReadsThem(t *testing.T) {
	t.Parallel()
	c := newCA(t, "ca", nil)
	der := c.list(t, start, map[int64]int{1: 0, 127: 1, 128: 9, 1 << 40: 4, 1<<62 + 1: 5}, func(l *x509.RevocationList) {
		large := new(big.Int).Lsh(big.NewInt(0xff), 8*maxSerial-8)
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: large, RevocationTime: time.Date(2051, 1, 2, 3, 4, 5, 0, time.UTC), ReasonCode: 3})
	})
	want, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readList(der, c.cert)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.entries) != len(want.RevokedCertificateEntries) || !got.thisUpdate.Equal(want.ThisUpdate) || !got.nextUpdate.Equal(want.NextUpdate) {
		t.Errorf("list %+v", got)
	}
	for _, e := range want.RevokedCertificateEntries {
		serial, ok := serialOf(e.SerialNumber)
		answer := got.answer(serial)
		if !ok || !answer.Revoked || !answer.At.Equal(e.RevocationTime) || answer.Reason != e.ReasonCode {
			t.Errorf("serial %d: %+v, want %s for reason %d", e.SerialNumber, answer, e.RevocationTime, e.ReasonCode)
		}
	}
}

func FuzzReadList(f *testing.F) {
	c := newCA(f, "ca", nil)
	f.Add(c.list(f, start, map[int64]int{7: 1, 8: 0}, nil))
	f.Add([]byte("no list"))
	f.Fuzz(func(t *testing.T, der []byte) {
		l, err := readList(der, c.cert)
		if (l == nil) == (err == nil) {
			t.Fatalf("list %v, error %v", l, err)
		}
	})
}

func BenchmarkReadListOf100000(b *testing.B) {
	c := newCA(b, "ca", nil)
	revoked := map[int64]int{}
	for serial := range int64(100_000) {
		revoked[serial+1] = 1
	}
	der := c.list(b, start, revoked, nil)
	b.SetBytes(int64(len(der)))
	for b.Loop() {
		if _, err := readList(der, c.cert); err != nil {
			b.Fatal(err)
		}
	}
}
