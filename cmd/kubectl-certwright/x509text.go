package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"
)

// names lists what a certificate is for: its subject alternative names, or its
// subject if it has none.
func names(cert *x509.Certificate) []string {
	all := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	for _, u := range cert.URIs {
		all = append(all, u.String())
	}
	all = append(all, cert.EmailAddresses...)
	if len(all) == 0 {
		all = append(all, cert.Subject.String())
	}
	return all
}

// keyHash is what a CompromisedKey of the certificate's key is called, and what
// `reissue --key-hash` takes.
func keyHash(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// short is a duration in its two largest units at most: 89d, 3h20m, 45s.
func short(d time.Duration) string {
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	two := func(a int, aUnit string, b int, bUnit string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s", a, aUnit)
		}
		return fmt.Sprintf("%d%s%d%s", a, aUnit, b, bUnit)
	}
	switch {
	case days >= 10:
		return fmt.Sprintf("%dd", days)
	case days > 0:
		return two(days, "d", hours, "h")
	case hours > 0:
		return two(hours, "h", minutes, "m")
	case minutes > 0:
		return two(minutes, "m", seconds, "s")
	default:
		return fmt.Sprintf("%ds", seconds)
	}
}

// serialOf is a serial number as openssl and the status of a Revocation write
// it: two digits for each byte.
func serialOf(cert *x509.Certificate) string {
	return hex.EncodeToString(cert.SerialNumber.Bytes())
}
