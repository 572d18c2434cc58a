package pki

import (
	"bytes"
	"strings"
	"testing"
)

func literal(t testing.TB, s string) []byte {
	t.Helper()
	der, err := ParseLiteralSubject(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return der
}

// subjectText is what openssl makes of a subject, in the notation of RFC 2253.
func subjectText(t *testing.T, der []byte) string {
	t.Helper()
	_, encoded := newCSR(t, Request{RawSubject: der, DNSNames: []string{"a.example"}}, newECKey(t))
	text := openssl(t, encoded, "req", "-noout", "-subject", "-nameopt", "RFC2253,utf8,-esc_msb")
	return strings.TrimPrefix(text, "subject=")
}

func TestOpenSSLReadsLiteralSubjectsAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"CN=foo,OU=bar,O=baz":                    "CN=foo,OU=bar,O=baz",
		"cn=foo,ou=bar":                          "CN=foo,OU=bar",
		"CN = foo , OU = bar":                    "CN=foo,OU=bar",
		"CN=foo;OU=bar":                          "CN=foo,OU=bar",
		"UID=jsmith,DC=example,DC=net":           "UID=jsmith,DC=example,DC=net",
		"OU=Sales+CN=J. Smith,DC=example":        "CN=J. Smith+OU=Sales,DC=example", // DER sorts a set
		`CN=James \"Jim\" Smith\, III,DC=net`:    `CN=James \"Jim\" Smith\, III,DC=net`,
		`CN=Before\0dAfter`:                      `CN=Before\0DAfter`,
		`CN=Lu\C4\8Di\C4\87`:                     "CN=Lučić",
		"CN=Lučić":                               "CN=Lučić",
		`CN=\ both ends\ ,O=o`:                   `CN=\ both ends\ ,O=o`,
		"CN=a=b":                                 "CN=a=b",
		`CN=\#hash,O=a\+b\;c\<d\>e\\f`:           `CN=\#hash,O=a\+b\;c\<d\>e\\f`,
		"1.3.6.1.4.1.1466.0=#0c024869,O=Test":    "1.3.6.1.4.1.1466.0=#0C024869,O=Test",
		"2.5.4.3=by number":                      "CN=by number",
		"CN=#0c03616263":                         "CN=abc",
		"1.3.6.1.4.1.1466.0=#04024869":           "1.3.6.1.4.1.1466.0=#13024869",
		`CN="a<b>"`:                              `CN=\"a\<b\>\"`,
		"SERIALNUMBER=1,STREET=S,L=L,ST=P,C=NL":  "serialNumber=1,street=S,L=L,ST=P,C=NL",
		"CN=two,CN=names":                        "CN=two,CN=names",
		"":                                       "",
		"  ":                                     "",
		"O=,CN=empty value":                      "O=,CN=empty value",
		"1.3.6.1.4.1.99999.1=free text,CN=extra": "1.3.6.1.4.1.99999.1=#1309667265652074657874,CN=extra",
	} {
		t.Run(written, func(t *testing.T) {
			t.Parallel()
			if got := subjectText(t, literal(t, written)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestDomainComponentsAreIA5Strings(t *testing.T) {
	t.Parallel()
	if got := literal(t, "DC=net"); !bytes.Contains(got, []byte("\x16\x03net")) {
		t.Errorf("got %x", got)
	}
}

func TestLiteralSubjectsThatAreRefused(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"foo":              "a part has no equals sign",
		"CN=foo,":          "a part has no equals sign",
		",CN=foo":          "a part has no equals sign",
		"CN=foo,,OU=bar":   "a part has no equals sign",
		"CN=foo+":          "a part has no equals sign",
		"CN=foo,bar,O=baz": "a part has no equals sign",
		"CN=" + strings.Repeat("n", MaxCertificateSize): "36503 bytes are more than the limit of 36500",
		"X=foo":             `attribute name "X" is not known`,
		"=foo":              `attribute name "" is not known`,
		"EMAIL=a@b":         `attribute name "EMAIL" is not known`,
		"1.2.3.=x":          `attribute name "1.2.3." is not known`,
		"3.1=x":             `attribute name "3.1" is not known`,
		"1.02=x":            `attribute name "1.02" is not known`,
		"1.99999999999=x":   "is not known",
		"CN=a\x00b":         "a zero byte must be escaped",
		`CN=a\`:             "a backslash escapes neither",
		`CN=a\x`:            "a backslash escapes neither",
		`CN=a\0`:            "a backslash escapes neither",
		`CN=\ff`:            "not valid UTF-8",
		"CN=\xff":           "not valid UTF-8",
		"CN=#zz":            "value of CN: not hexadecimal",
		"CN=#":              "value of CN: not DER",
		"CN=#0402":          "value of CN: not DER",
		"CN=#040248690a":    "value of CN: not DER",
		"CN=#0c01ff":        "value of CN: not DER",
		"CN=#0401ff":        "value of CN: not a character string",
		"CN=#020101":        "value of CN: not a character string",
		"DC=bücher":         "outside ASCII",
		"CN=foo, OU = #zz,": "value of OU: not hexadecimal",
	} {
		_, err := ParseLiteralSubject(written)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "parse literal subject: ") {
			t.Errorf("%q: got %v, want %s", written, err, want)
		}
	}
}

func TestCommonNameOfASubject(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"O=org,CN=foo,C=NL": "foo",
		"OU=x+CN=foo":       "foo",
		"CN=first,CN=last":  "first", // the string is in reverse, so that this one is last
		"O=org":             "",
		"":                  "",
	} {
		if got, err := CommonName(literal(t, written)); err != nil || got != want {
			t.Errorf("%s: got %q and %v, want %q", written, got, err, want)
		}
	}
	_, err := CommonName([]byte{0x30, 0x00, 0x00})
	wantError(t, err, "parse subject: trailing bytes")
}

func FuzzParseLiteralSubject(f *testing.F) {
	for _, s := range []string{"CN=foo,OU=bar+O=baz", `CN=\ a\0d\,,DC=x`, "1.2.3=#04024869;C=NL", `CN=#0c03616263`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		der, err := ParseLiteralSubject(s)
		if err != nil {
			return
		}
		if _, err := parseSubject(der); err != nil {
			t.Fatalf("%q became a subject that cannot be read: %v", s, err)
		}
		if !sameSubject(der, literal(t, s)) {
			t.Fatalf("%q does not become the same subject twice", s)
		}
	})
}
