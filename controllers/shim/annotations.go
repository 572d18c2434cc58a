package shim

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// names are what the annotations add to the hosts of the TLS section.
type names struct {
	common      string
	dns, ips    []string
	emails, uri []string
}

// reader reads the annotations of one object and collects what is wrong with
// them. Everything wrong is found at once, so that it is mended at once.
type reader struct {
	annotations map[string]string
	problems    []string
}

func (r *reader) wrong(key, format string, args ...any) {
	r.problems = append(r.problems, key+" "+fmt.Sprintf(format, args...))
}

// list reads values separated by commas. Blanks around them, and empty ones,
// do not count.
func (r *reader) list(key string) []string {
	var values []string
	for v := range strings.SplitSeq(r.annotations[key], ",") {
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// csv reads one record of RFC 4180: values that hold a comma are quoted.
func (r *reader) csv(key string) []string {
	values, err := pki.ParseCSV(r.annotations[key])
	if err != nil {
		r.wrong(key, `must be values separated by commas, with quotes around a value that holds a comma: One,"Two, Inc."`)
	}
	return values
}

func (r *reader) oneOf(key string, allowed ...string) string {
	v, ok := r.annotations[key]
	if ok && !slices.Contains(allowed, v) {
		r.wrong(key, "must be one of %s, not %q", strings.Join(allowed, ", "), v)
	}
	return v
}

func (r *reader) number(key string, low, high int32) *int32 {
	text, ok := r.annotations[key]
	if !ok {
		return nil
	}
	parsed, err := strconv.ParseInt(text, 10, 32)
	value := int32(parsed)
	if err != nil || value < low || value > high {
		r.wrong(key, "must be a whole number from %d to %d, not %q", low, high, text)
		return nil
	}
	return &value
}

func (r *reader) duration(key string, least time.Duration, example string) *metav1.Duration {
	text, ok := r.annotations[key]
	if !ok {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least {
		r.wrong(key, "must be a duration of at least %s such as %s, not %q", least, example, text)
		return nil
	}
	return &metav1.Duration{Duration: d}
}

func (r *reader) names() names {
	n := names{
		common: r.annotations[cmv1.CommonNameAnnotationKey],
		dns:    r.list(cmv1.AltNamesAnnotationKey),
		ips:    r.list(cmv1.IPSANAnnotationKey),
		emails: r.list(cmv1.EmailsAnnotationKey),
		uri:    r.list(cmv1.URISANAnnotationKey),
	}
	if len(n.common) > cmv1.MaximumCommonNameBytes {
		r.wrong(cmv1.CommonNameAnnotationKey, "must be at most %d bytes long: leave it out, TLS clients look at the hosts", cmv1.MaximumCommonNameBytes)
	}
	for _, ip := range n.ips {
		if a, err := netip.ParseAddr(ip); err != nil || a.Zone() != "" {
			r.wrong(cmv1.IPSANAnnotationKey, "must be IP addresses separated by commas, and %q is none", ip)
		}
	}
	for _, email := range n.emails {
		if a, err := mail.ParseAddress(email); err != nil || a.Address != email {
			r.wrong(cmv1.EmailsAnnotationKey, "must be bare addresses such as jane@example.com, and %q is none", email)
		}
	}
	for _, uri := range n.uri {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" {
			r.wrong(cmv1.URISANAnnotationKey, "must be URIs such as spiffe://example.com/app, and %q is none", uri)
		}
	}
	return n
}

// spec reads everything that all Certificates of the object have in common.
func (r *reader) spec() cmv1.CertificateSpec {
	return cmv1.CertificateSpec{
		Subject:               r.subject(),
		Duration:              r.duration(cmv1.DurationAnnotationKey, cmv1.MinimumCertificateDuration, "2160h"),
		RenewBefore:           r.renewBefore(),
		RenewBeforePercentage: r.number(cmv1.RenewBeforePercentageAnnotationKey, 1, 99),
		Usages:                r.usages(),
		PrivateKey:            r.privateKey(),
		SecretTemplate:        r.secretTemplate(),
		RevisionHistoryLimit:  r.number(cmv1.RevisionHistoryLimitAnnotationKey, 1, math.MaxInt32),
	}
}

func (r *reader) renewBefore() *metav1.Duration {
	before := r.duration(cmv1.RenewBeforeAnnotationKey, cmv1.MinimumRenewBefore, "360h")
	if before == nil {
		return nil
	}
	if _, both := r.annotations[cmv1.RenewBeforePercentageAnnotationKey]; both {
		r.wrong(cmv1.RenewBeforeAnnotationKey, "and %s exclude each other: remove one", cmv1.RenewBeforePercentageAnnotationKey)
	}
	lifetime := cmv1.DefaultCertificateDuration
	if d, err := time.ParseDuration(r.annotations[cmv1.DurationAnnotationKey]); err == nil {
		lifetime = d
	}
	if before.Duration >= lifetime {
		r.wrong(cmv1.RenewBeforeAnnotationKey, "must be less than %s, which is %s", cmv1.DurationAnnotationKey, lifetime)
	}
	return before
}

func (r *reader) subject() *cmv1.X509Subject {
	s := cmv1.X509Subject{
		Organizations:       r.csv(cmv1.SubjectOrganizationsAnnotationKey),
		OrganizationalUnits: r.csv(cmv1.SubjectOrganizationalUnitsAnnotationKey),
		Countries:           r.csv(cmv1.SubjectCountriesAnnotationKey),
		Provinces:           r.csv(cmv1.SubjectProvincesAnnotationKey),
		Localities:          r.csv(cmv1.SubjectLocalitiesAnnotationKey),
		PostalCodes:         r.csv(cmv1.SubjectPostalCodesAnnotationKey),
		StreetAddresses:     r.csv(cmv1.SubjectStreetAddressesAnnotationKey),
		SerialNumber:        r.annotations[cmv1.SubjectSerialNumberAnnotationKey],
	}
	if s.SerialNumber == "" && len(slices.Concat(s.Organizations, s.OrganizationalUnits, s.Countries, s.Provinces, s.Localities, s.PostalCodes, s.StreetAddresses)) == 0 {
		return nil
	}
	return &s
}

func (r *reader) usages() []cmv1.KeyUsage {
	listed := r.list(cmv1.UsagesAnnotationKey)
	if len(listed) == 0 {
		return cmv1.DefaultKeyUsages()
	}
	usages := make([]cmv1.KeyUsage, 0, len(listed))
	for _, u := range listed {
		if _, _, err := pki.ParseUsages([]string{u}, false); err != nil {
			r.wrong(cmv1.UsagesAnnotationKey, "must be usages such as \"digital signature,server auth\" separated by commas, and %q is none", u)
		}
		usages = append(usages, cmv1.KeyUsage(u))
	}
	return usages
}

func (r *reader) privateKey() *cmv1.CertificatePrivateKey {
	k := cmv1.CertificatePrivateKey{
		Algorithm: cmv1.PrivateKeyAlgorithm(r.oneOf(cmv1.PrivateKeyAlgorithmAnnotationKey,
			string(cmv1.RSAKeyAlgorithm), string(cmv1.ECDSAKeyAlgorithm), string(cmv1.Ed25519KeyAlgorithm))),
		Encoding: cmv1.PrivateKeyEncoding(r.oneOf(cmv1.PrivateKeyEncodingAnnotationKey, string(cmv1.PKCS1), string(cmv1.PKCS8))),
		RotationPolicy: cmv1.PrivateKeyRotationPolicy(r.oneOf(cmv1.PrivateKeyRotationPolicyAnnotationKey,
			string(cmv1.RotationPolicyAlways), string(cmv1.RotationPolicyNever))),
	}
	if bits := r.number(cmv1.PrivateKeySizeAnnotationKey, 1, cmv1.MaximumRSAKeySize); bits != nil {
		size := int(*bits)
		k.Size = size
		switch k.Algorithm {
		case "", cmv1.RSAKeyAlgorithm:
			if size < cmv1.MinimumRSAKeySize {
				r.wrong(cmv1.PrivateKeySizeAnnotationKey, "must be from %d to %d for RSA, not %d", cmv1.MinimumRSAKeySize, cmv1.MaximumRSAKeySize, size)
			}
		case cmv1.ECDSAKeyAlgorithm:
			if size != 256 && size != 384 && size != 521 {
				r.wrong(cmv1.PrivateKeySizeAnnotationKey, "must be 256, 384 or 521 for ECDSA, not %d", size)
			}
		case cmv1.Ed25519KeyAlgorithm: // has one size only, whatever is said
		}
	}
	if k == (cmv1.CertificatePrivateKey{}) {
		return nil
	}
	return &k
}

func (r *reader) secretTemplate() *cmv1.CertificateSecretTemplate {
	key := cmv1.IngressSecretTemplate
	text, ok := r.annotations[key]
	if !ok {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	t := &cmv1.CertificateSecretTemplate{}
	if err := decoder.Decode(t); err != nil || decoder.More() {
		r.wrong(key, `must be a JSON object with labels and annotations only, such as {"labels":{"team":"web"}}`)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(t.Annotations)) {
		if strings.HasPrefix(name, cmv1.GroupName+"/") && name != cmv1.AllowsInjectionFromSecretAnnotation {
			r.wrong(key, "must not have the annotation %s: those under %s/ are the operator's", name, cmv1.GroupName)
		}
	}
	for _, err := range validation.ValidateLabels(t.Labels, nil) {
		r.wrong(key, "has a label that is none: %s", err.Detail)
	}
	if len(t.Labels) == 0 && len(t.Annotations) == 0 {
		return nil
	}
	return t
}
