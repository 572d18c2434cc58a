package pki

import (
	"crypto/x509"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
)

// annotationPrefix begins every annotation of a Secret with a certificate.
const annotationPrefix = "cert-manager.io/"

// SecretAnnotations describe the certificate in a Secret. The first four are always there, even when
// empty; the others only when the certificate has such a name. Lists are written by [JoinCSV].
func SecretAnnotations(cert *x509.Certificate) map[string]string {
	out := map[string]string{
		annotationPrefix + "common-name": cert.Subject.CommonName,
		annotationPrefix + "alt-names":   JoinCSV(cert.DNSNames),
		annotationPrefix + "ip-sans":     JoinCSV(ipStrings(cert.IPAddresses)),
		annotationPrefix + "uri-sans":    JoinCSV(uriStrings(cert.URIs)),
	}
	for _, list := range []struct {
		name   string
		values []string
	}{
		{"email-sans", cert.EmailAddresses},
		{"subject-organizations", cert.Subject.Organization},
		{"subject-organizationalunits", cert.Subject.OrganizationalUnit},
		{"subject-countries", cert.Subject.Country},
		{"subject-provinces", cert.Subject.Province},
		{"subject-localities", cert.Subject.Locality},
		{"subject-postalcodes", cert.Subject.PostalCode},
		{"subject-streetaddresses", cert.Subject.StreetAddress},
	} {
		if len(list.values) > 0 {
			out[annotationPrefix+list.name] = JoinCSV(list.values)
		}
	}
	if serial := cert.Subject.SerialNumber; serial != "" {
		out[annotationPrefix+"subject-serialnumber"] = serial
	}
	return out
}

// JoinCSV writes values as one record of RFC 4180, without a line end: values with a comma, a quote or a
// line break are quoted.
func JoinCSV(values []string) string {
	if len(values) == 1 && values[0] == "" {
		return `""` // an empty line would read as no value
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	// Neither call can fail: the only sources of errors are a bad separator and the writer below.
	_ = w.Write(values)
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// ParseCSV reads what [JoinCSV] wrote: the values of one record. The empty string has no values. A line break
// of two characters within a value reads as one.
func ParseCSV(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	r := csv.NewReader(strings.NewReader(s))
	r.FieldsPerRecord = -1
	records, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("parse comma-separated values: %w", err)
	}
	if len(records) != 1 {
		return nil, errors.New("parse comma-separated values: not exactly one line")
	}
	return records[0], nil
}
