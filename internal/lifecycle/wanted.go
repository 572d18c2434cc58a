package lifecycle

import (
	"crypto/x509/pkix"
	"fmt"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// Wanted is what a Certificate's spec asks for, parsed.
type Wanted struct {
	Request  pki.Request
	Key      pki.KeySpec
	Encoding pki.Encoding
	Reuse    bool // rotationPolicy Never: keep the key that is there
	Duration time.Duration

	// Windows are those of spec.renewal. WindowsErr says why they can not be;
	// that is no reason not to issue.
	Windows    []RenewalWindow
	WindowsErr error
}

// ParseSpec reads a Certificate's spec. Its error is for the user: it names
// the field and says what is wrong. Most of it is refused at admission before
// it comes here.
func ParseSpec(spec *cmv1.CertificateSpec) (Wanted, error) {
	w := Wanted{
		Request: pki.Request{
			DNSNames:           spec.DNSNames,
			EmailAddresses:     spec.EmailAddresses,
			Usages:             usageNames(spec.Usages),
			EncodeUsages:       spec.EncodeUsagesInRequest == nil || *spec.EncodeUsagesInRequest,
			IsCA:               spec.IsCA,
			SignatureAlgorithm: string(spec.SignatureAlgorithm),
		},
		Duration: cmv1.DefaultCertificateDuration,
	}
	if spec.Duration != nil {
		w.Duration = spec.Duration.Duration
	}
	if k := spec.PrivateKey; k != nil {
		w.Key = pki.KeySpec{Algorithm: pki.Algorithm(k.Algorithm), Size: k.Size}
		w.Encoding = pki.Encoding(k.Encoding)
		w.Reuse = k.RotationPolicy == cmv1.RotationPolicyNever
	}
	if err := w.Key.Validate(); err != nil {
		return Wanted{}, fmt.Errorf("read spec.privateKey: %w", err)
	}
	if err := readSubject(spec, &w.Request); err != nil {
		return Wanted{}, err
	}
	var err error
	if w.Request.IPAddresses, err = pki.ParseIPAddresses(spec.IPAddresses); err != nil {
		return Wanted{}, fmt.Errorf("read spec.ipAddresses: %w", err)
	}
	if w.Request.URIs, err = pki.ParseURIs(spec.URIs); err != nil {
		return Wanted{}, fmt.Errorf("read spec.uris: %w", err)
	}
	for _, o := range spec.OtherNames {
		w.Request.OtherNames = append(w.Request.OtherNames, pki.OtherName{OID: o.OID, UTF8Value: o.UTF8Value})
	}
	if err := readNameConstraints(spec.NameConstraints, &w.Request); err != nil {
		return Wanted{}, err
	}
	if spec.Renewal != nil {
		w.Windows, w.WindowsErr = ParseWindows(spec.Renewal.Windows)
	}
	if nameless(spec) {
		return Wanted{}, fmt.Errorf("read spec: no name; set at least one of commonName, dnsNames, uris, emailAddresses, ipAddresses or otherNames")
	}
	return w, nil
}

func readSubject(spec *cmv1.CertificateSpec, r *pki.Request) error {
	if spec.LiteralSubject != "" {
		raw, err := pki.ParseLiteralSubject(spec.LiteralSubject)
		if err != nil {
			return fmt.Errorf("read spec.literalSubject: %w", err)
		}
		r.RawSubject = raw
		return nil
	}
	r.Subject = pkix.Name{CommonName: spec.CommonName}
	if s := spec.Subject; s != nil {
		r.Subject.Organization = s.Organizations
		r.Subject.OrganizationalUnit = s.OrganizationalUnits
		r.Subject.Country = s.Countries
		r.Subject.Locality = s.Localities
		r.Subject.Province = s.Provinces
		r.Subject.StreetAddress = s.StreetAddresses
		r.Subject.PostalCode = s.PostalCodes
		r.Subject.SerialNumber = s.SerialNumber
	}
	return nil
}

func readNameConstraints(nc *cmv1.NameConstraints, r *pki.Request) error {
	if nc == nil {
		return nil
	}
	permitted, err := subtrees("permitted", nc.Permitted)
	if err != nil {
		return err
	}
	excluded, err := subtrees("excluded", nc.Excluded)
	if err != nil {
		return err
	}
	r.NameConstraints = &pki.NameConstraints{Critical: nc.Critical, Permitted: permitted, Excluded: excluded}
	return nil
}

func subtrees(field string, item *cmv1.NameConstraintItem) (pki.NameSubtrees, error) {
	if item == nil {
		return pki.NameSubtrees{}, nil
	}
	ranges, err := pki.ParseIPRanges(item.IPRanges)
	if err != nil {
		return pki.NameSubtrees{}, fmt.Errorf("read spec.nameConstraints.%s.ipRanges: %w", field, err)
	}
	return pki.NameSubtrees{DNSDomains: item.DNSDomains, IPRanges: ranges, EmailAddresses: item.EmailAddresses, URIDomains: item.URIDomains}, nil
}

func nameless(spec *cmv1.CertificateSpec) bool {
	return spec.CommonName == "" && spec.LiteralSubject == "" &&
		len(spec.DNSNames)+len(spec.URIs)+len(spec.EmailAddresses)+len(spec.IPAddresses)+len(spec.OtherNames) == 0
}

func usageNames(usages []cmv1.KeyUsage) []string {
	if len(usages) == 0 {
		return nil
	}
	names := make([]string, len(usages))
	for i, u := range usages {
		names[i] = string(u)
	}
	return names
}
