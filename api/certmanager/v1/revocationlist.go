package v1

import corev1 "k8s.io/api/core/v1"

// What the operator says of the revocation lists of a CA issuer. All of this
// is an extension of Certwright.

// IssuerConditionRevocationList is on a CA issuer with spec.ca.crl: True if its
// revocation lists are signed, stored and kept fresh.
const IssuerConditionRevocationList IssuerConditionType = "RevocationList"

// Reasons of the condition RevocationList, and of the events about it.
const (
	// IssuerReasonListSigned: all is well. Status True.
	IssuerReasonListSigned = "ListSigned"
	// IssuerReasonListNearlyFull: all is well, but only for some more
	// revocations. Status True.
	IssuerReasonListNearlyFull = "ListNearlyFull"
	// IssuerReasonListFull: the lists are kept fresh, and take no more
	// revocations. Status False.
	IssuerReasonListFull = "ListFull"
	// IssuerReasonListNotSigned: the CA can not sign lists. Status False.
	IssuerReasonListNotSigned = "ListNotSigned"
	// IssuerReasonListNotStored: the lists can not be stored. Status False.
	IssuerReasonListNotStored = "ListNotStored"
)

// IssuerEventListRebuilt is the reason of the event of a CA issuer whose lists
// were gone and have been made again of what Revocations say.
const IssuerEventListRebuilt = "ListRebuilt"

// RevocationListSecretType is the type of a Secret with revocation lists. For
// each key of the CA it holds the list in DER, as <key identifier in
// hexadecimal>.crl, and beside it when the certificates on it expire, as
// <key identifier>.expiries.
const RevocationListSecretType corev1.SecretType = "certwright.dev/revocation-lists" //nolint:gosec // a type, and no secret

// RevocationListAnnotation on such a Secret describes, for people, the list of
// the key that the CA signs with.
const RevocationListAnnotation = "certwright.dev/revocation-list"

// RevocationListSecret is the name of the Secret with the revocation lists of
// an issuer; empty if it keeps none.
func RevocationListSecret(issuer GenericIssuer) string {
	ca := issuer.GetSpec().CA
	switch {
	case ca == nil || ca.CRL == nil:
		return ""
	case ca.CRL.SecretName != "":
		return ca.CRL.SecretName
	}
	return issuer.GetName() + "-crl"
}
