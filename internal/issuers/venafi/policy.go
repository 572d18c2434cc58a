package venafi

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"regexp"
	"strings"
)

// allowed says whether a zone allows a value; nil allows any.
type allowed func(value string) bool

// policy is what a zone allows. The server knows better, and fills in what is
// not in a signing request; so only what is there is looked at.
type policy struct {
	commonName, dns, ip, email, uri            allowed
	organization, organizationalUnit, locality allowed
	province, country                          allowed
	key                                        func(keyKind) bool // nil allows any
	said                                       string             // how people know the zone
}

// keyKind is a public key as policies speak of it.
type keyKind struct {
	algorithm string // RSA or EC
	bits      int    // of RSA
	curve     string // of EC: P256, P384, P521, ED25519
}

// String names the kind to people.
func (k keyKind) String() string {
	if k.algorithm == keyRSA {
		return fmt.Sprintf("RSA with %d bits", k.bits)
	}
	return "EC " + k.curve
}

const (
	keyRSA = "RSA"
	keyEC  = "EC"

	curveEd25519 = "ED25519"
)

// kindOf describes a public key. Other kinds are for the server to judge.
func kindOf(public any) (keyKind, bool) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return keyKind{algorithm: keyRSA, bits: key.N.BitLen()}, true
	case *ecdsa.PublicKey:
		return keyKind{algorithm: keyEC, curve: curveName(key.Params().Name)}, true
	case ed25519.PublicKey:
		return keyKind{algorithm: keyEC, curve: curveEd25519}, true
	}
	return keyKind{}, false
}

// curveName is the name of a curve as policies have it, whichever way it is
// written: P256, P-256, p256.
func curveName(name string) string {
	return strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(name), "-", ""))
}

// check says what the zone does not allow of a signing request: a *PolicyError,
// or nil.
func (p *policy) check(csr *x509.CertificateRequest) error {
	ips := make([]string, len(csr.IPAddresses))
	for i, ip := range csr.IPAddresses {
		ips[i] = ip.String()
	}
	uris := make([]string, len(csr.URIs))
	for i, uri := range csr.URIs {
		uris[i] = uri.String()
	}
	for _, part := range []struct {
		name   string
		allow  allowed
		values []string
	}{
		{"common name", p.commonName, []string{csr.Subject.CommonName}},
		{"DNS name", p.dns, csr.DNSNames},
		{"IP address", p.ip, ips},
		{"email address", p.email, csr.EmailAddresses},
		{"URI", p.uri, uris},
		{"organization", p.organization, csr.Subject.Organization},
		{"organizational unit", p.organizationalUnit, csr.Subject.OrganizationalUnit},
		{"locality", p.locality, csr.Subject.Locality},
		{"province", p.province, csr.Subject.Province},
		{"country", p.country, csr.Subject.Country},
	} {
		for _, value := range part.values {
			if value != "" && part.allow != nil && !part.allow(value) {
				return p.refuse(fmt.Sprintf("the %s %q", part.name, value))
			}
		}
	}
	if kind, known := kindOf(csr.PublicKey); known && p.key != nil && !p.key(kind) {
		return p.refuse(fmt.Sprintf("a key of the kind %s", kind))
	}
	return nil
}

func (p *policy) refuse(what string) error {
	return &PolicyError{Message: fmt.Sprintf("the policy of %s does not allow %s", p.said, what)}
}

// none allows nothing.
func none(string) bool { return false }

// matching allows what one of the expressions matches from its beginning to its
// end. They are written for another engine: of one that can not be read here,
// the server is the judge.
func matching(expressions []string) allowed {
	patterns := make([]*regexp.Regexp, len(expressions))
	for i, text := range expressions {
		pattern, err := regexp.Compile(`^(?:` + text + `)$`)
		if err != nil {
			return nil
		}
		patterns[i] = pattern
	}
	return func(value string) bool {
		for _, pattern := range patterns {
			if pattern.MatchString(value) {
				return true
			}
		}
		return false
	}
}
