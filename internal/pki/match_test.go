package pki

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRequestDiffNamesTheFieldThatChanged(t *testing.T) {
	t.Parallel()
	made := fullRequest(t)
	made.IsCA, made.EncodeBasicConstraints, made.SignatureAlgorithm = true, true, "ECDSAWithSHA256"
	made.NameConstraints = &NameConstraints{Permitted: NameSubtrees{DNSDomains: []string{"a", "b"}}}
	csr, _ := newCSR(t, made, newECKey(t))
	for _, test := range []struct {
		name   string
		change func(*Request)
		want   []string
	}{
		{"nothing", func(*Request) {}, nil},
		{"a DNS name more", func(r *Request) { r.DNSNames = append(slices.Clone(r.DNSNames), "new") }, []string{"spec.dnsNames"}},
		{"no DNS name", func(r *Request) { r.DNSNames = nil }, []string{"spec.dnsNames"}},
		{"order of DNS names", func(r *Request) { r.DNSNames = []string{"*.example.com", "app.example.com", "*.example.com"} }, nil},
		{"an IP address", func(r *Request) { r.IPAddresses = r.IPAddresses[:1] }, []string{"spec.ipAddresses"}},
		{"4 bytes for 16", func(r *Request) {
			r.IPAddresses = []net.IP{net.ParseIP("2001:db8::7"), net.ParseIP("192.0.2.7").To4()}
		}, nil},
		{"a URI", func(r *Request) { r.URIs = []*url.URL{parseURL(t, "spiffe://example.com/other")} }, []string{"spec.uris"}},
		{"an email address", func(r *Request) { r.EmailAddresses = []string{"dev@example.com"} }, []string{"spec.emailAddresses"}},
		{"value of an other name", func(r *Request) { r.OtherNames = []OtherName{{"1.3.6.1.4.1.311.20.2.3", "x"}} }, []string{"spec.otherNames"}},
		{"type of an other name", func(r *Request) { r.OtherNames = []OtherName{{"1.2.3", "üser@example.com"}} }, []string{"spec.otherNames"}},
		{"no other name", func(r *Request) { r.OtherNames = nil }, []string{"spec.otherNames"}},
		{"common name", func(r *Request) { r.Subject.CommonName = "x" }, []string{"spec.commonName"}},
		{"serial number", func(r *Request) { r.Subject.SerialNumber = "" }, []string{"spec.subject.serialNumber"}},
		{"organizations", func(r *Request) { r.Subject.Organization = nil }, []string{"spec.subject.organizations"}},
		{"order of organizations", func(r *Request) { r.Subject.Organization = []string{"Another", "Example"} }, nil},
		{"units", func(r *Request) { r.Subject.OrganizationalUnit = []string{"x"} }, []string{"spec.subject.organizationalUnits"}},
		{"countries", func(r *Request) { r.Subject.Country = []string{"NL", "BE"} }, []string{"spec.subject.countries"}},
		{"localities", func(r *Request) { r.Subject.Locality = []string{"x"} }, []string{"spec.subject.localities"}},
		{"provinces", func(r *Request) { r.Subject.Province = []string{"x"} }, []string{"spec.subject.provinces"}},
		{"streets", func(r *Request) { r.Subject.StreetAddress = []string{"x"} }, []string{"spec.subject.streetAddresses"}},
		{"postal codes", func(r *Request) { r.Subject.PostalCode = []string{"x"} }, []string{"spec.subject.postalCodes"}},
		{"an attribute without field", func(r *Request) {
			r.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidDomainComponent, Value: "net"}}
		}, []string{"spec.subject"}},
		{"subject given literally", func(r *Request) { r.RawSubject = literal(t, "CN=app.example.com") }, []string{"spec.literalSubject"}},
		{"a CA no more", func(r *Request) { r.IsCA = false }, []string{"spec.isCA", "spec.usages"}},
		{"one usage less", func(r *Request) { r.Usages = []string{"digital signature", "client auth"} }, []string{"spec.usages"}},
		{"another basic usage", func(r *Request) { r.Usages = []string{"client auth", "server auth", "crl sign"} }, []string{"spec.usages"}},
		{"order of usages", func(r *Request) { r.Usages = []string{"server auth", "client auth", "digital signature"} }, nil},
		{"a usage that is unknown", func(r *Request) { r.Usages = []string{"fun"} }, []string{"spec.usages"}},
		{"order of constraints", func(r *Request) {
			r.NameConstraints = &NameConstraints{Permitted: NameSubtrees{DNSDomains: []string{"b", "a"}}}
		}, nil},
		{"constraints critical", func(r *Request) {
			r.NameConstraints = &NameConstraints{Critical: true, Permitted: NameSubtrees{DNSDomains: []string{"a", "b"}}}
		}, []string{"spec.nameConstraints"}},
		{"permitted and excluded", func(r *Request) {
			r.NameConstraints = &NameConstraints{Excluded: NameSubtrees{DNSDomains: []string{"a", "b"}}}
		}, []string{"spec.nameConstraints"}},
		{"no constraints", func(r *Request) { r.NameConstraints = &NameConstraints{} }, []string{"spec.nameConstraints"}},
		{"constraints that cannot be", func(r *Request) {
			r.NameConstraints = &NameConstraints{Excluded: NameSubtrees{DNSDomains: []string{"ü"}}}
		}, []string{"spec.nameConstraints"}},
		{"signature algorithm", func(r *Request) { r.SignatureAlgorithm = "ECDSAWithSHA512" }, []string{"spec.signatureAlgorithm"}},
		{"any signature algorithm", func(r *Request) { r.SignatureAlgorithm = "" }, nil},
		{"an unknown signature algorithm", func(r *Request) { r.SignatureAlgorithm = "MD5" }, []string{"spec.signatureAlgorithm"}},
		{"two fields", func(r *Request) { r.URIs, r.Subject.CommonName = nil, "x" }, []string{"spec.uris", "spec.commonName"}},
	} {
		want := made
		test.change(&want)
		if diff := cmp.Diff(test.want, RequestDiff(want, csr)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestWhatARequestDoesNotSayIsNotCompared(t *testing.T) {
	t.Parallel()
	csr, _ := newCSR(t, Request{DNSNames: []string{"a.example"}}, newECKey(t))
	want := Request{DNSNames: []string{"a.example"}, Usages: []string{"code signing"}, EncodeUsages: true, IsCA: true, EncodeBasicConstraints: true}
	if diff := RequestDiff(want, csr); diff != nil {
		t.Errorf("differs in %v", diff)
	}
	if err := CheckCSR(csr, true, want.Usages); err != nil {
		t.Error(err)
	}
}

func TestLiteralSubjectIsComparedInOrderButNotByTypeOfString(t *testing.T) {
	t.Parallel()
	written := Request{RawSubject: literal(t, "CN=app,DC=example,DC=com"), DNSNames: []string{"a.example"}}
	// Other programs write domain components as printable strings.
	printable, err := asn1.Marshal(pkix.RDNSequence{
		{{Type: oidDomainComponent, Value: "com"}}, {{Type: oidDomainComponent, Value: "example"}}, {{Type: oidCommonName, Value: "app"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	csr, _ := newCSR(t, Request{RawSubject: printable, DNSNames: []string{"a.example"}}, newECKey(t))
	if diff := RequestDiff(written, csr); diff != nil {
		t.Errorf("differs in %v", diff)
	}
	for _, other := range []string{"DC=example,DC=com,CN=app", "CN=app,DC=com,DC=example", "CN=app+DC=example,DC=com", "CN=app,DC=example"} {
		changed := Request{RawSubject: literal(t, other), DNSNames: []string{"a.example"}}
		if diff := cmp.Diff([]string{"spec.literalSubject"}, RequestDiff(changed, csr)); diff != "" {
			t.Errorf("%s: %s", other, diff)
		}
	}
}

func TestOrderOfSubjectFieldsIsTheWritersBusiness(t *testing.T) {
	t.Parallel()
	csr, _ := newCSR(t, Request{RawSubject: literal(t, "C=NL,O=Org,CN=app"), DNSNames: []string{"a.example"}}, newECKey(t))
	want := Request{
		Subject:  pkix.Name{CommonName: "app", Organization: []string{"Org"}, Country: []string{"NL"}},
		DNSNames: []string{"a.example"},
	}
	if diff := RequestDiff(want, csr); diff != nil {
		t.Errorf("differs in %v", diff)
	}
}

func TestCertificateDiffAllowsACommonNameToBecomeAnAlternativeNameAndBack(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "ca")
	cert := ca.issue(t, Request{Subject: pkix.Name{CommonName: "a"}, DNSNames: []string{"b"}, IPAddresses: []net.IP{net.IPv4(1, 2, 3, 4)},
		EmailAddresses: []string{"e@a"}, URIs: []*url.URL{parseURL(t, "x:y")}}, Profile{}).cert
	base := Request{IPAddresses: cert.IPAddresses, EmailAddresses: cert.EmailAddresses, URIs: cert.URIs}
	for _, test := range []struct {
		name   string
		change func(*Request)
		want   []string
	}{
		{"equal", func(r *Request) { r.Subject.CommonName, r.DNSNames = "a", []string{"b"} }, nil},
		{"common name moved", func(r *Request) { r.DNSNames = []string{"a", "b"} }, nil},
		{"alternative name moved", func(r *Request) { r.Subject.CommonName, r.DNSNames = "b", []string{"a"} }, nil},
		{"literal common name", func(r *Request) { r.RawSubject, r.DNSNames = literal(t, "CN=a,O=x"), []string{"b"} }, nil},
		{"other common name", func(r *Request) { r.Subject.CommonName, r.DNSNames = "c", []string{"b"} }, []string{"spec.commonName"}},
		{"other literal name", func(r *Request) { r.RawSubject, r.DNSNames = literal(t, "CN=c"), []string{"b"} }, []string{"spec.commonName"}},
		{"a DNS name more", func(r *Request) { r.Subject.CommonName, r.DNSNames = "a", []string{"b", "c"} }, []string{"spec.dnsNames"}},
		{"a DNS name less", func(r *Request) { r.Subject.CommonName = "a" }, []string{"spec.dnsNames"}},
		{"nothing is left", func(r *Request) { *r = Request{} },
			[]string{"spec.commonName", "spec.dnsNames", "spec.ipAddresses", "spec.uris", "spec.emailAddresses"}},
		{"the rest of the subject", func(r *Request) {
			r.Subject, r.DNSNames = pkix.Name{CommonName: "a", Organization: []string{"o"}}, []string{"b"}
		}, nil},
	} {
		want := base
		test.change(&want)
		if diff := cmp.Diff(test.want, CertificateDiff(want, cert)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestACSRMustNotContradictTheResourceAroundIt(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	base := Request{DNSNames: []string{"a.example"}, EncodeUsages: true, EncodeBasicConstraints: true}
	for _, test := range []struct {
		name   string
		made   func(*Request)
		isCA   bool
		usages []string
		want   string
	}{
		{"default usages, said and unsaid", func(*Request) {}, false, []string{"key encipherment", "signing"}, ""},
		{"it wants to be a CA", func(r *Request) { r.IsCA = true }, false, nil, "it asks for isCA true, spec.isCA is false"},
		{"it does not want to be a CA", func(*Request) {}, true, nil, "it asks for isCA false, spec.isCA is true"},
		{"a CA signs", func(r *Request) { r.IsCA = true }, true, []string{"key encipherment", "digital signature", "cert sign"}, ""},
		{"more usages", func(r *Request) { r.Usages = []string{"cert sign"} }, false, nil, "its key usages are not those of spec.usages"},
		{"other extended usages", func(r *Request) { r.Usages = []string{"server auth"} }, false, []string{"client auth"}, "its extended key usages"},
		{"order", func(r *Request) { r.Usages = []string{"server auth", "client auth"} }, false, []string{"client auth", "server auth"}, ""},
		{"extended usages unsaid", func(r *Request) { r.Usages = []string{"signing"} }, false, []string{"signing", "client auth"}, "its extended key usages"},
		{"spec is wrong", func(*Request) {}, false, []string{"fun"}, `usage "fun" is not known`},
	} {
		request := base
		test.made(&request)
		csr, _ := newCSR(t, request, key)
		err := CheckCSR(csr, test.isCA, test.usages)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		wantError(t, err, "check certificate request: ", test.want)
	}
	for _, id := range []asn1.ObjectIdentifier{oidBasicConstraints, oidKeyUsage, oidExtKeyUsage} {
		csr := &x509.CertificateRequest{Extensions: []pkix.Extension{{Id: id, Value: []byte("x")}}}
		usages := []string{"server auth"} // so that no key usage is the right one
		wantError(t, CheckCSR(csr, false, usages), "check certificate request: parse ")
	}
}

func TestCheckIssued(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "ca")
	key := newECKey(t)
	csr, _ := newCSR(t, Request{DNSNames: []string{"a.example"}}, key)
	template, err := Template(csr, Profile{Duration: time.Hour}, newSerial(t), start)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := Sign(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckIssued(cert, csr, start.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	wantError(t, CheckIssued(cert, csr, start.Add(time.Hour+1)), "it expired at 2026-03-01T13:00:00Z")
	wantError(t, CheckIssued(ca.cert, csr, start), "its public key is not that of the request")
}
