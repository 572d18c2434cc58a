package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const week = 7 * 24 * time.Hour

// listCA is a CA that may sign lists.
func listCA(t testing.TB, spec KeySpec, change func(*x509.Certificate)) (authority, ListSigner) {
	t.Helper()
	a := authority{key: newKey(t, spec)}
	template := &x509.Certificate{
		SerialNumber: newSerial(t), Subject: pkix.Name{CommonName: "list CA"}, NotBefore: start.Add(-time.Hour), NotAfter: start.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if change != nil {
		change(template)
	}
	cert, err := Sign(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert = cert
	by, err := NewListSigner(cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return a, by
}

func signList(t testing.TB, by ListSigner, previous *RevocationList, now time.Time, add ...RevokedCertificate) *RevocationList {
	t.Helper()
	l, err := SignRevocationList(rand.Reader, by, previous, add, week, now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serials(l *RevocationList) []int64 {
	var all []int64
	for _, e := range l.Revoked {
		all = append(all, e.Serial.Int64())
	}
	return all
}

func TestOpenSSLReadsAListAndRefusesWhatIsOnIt(t *testing.T) {
	t.Parallel()
	for _, spec := range []KeySpec{{RSA, 2048}, {ECDSA, 256}, {ECDSA, 521}, {Ed25519, 0}} {
		ca, by := listCA(t, spec, nil)
		bad, good := ca.leaf(t, "bad.example"), ca.leaf(t, "good.example")
		l := signList(t, by, nil, start, RevokedCertificate{Serial: bad.cert.SerialNumber, At: start.Add(-time.Minute), Reason: 1, NotAfter: bad.cert.NotAfter},
			RevokedCertificate{Serial: big.NewInt(0x77), At: start})
		if !l.SignedBy(ca.cert) {
			t.Errorf("%v: the signature is not that of the CA", spec)
		}
		text := openssl(t, l.Raw, "crl", "-inform", "DER", "-noout", "-text", "-nameopt", "RFC2253")
		wantParts(t, text, "Version 2 (0x1)", "Issuer: CN=list CA", "Last Update: Mar 1 12:00:00 2026 GMT Next Update: Mar 8 12:00:00 2026 GMT",
			"X509v3 Authority Key Identifier:", "X509v3 CRL Number:", "Revocation Date: Mar 1 11:59:00 2026 GMT CRL entry extensions: X509v3 CRL Reason Code: Key Compromise",
			"Serial Number: 77 Revocation Date: Mar 1 12:00:00 2026 GMT Signature Algorithm")
		dir := t.TempDir()
		writeFile(t, dir+"/ca.pem", EncodeCertificates(ca.cert))
		writeFile(t, dir+"/crl.pem", run(t, "openssl", l.Raw, "crl", "-inform", "DER"))
		for name, leaf := range map[string]authority{"bad": bad, "good": good} {
			writeFile(t, dir+"/"+name, EncodeCertificates(leaf.cert))
			out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-x509_strict", "-crl_check", "-attime", "1772370000",
				"-CAfile", dir+"/ca.pem", "-CRLfile", dir+"/crl.pem", dir+"/"+name).CombinedOutput()
			if refused := err != nil && strings.Contains(string(out), "certificate revoked"); refused != (name == "bad") {
				t.Errorf("%v: openssl says of the %s certificate: %v\n%s", spec, name, err, out)
			}
		}
	}
}

func TestOpenSSLTakesTheListOfACAWithoutKeyUsageOrKeyIdentifier(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	dir := t.TempDir()
	text, err := EncodeKey(key, PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir+"/key.pem", text)
	ca := run(t, "openssl", nil, "req", "-x509", "-new", "-key", dir+"/key.pem", "-subj", "/CN=plain", "-days", "30", "-config", "/dev/null",
		"-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectKeyIdentifier=none", "-addext", "authorityKeyIdentifier=none")
	certs, err := DecodeCertificates(ca)
	if err != nil {
		t.Fatal(err)
	}
	if len(certs[0].SubjectKeyId) != 0 || certs[0].KeyUsage != 0 {
		t.Fatalf("openssl made a CA with key identifier %x and usage %d", certs[0].SubjectKeyId, certs[0].KeyUsage)
	}
	by, err := NewListSigner(certs[0], key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := authority{key: key, cert: certs[0]}.leaf(t, "leaf.example")
	now := certs[0].NotBefore
	l := signList(t, by, nil, now, RevokedCertificate{Serial: leaf.cert.SerialNumber, At: now})
	writeFile(t, dir+"/ca.pem", ca)
	writeFile(t, dir+"/leaf.pem", EncodeCertificates(leaf.cert))
	writeFile(t, dir+"/crl.pem", run(t, "openssl", l.Raw, "crl", "-inform", "DER"))
	out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-crl_check", "-attime", big.NewInt(now.Add(time.Hour).Unix()).String(),
		"-CAfile", dir+"/ca.pem", "-CRLfile", dir+"/crl.pem", dir+"/leaf.pem").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "certificate revoked") {
		t.Errorf("openssl says: %v\n%s", err, out)
	}
}

func TestACAThatMayNotSignListsIsToldSo(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*x509.Certificate)
		want   string
	}{
		"a key usage without crl sign": {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }, `lacks "crl sign"`},
		"no subject":                   {func(c *x509.Certificate) { c.Subject = pkix.Name{} }, "has no subject"},
		"an endless key identifier":    {func(c *x509.Certificate) { c.SubjectKeyId = make([]byte, 65) }, "longer than 64 bytes"},
	} {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: start, NotAfter: start.AddDate(1, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign,
		}
		row.change(template)
		key := newECKey(t)
		cert, err := Sign(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewListSigner(cert, key); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q", name, err, row.want)
		}
	}
}

