package lifecycle

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// violation is a reason why a Certificate's Secret is not what it should be.
type violation struct {
	reason  string // a CertificateReason constant
	message string // one clause, without a full stop
}

// policy looks at one thing that can be wrong. It returns nil if that is fine.
type policy func(seen *CertificateSeen, now time.Time) *violation

// wrong are the reasons, in the order of the contract (2.1), for which a
// Certificate is neither ready nor left alone.
var wrong = []policy{
	secretMissing,
	dataMissing,
	keyPairBroken,
	certificateTemporary,
	issuerDiffers,
	ownerDiffers,
	keyDoesNotFitSpec,
	keyNotOfRequest,
	requestDiffers,
}

// issuanceReasons decide whether to issue; readinessReasons whether the
// Certificate is Ready. A valid certificate stays Ready while it is renewed.
var (
	issuanceReasons  = append(append([]policy{replacementAsked, keyCompromised, certificateRevoked}, wrong...), unlessEnded(renewalDue), unlessEnded(caRotated))
	readinessReasons = append(append([]policy{}, wrong...), expired)
)

// unreadable are the reasons for which there is no certificate at all, invalid
// those for which there is none that has a validity to speak of.
var (
	unreadable = []policy{secretMissing, dataMissing, keyPairBroken}
	invalid    = append(append([]policy{}, unreadable...), certificateTemporary)
)

func firstViolation(policies []policy, seen *CertificateSeen, now time.Time) *violation {
	for _, p := range policies {
		if v := p(seen, now); v != nil {
			return v
		}
	}
	return nil
}

func secretMissing(seen *CertificateSeen, _ time.Time) *violation {
	if seen.Secret != nil {
		return nil
	}
	return &violation{cmv1.CertificateReasonDoesNotExist, fmt.Sprintf("Secret %q does not exist", seen.Certificate.Spec.SecretName)}
}

func dataMissing(seen *CertificateSeen, _ time.Time) *violation {
	for _, key := range []string{TLSKey, TLSCert} {
		if len(seen.Secret.Data[key]) == 0 {
			return &violation{cmv1.CertificateReasonMissingData, fmt.Sprintf("Secret %q has no %s", seen.Certificate.Spec.SecretName, key)}
		}
	}
	return nil
}

func keyPairBroken(seen *CertificateSeen, _ time.Time) *violation {
	s, name := seen.Secret, seen.Certificate.Spec.SecretName
	switch {
	case s.KeyErr != nil:
		return &violation{cmv1.CertificateReasonInvalidKeyPair, fmt.Sprintf("%s of Secret %q is not a private key: %v", TLSKey, name, s.KeyErr)}
	case s.ChainErr != nil:
		return &violation{cmv1.CertificateReasonInvalidCertificate, fmt.Sprintf("%s of Secret %q is not a certificate: %v", TLSCert, name, s.ChainErr)}
	case !pki.SameKey(s.PublicKey, s.Leaf().PublicKey):
		return &violation{cmv1.CertificateReasonInvalidKeyPair, fmt.Sprintf("the private key in Secret %q is not the certificate's", name)}
	}
	return nil
}

// certificateTemporary keeps a Certificate unready while its Secret holds the
// self-made stand-in of contract 2.5.
func certificateTemporary(seen *CertificateSeen, _ time.Time) *violation {
	if !pki.IsTemporary(seen.Secret.Leaf()) {
		return nil
	}
	return &violation{cmv1.CertificateReasonDoesNotExist, fmt.Sprintf("Secret %q holds a temporary certificate", seen.Certificate.Spec.SecretName)}
}

func issuerDiffers(seen *CertificateSeen, _ time.Time) *violation {
	a := seen.Secret.Annotations
	was := cmmeta.IssuerReference{
		Name:  a[cmv1.IssuerNameAnnotationKey],
		Kind:  a[cmv1.IssuerKindAnnotationKey],
		Group: a[cmv1.IssuerGroupAnnotationKey],
	}
	if SameIssuer(was, seen.Certificate.Spec.IssuerRef) {
		return nil
	}
	return &violation{cmv1.CertificateReasonIncorrectIssuer, fmt.Sprintf("Secret %q was issued by %s, not by %s",
		seen.Certificate.Spec.SecretName, issuerText(was), issuerText(seen.Certificate.Spec.IssuerRef))}
}

func ownerDiffers(seen *CertificateSeen, _ time.Time) *violation {
	owner, named := seen.Secret.Annotations[cmv1.CertificateNameKey]
	if !named || owner == seen.Certificate.Name {
		return nil
	}
	return &violation{cmv1.CertificateReasonIncorrectCertificate, fmt.Sprintf("Secret %q was issued for Certificate %q", seen.Certificate.Spec.SecretName, owner)}
}

func keyDoesNotFitSpec(seen *CertificateSeen, _ time.Time) *violation {
	if err := pki.KeyFits(seen.Secret.PublicKey, seen.Wanted.Key); err != nil {
		return &violation{cmv1.CertificateReasonSecretMismatch, fmt.Sprintf("the key in Secret %q does not fit spec.privateKey: %v", seen.Certificate.Spec.SecretName, err)}
	}
	return nil
}

