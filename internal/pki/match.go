package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"
)

// RequestDiff compares what is wanted now with what a request asks for, and names the fields of the
// Certificate that differ, such as "spec.dnsNames"; nil when there is none. Names are compared as sets; so are
// the fields of the subject, while a literal subject must also have its order. Usages and isCA are compared
// only if the request says anything about them, a signature algorithm only if one is wanted.
func RequestDiff(want Request, csr *x509.CertificateRequest) []string {
	var diff []string
	note := func(same bool, field string) {
		if !same {
			diff = append(diff, field)
		}
	}
	note(sameSet(want.DNSNames, csr.DNSNames), "spec.dnsNames")
	note(sameSet(ipStrings(want.IPAddresses), ipStrings(csr.IPAddresses)), "spec.ipAddresses")
	note(sameSet(uriStrings(want.URIs), uriStrings(csr.URIs)), "spec.uris")
	note(sameSet(want.EmailAddresses, csr.EmailAddresses), "spec.emailAddresses")
	note(sameOtherNames(want.OtherNames, csr), "spec.otherNames")
	diff = append(diff, subjectDiff(&want, csr)...)

	if ext := findExtension(csr.Extensions, oidBasicConstraints); ext != nil {
		isCA, err := parseBasicConstraints(ext.Value)
		note(err == nil && isCA == want.IsCA, "spec.isCA")
	}
	note(checkUsages(csr, want.IsCA, want.Usages) == nil, "spec.usages")
	note(sameConstraints(want.NameConstraints, csr), "spec.nameConstraints")
	if want.SignatureAlgorithm != "" {
		note(signatureAlgorithms[want.SignatureAlgorithm] == csr.SignatureAlgorithm, "spec.signatureAlgorithm")
	}
	return diff
}

// subjectDiff names the fields of the subject that differ. The order of attributes is the business of the
// program that wrote them, unless the user has fixed it by a literal subject.
func subjectDiff(want *Request, csr *x509.CertificateRequest) []string {
	der, _, err := want.subject()
	if err == nil && sameSubject(der, csr.RawSubject) {
		return nil
	}
	if len(want.RawSubject) > 0 {
		return []string{"spec.literalSubject"}
	}
	a, b := &want.Subject, &csr.Subject
	var diff []string
	note := func(same bool, field string) {
		if !same {
			diff = append(diff, field)
		}
	}
	note(a.CommonName == b.CommonName, "spec.commonName")
	note(sameSet(a.Organization, b.Organization), "spec.subject.organizations")
	note(sameSet(a.OrganizationalUnit, b.OrganizationalUnit), "spec.subject.organizationalUnits")
	note(sameSet(a.Country, b.Country), "spec.subject.countries")
	note(sameSet(a.Locality, b.Locality), "spec.subject.localities")
	note(sameSet(a.Province, b.Province), "spec.subject.provinces")
	note(sameSet(a.StreetAddress, b.StreetAddress), "spec.subject.streetAddresses")
	note(sameSet(a.PostalCode, b.PostalCode), "spec.subject.postalCodes")
	note(a.SerialNumber == b.SerialNumber, "spec.subject.serialNumber")
	if diff == nil && (err != nil || !sameAttributes(der, csr.RawSubject)) {
		diff = []string{"spec.subject"} // an attribute that has no field
	}
	return diff
}

func sameOtherNames(want []OtherName, csr *x509.CertificateRequest) bool {
	var got []OtherName
	if ext := findExtension(csr.Extensions, oidSubjectAltName); ext != nil {
		var err error
		if got, err = parseOtherNames(ext.Value); err != nil {
			return false
		}
	}
	return sameSet(otherNameStrings(want), otherNameStrings(got))
}

func sameConstraints(want *NameConstraints, csr *x509.CertificateRequest) bool {
	wantExt, constrained, err := want.extension()
	if err != nil {
		return false
	}
	got := findExtension(csr.Extensions, oidNameConstraints)
	if !constrained || got == nil {
		return constrained == (got != nil)
	}
	wantSet, err := constraintSet(wantExt)
	if err != nil {
		return false
	}
	gotSet, err := constraintSet(*got)
	return err == nil && slices.Equal(wantSet, gotSet)
}