func TestANumberNeverGoesBack(t *testing.T) {
	t.Parallel()
	_, by := listCA(t, KeySpec{Algorithm: ECDSA}, nil)
	first := signList(t, by, nil, start)
	if first.Number.Int64() != start.UnixMilli() {
		t.Errorf("the first number is %d, want the time %d", first.Number, start.UnixMilli())
	}
	again := signList(t, by, first, start)
	back := signList(t, by, again, start.Add(-time.Hour))
	if again.Number.Cmp(first.Number) <= 0 || back.Number.Cmp(again.Number) <= 0 {
		t.Errorf("numbers %d, %d, %d do not grow", first.Number, again.Number, back.Number)
	}
	if back.ThisUpdate.Before(first.ThisUpdate) || !back.NextUpdate.Equal(back.ThisUpdate.Add(week)) {
		t.Errorf("with a clock that was set back the list is of %s to %s", back.ThisUpdate, back.NextUpdate)
	}
	lost := signList(t, by, nil, start.Add(time.Second))
	if lost.Number.Cmp(back.Number) <= 0 {
		t.Errorf("after the lists were lost the number is %d, which is not after %d", lost.Number, back.Number)
	}
}

func TestAnEntryStaysUntilAListBeyondTheExpiryOfItsCertificate(t *testing.T) {
	t.Parallel()
	_, by := listCA(t, KeySpec{Algorithm: ECDSA}, nil)
	expiry := start.Add(24 * time.Hour)
	l := signList(t, by, nil, start,
		RevokedCertificate{Serial: big.NewInt(1), At: start, NotAfter: expiry},
		RevokedCertificate{Serial: big.NewInt(2), At: start, NotAfter: start.AddDate(1, 0, 0)},
		RevokedCertificate{Serial: big.NewInt(3), At: start})
	for _, row := range []struct {
		after time.Duration
		want  []int64
		why   string
	}{
		{12 * time.Hour, []int64{1, 2, 3}, "it has not expired"},
		{24*time.Hour + week + time.Minute, []int64{1, 2, 3}, "no list was signed after the expiry"},
		{24*time.Hour + week + time.Hour, []int64{2, 3}, "it was on a list after the expiry"},
		{5 * 365 * 24 * time.Hour, []int64{2, 3}, "the second was on no list after its expiry"},
		{5*365*24*time.Hour + time.Hour, []int64{3}, "of the third it is not known"},
	} {
		l = signList(t, by, l, start.Add(row.after))
		if diff := cmp.Diff(row.want, serials(l)); diff != "" {
			t.Errorf("after %s (%s), -want +got:\n%s", row.after, row.why, diff)
		}
	}
}