func keyNotOfRequest(seen *CertificateSeen, _ time.Time) *violation {
	if seen.Current == nil || seen.Current.CSR == nil || pki.SameKey(seen.Current.CSR.PublicKey, seen.Secret.PublicKey) {
		return nil
	}
	return &violation{cmv1.CertificateReasonSecretMismatch, fmt.Sprintf("the key in Secret %q is not the one that CertificateRequest %q was made with",
		seen.Certificate.Spec.SecretName, seen.Current.Object.Name)}
}

func requestDiffers(seen *CertificateSeen, _ time.Time) *violation {
	if seen.Current != nil {
		if diff := differences(seen, seen.Current); len(diff) > 0 {
			return &violation{cmv1.CertificateReasonRequestChanged, "changed since the certificate was issued: " + strings.Join(diff, ", ")}
		}
		return nil
	}
	// Requests may have been deleted, or lost in a restore: then the
	// certificate itself has to tell whether it is still what is asked for.
	if diff := pki.CertificateDiff(seen.Wanted.Request, seen.Secret.Leaf()); len(diff) > 0 {
		return &violation{cmv1.CertificateReasonSecretMismatch, "the stored certificate differs from " + strings.Join(diff, ", ")}
	}
	return nil
}

func renewalDue(seen *CertificateSeen, now time.Time) *violation {
	plan := seen.renewal(now)
	if plan.At.IsZero() || now.Before(plan.At) {
		return nil
	}
	message := fmt.Sprintf("renewal was due at %s", plan.At.UTC().Format(time.RFC3339))
	return &violation{cmv1.CertificateReasonRenewing, joinNotes(joinNotes(message, plan.Why), plan.Note)}
}

func expired(seen *CertificateSeen, now time.Time) *violation {
	until := seen.Secret.Leaf().NotAfter
	if !now.After(until) {
		return nil
	}
	message := fmt.Sprintf("the certificate expired at %s", until.UTC().Format(time.RFC3339))
	if renewalDisabled(&seen.Certificate.Spec) {
		message += ", and spec.renewal.policy is Disabled; renew it by hand"
	} else if ended := seen.Revoked.Ended; ended != nil {
		message += fmt.Sprintf(", and Revocation %q asks for no other one; renew it by hand", ended.Name)
	}
	return &violation{cmv1.CertificateReasonExpired, message}
}

// differences lists the spec fields in which a request no longer is what the
// Certificate asks for.
func differences(seen *CertificateSeen, r *SeenRequest) []string {
	if r.CSR == nil {
		return []string{"spec.request"}
	}
	spec, req := &seen.Certificate.Spec, &r.Object.Spec
	diff := pki.RequestDiff(seen.Wanted.Request, r.CSR)
	if seen.Wanted.Request.EncodeUsages != saysUsages(r.CSR) {
		diff = append(diff, "spec.encodeUsagesInRequest")
	}
	if spec.IsCA != req.IsCA {
		diff = append(diff, "spec.isCA")
	}
	if !sameUsages(spec.Usages, req.Usages) {
		diff = append(diff, "spec.usages")
	}
	if spec.Duration != nil && req.Duration != nil && spec.Duration.Duration != req.Duration.Duration {
		diff = append(diff, "spec.duration")
	}
	if !SameIssuer(spec.IssuerRef, req.IssuerRef) {
		diff = append(diff, "spec.issuerRef")
	}
	return dedupe(diff)
}

// saysUsages says whether a signing request carries usages (RFC 5280, sections
// 4.2.1.3 and 4.2.1.12).
func saysUsages(csr *x509.CertificateRequest) bool {
	return slices.ContainsFunc(csr.Extensions, func(e pkix.Extension) bool {
		return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 15}) || e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37})
	})
}

// SameIssuer compares two references, where an empty kind or group is the
// default one (contract 1.1).
func SameIssuer(a, b cmmeta.IssuerReference) bool {
	return a.Name == b.Name && orElse(a.Kind, cmv1.IssuerKind) == orElse(b.Kind, cmv1.IssuerKind) &&
		orElse(a.Group, cmv1.GroupName) == orElse(b.Group, cmv1.GroupName)
}

func issuerText(ref cmmeta.IssuerReference) string {
	if ref.Name == "" {
		return "an unknown issuer"
	}
	text := orElse(ref.Kind, cmv1.IssuerKind)
	if group := orElse(ref.Group, cmv1.GroupName); group != cmv1.GroupName {
		text += "." + group
	}
	return fmt.Sprintf("%s %q", text, ref.Name)
}

// sameUsages compares as sets, where none at all stands for the default.
func sameUsages(a, b []cmv1.KeyUsage) bool {
	as, bs := usageSet(a), usageSet(b)
	if len(as) != len(bs) {
		return false
	}
	for u := range as {
		if !bs[u] {
			return false
		}
	}
	return true
}

func usageSet(usages []cmv1.KeyUsage) map[cmv1.KeyUsage]bool {
	if len(usages) == 0 {
		usages = cmv1.DefaultKeyUsages()
	}
	set := make(map[cmv1.KeyUsage]bool, len(usages))
	for _, u := range usages {
		set[u] = true
	}
	return set
}

func dedupe(in []string) []string {
	seen := make(map[string]bool, len(in))
	out := in[:0]
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