// CertificateDiff compares the names in a certificate with the wanted ones, for when the request it was
// made from is gone. It is looser than [RequestDiff] because a CA may override fields: a DNS name counts
// whether it is the common name or an alternative name, and nothing but names is looked at.
func CertificateDiff(want Request, cert *x509.Certificate) []string {
	commonName := want.Subject.CommonName
	if len(want.RawSubject) > 0 {
		// An unreadable subject has no common name, and so differs from any certificate that has one.
		commonName, _ = CommonName(want.RawSubject)
	}
	wantNames := withName(want.DNSNames, commonName)
	gotNames := withName(cert.DNSNames, cert.Subject.CommonName)
	var diff []string
	note := func(same bool, field string) {
		if !same {
			diff = append(diff, field)
		}
	}
	note((commonName == "" || slices.Contains(gotNames, commonName)) &&
		(cert.Subject.CommonName == "" || slices.Contains(wantNames, cert.Subject.CommonName)), "spec.commonName")
	note(containsAll(gotNames, want.DNSNames) && containsAll(wantNames, cert.DNSNames), "spec.dnsNames")
	note(sameSet(ipStrings(want.IPAddresses), ipStrings(cert.IPAddresses)), "spec.ipAddresses")
	note(sameSet(uriStrings(want.URIs), uriStrings(cert.URIs)), "spec.uris")
	note(sameSet(want.EmailAddresses, cert.EmailAddresses), "spec.emailAddresses")
	return diff
}

// CheckCSR makes sure that a request does not ask for more, or for something else, than the resource around
// it says: basic constraints, and usages, must be equal if the request has them. A request without these
// extensions passes.
func CheckCSR(csr *x509.CertificateRequest, isCA bool, usages []string) error {
	if ext := findExtension(csr.Extensions, oidBasicConstraints); ext != nil {
		got, err := parseBasicConstraints(ext.Value)
		if err != nil {
			return fmt.Errorf("check certificate request: %w", err)
		}
		if got != isCA {
			return fmt.Errorf("check certificate request: it asks for isCA %t, spec.isCA is %t", got, isCA)
		}
	}
	if err := checkUsages(csr, isCA, usages); err != nil {
		return fmt.Errorf("check certificate request: %w", err)
	}
	return nil
}

func checkUsages(csr *x509.CertificateRequest, isCA bool, usages []string) error {
	keyUsageExt := findExtension(csr.Extensions, oidKeyUsage)
	extKeyUsageExt := findExtension(csr.Extensions, oidExtKeyUsage)
	if keyUsageExt == nil && extKeyUsageExt == nil {
		return nil
	}
	want, wantExtended, err := ParseUsages(usages, isCA)
	if err != nil {
		return err
	}
	var got x509.KeyUsage
	if keyUsageExt != nil {
		if got, err = parseKeyUsage(keyUsageExt.Value); err != nil {
			return err
		}
	}
	if got != want {
		return errors.New("its key usages are not those of spec.usages")
	}
	var gotExtended []asn1.ObjectIdentifier
	if extKeyUsageExt != nil {
		if gotExtended, err = parseExtKeyUsage(extKeyUsageExt.Value); err != nil {
			return err
		}
	}
	if !sameSet(oidStrings(gotExtended), oidStrings(usageOIDs(wantExtended))) {
		return errors.New("its extended key usages are not those of spec.usages")
	}
	return nil
}

// CheckIssued makes sure that a certificate is one for the key of the request, and is not over already.
func CheckIssued(cert *x509.Certificate, csr *x509.CertificateRequest, now time.Time) error {
	if !SameKey(cert.PublicKey, csr.PublicKey) {
		return errors.New("check issued certificate: its public key is not that of the request")
	}
	if now.After(cert.NotAfter) {
		return fmt.Errorf("check issued certificate: it expired at %s", cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// sameSet compares without regard to order and repetition.
func sameSet(a, b []string) bool {
	if slices.Equal(a, b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	return slices.Equal(sortedSet(a), sortedSet(b))
}

func sortedSet(in []string) []string {
	out := slices.Sorted(slices.Values(in))
	return slices.Compact(out)
}

func containsAll(set, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(name string) bool { return !slices.Contains(set, name) })
}

func withName(names []string, commonName string) []string {
	if commonName == "" {
		return names
	}
	return append(slices.Clip(names), commonName)
}

func ipStrings(ips []net.IP) []string { return stringsOf(ips, net.IP.String) }

func uriStrings(uris []*url.URL) []string { return stringsOf(uris, (*url.URL).String) }

func oidStrings(oids []asn1.ObjectIdentifier) []string {
	return stringsOf(oids, asn1.ObjectIdentifier.String)
}

func otherNameStrings(names []OtherName) []string {
	return stringsOf(names, func(o OtherName) string { return o.OID + "=" + o.UTF8Value })
}

func stringsOf[T any](values []T, text func(T) string) []string {
	out := make([]string, len(values))
	for i, value := range values {
		out[i] = text(value)
	}
	return out
}