func TestAListSignedAfterExpiryKeepsAnEntryForAWholeValidity(t *testing.T) {
	t.Parallel()
	_, by := listCA(t, KeySpec{Algorithm: ECDSA}, nil)
	expiry := start.Add(time.Hour)
	l := signList(t, by, nil, start, RevokedCertificate{Serial: big.NewInt(1), At: start, NotAfter: expiry})
	l = signList(t, by, l, start.Add(2*time.Hour))
	l = signList(t, by, l, start.Add(3*time.Hour)) // because of another revocation
	if len(l.Revoked) != 1 {
		t.Error("the entry has gone before relying parties had to fetch a list")
	}
}

func TestARevocationIsOnTheListOnce(t *testing.T) {
	t.Parallel()
	_, by := listCA(t, KeySpec{Algorithm: ECDSA}, nil)
	l := signList(t, by, nil, start, RevokedCertificate{Serial: big.NewInt(5), At: start, Reason: 1}, RevokedCertificate{Serial: big.NewInt(5), At: start, Reason: 4})
	later := start.Add(time.Hour)
	l = signList(t, by, l, later, RevokedCertificate{Serial: big.NewInt(5), At: later, Reason: 4}, RevokedCertificate{Serial: big.NewInt(6), At: later})
	if diff := cmp.Diff([]int64{5, 6}, serials(l)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	entry, ok := l.Find(big.NewInt(5))
	if !ok || entry.Reason != 1 || !entry.At.Equal(start) {
		t.Errorf("the entry is %v of %s with reason %d, want the first one", ok, entry.At, entry.Reason)
	}
	if _, ok := l.Find(big.NewInt(7)); ok {
		t.Error("a serial number is found that is not there")
	}
	if _, ok := (*RevocationList)(nil).Find(big.NewInt(7)); ok {
		t.Error("a serial number is found on no list")
	}
}

func TestExpiriesAreOfOneList(t *testing.T) {
	t.Parallel()
	_, by := listCA(t, KeySpec{Algorithm: ECDSA}, nil)
	expiry := start.Add(90 * time.Second)
	l := signList(t, by, nil, start, RevokedCertificate{Serial: big.NewInt(1), At: start, NotAfter: expiry}, RevokedCertificate{Serial: big.NewInt(2), At: start},
		RevokedCertificate{Serial: big.NewInt(3), At: start, NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)})
	other := signList(t, by, l, start)
	for name, row := range map[string]struct {
		expiries []byte
		want     []time.Time
	}{
		"its own":         {l.Expiries(), []time.Time{start.Add(2 * time.Minute), {}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}},
		"of another list": {other.Expiries(), make([]time.Time, 3)},
		"cut off":         {l.Expiries()[:36], make([]time.Time, 3)},
		"none":            {nil, make([]time.Time, 3)},
	} {
		got, err := DecodeRevocationList(l.Raw, row.expiries)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range row.want {
			if !got.Revoked[i].NotAfter.Equal(want) {
				t.Errorf("%s: entry %d expires at %s, want %s", name, i, got.Revoked[i].NotAfter, want)
			}
		}
	}
}

func TestWhatIsNoListOfOursIsRefused(t *testing.T) {
	t.Parallel()
	ca, by := listCA(t, KeySpec{Algorithm: ECDSA}, nil)
	l := signList(t, by, nil, start)
	create := func(change func(*x509.RevocationList)) []byte {
		template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: start, NextUpdate: start.Add(week)}
		change(template)
		der, err := x509.CreateRevocationList(rand.Reader, template, ca.cert, ca.key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	entry := x509.RevocationListEntry{SerialNumber: big.NewInt(9), RevocationTime: start}
	for name, row := range map[string]struct {
		der  []byte
		want string
	}{
		"nothing":      {nil, "malformed crl"},
		"something":    {append(bytes.Clone(l.Raw), 0), "follows"},
		"cut off":      {l.Raw[:len(l.Raw)-1], "malformed"},
		"endless":      {make([]byte, MaxRevocationListSize+1), "more than the limit"},
		"number zero":  {create(func(r *x509.RevocationList) { r.Number = new(big.Int) }), "no number"},
		"no validity":  {create(func(r *x509.RevocationList) { r.NextUpdate = r.ThisUpdate }), "how long it is valid"},
		"serial twice": {create(func(r *x509.RevocationList) { r.RevokedCertificateEntries = []x509.RevocationListEntry{entry, entry} }), "twice"},
	} {
		if _, err := DecodeRevocationList(row.der, nil); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q", name, err, row.want)
		}
	}
	other, _ := listCA(t, KeySpec{Algorithm: ECDSA}, nil)
	if l.SignedBy(other.cert) {
		t.Error("a list is taken to be signed by another CA of the same name")
	}
}

func TestTenThousandEntriesFitASecret(t *testing.T) {
	t.Parallel()
	_, by := listCA(t, KeySpec{RSA, 2048}, nil)
	l := signList(t, by, nil, start, manyRevoked(t, 10_000)...)
	size := len(l.Raw) + len(l.Expiries())
	t.Logf("10,000 entries are %d bytes, and %d for the expiries", len(l.Raw), len(l.Expiries()))
	if size > 560_000 {
		t.Errorf("10,000 entries take %d bytes, want less than 560,000", size)
	}
}

func manyRevoked(t testing.TB, n int) []RevokedCertificate {
	all := make([]RevokedCertificate, n)
	for i := range all {
		all[i] = RevokedCertificate{Serial: newSerial(t), At: start, Reason: 1, NotAfter: start.AddDate(0, 3, 0)}
	}
	return all
}

func BenchmarkSignRevocationListOf10000(b *testing.B) {
	_, by := listCA(b, KeySpec{RSA, 2048}, nil)
	l := signList(b, by, nil, start, manyRevoked(b, 10_000)...)
	for b.Loop() {
		signList(b, by, l, start)
	}
}

func BenchmarkDecodeRevocationListOf10000(b *testing.B) {
	_, by := listCA(b, KeySpec{RSA, 2048}, nil)
	l := signList(b, by, nil, start, manyRevoked(b, 10_000)...)
	expiries := l.Expiries()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeRevocationList(l.Raw, expiries); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzDecodeRevocationList(f *testing.F) {
	_, by := listCA(f, KeySpec{Algorithm: ECDSA}, nil)
	l := signList(f, by, nil, start, RevokedCertificate{Serial: big.NewInt(1), At: start, Reason: 1, NotAfter: start}, RevokedCertificate{Serial: big.NewInt(2), At: start})
	f.Add(l.Raw, l.Expiries())
	f.Add(l.Raw, []byte(nil))
	f.Fuzz(func(t *testing.T, der, expiries []byte) {
		l, err := DecodeRevocationList(der, expiries)
		if err != nil {
			return
		}
		again, err := DecodeRevocationList(l.Raw, l.Expiries())
		if err != nil {
			t.Fatalf("what was read is refused when it is read again: %v", err)
		}
		if diff := cmp.Diff(l.Revoked, again.Revoked, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); diff != "" {
			t.Errorf("read again there are other entries (-want +got):\n%s", diff)
		}
		next, err := SignRevocationList(rand.Reader, by, l, nil, week, l.ThisUpdate)
		if err != nil {
			return // times and numbers that can not be written
		}
		for i := range next.Revoked {
			if e, ok := l.Find(next.Revoked[i].Serial); !ok || e.Reason != next.Revoked[i].Reason || !e.At.Equal(next.Revoked[i].At) {
				t.Errorf("entry %d has become another one: %v, was %v", i, next.Revoked[i], e)
			}
		}
	})
}

func TestACertificateOfOursMaySignListsWhenItsUsagesSaySo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		usages []string
		can    bool
	}{
		{[]string{"cert sign", "crl sign"}, true},
		{[]string{"crl sign", "digital signature"}, true},
		{[]string{"cert sign"}, false},
		{nil, false}, // the default, which is for leaves
	} {
		a := authority{}.issue(t, Request{Subject: pkix.Name{CommonName: "CA"}, Usages: row.usages, EncodeUsages: true}, Profile{IsCA: true, Usages: row.usages})
		if _, err := NewListSigner(a.cert, a.key); (err == nil) != row.can {
			t.Errorf("usages %v: %v", row.usages, err)
		}
	}
}
