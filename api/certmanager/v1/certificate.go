package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// CertificateKind is the kind of a Certificate.
const CertificateKind = "Certificate"

// Certificate asks that a Secret hold a private key and a certificate for it,
// and that the certificate be renewed before it expires.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName={cert,certs},categories=cert-manager
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`
// +kubebuilder:printcolumn:name="Secret",type="string",JSONPath=`.spec.secretName`
// +kubebuilder:printcolumn:name="Issuer",type="string",priority=1,JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Status",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].message`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type Certificate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the certificate is to be like. The schema alone would let it be
	// absent, a rule does not.
	// +optional
	Spec CertificateSpec `json:"spec"`
	// +optional
	Status CertificateStatus `json:"status"`
}

// CertificateList is a list of Certificates.
//
// +kubebuilder:object:root=true
type CertificateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Certificate `json:"items"`
}

// CertificateSpec says what the certificate is to be like, who issues it, and
// where it is kept.
type CertificateSpec struct {
	// Distinguished name, besides the common name. Excludes literalSubject.
	// +optional
	Subject *X509Subject `json:"subject,omitempty"`

	// Distinguished name as a string of RFC 4514, where the order of its parts
	// or an attribute matters for which subject has no field. Excludes subject
	// and commonName.
	// +optional
	LiteralSubject string `json:"literalSubject,omitempty"`

	// Common name, at most 64 bytes. TLS clients look at dnsNames instead.
	// +optional
	CommonName string `json:"commonName,omitempty"`

	// Wanted lifetime, for example 2160h, at least 1h. The issuer may give
	// another. Empty means 90 days.
	// +optional
	Duration *metav1.Duration `json:"duration,omitempty"`

	// How long before its expiry the certificate is renewed, for example 360h,
	// at least 5m and less than duration. Empty means after two thirds of its
	// lifetime. Excludes renewBeforePercentage.
	// +optional
	RenewBefore *metav1.Duration `json:"renewBefore,omitempty"`

	// How much of its lifetime, in percent, is left when the certificate is
	// renewed: 25 renews after three quarters of it. From 1 to 99. Excludes
	// renewBefore.
	// +optional
	RenewBeforePercentage *int32 `json:"renewBeforePercentage,omitempty"`

	// When renewal is allowed.
	// +optional
	Renewal *CertificateRenewal `json:"renewal,omitempty"`

	// DNS names, wildcards included.
	// +optional
	// +listType=atomic
	DNSNames []string `json:"dnsNames,omitempty"`

	// IP addresses.
	// +optional
	// +listType=atomic
	IPAddresses []string `json:"ipAddresses,omitempty"`

	// URIs, for example SPIFFE IDs.
	// +optional
	// +listType=atomic
	URIs []string `json:"uris,omitempty"`

	// Names of other kinds.
	// +optional
	// +listType=atomic
	OtherNames []OtherName `json:"otherNames,omitempty"`

	// E-mail addresses, without a display name.
	// +optional
	// +listType=atomic
	EmailAddresses []string `json:"emailAddresses,omitempty"`

	// Name of the Secret, in the same namespace, that holds key and
	// certificate. No two Certificates may share one.
	SecretName string `json:"secretName"`

	// Labels and annotations to put on the Secret and to keep there.
	// +optional
	SecretTemplate *CertificateSecretTemplate `json:"secretTemplate,omitempty"`

	// Keystores to put into the Secret besides.
	// +optional
	Keystores *CertificateKeystores `json:"keystores,omitempty"`

	// Who issues the certificate. An Issuer is in the same namespace.
	IssuerRef cmmeta.IssuerReference `json:"issuerRef"`

	// Ask for the certificate of a CA. Adds the usage "cert sign".
	// +optional
	IsCA bool `json:"isCA,omitempty"`

	// Key usages and extended key usages. Empty means digital signature and
	// key encipherment.
	// +optional
	// +listType=atomic
	Usages []KeyUsage `json:"usages,omitempty"`

	// The private key: RSA with 2048 bits, made anew for every certificate,
	// if nothing is said.
	// +optional
	PrivateKey *CertificatePrivateKey `json:"privateKey,omitempty"`

	// Signature algorithm of the certificate signing request. It must fit the
	// private key. The issuer chooses that of the certificate by its own key.
	// +optional
	SignatureAlgorithm SignatureAlgorithm `json:"signatureAlgorithm,omitempty"`

	// Whether the certificate signing request itself says the usages. Empty
	// means true; some CAs refuse such a request.
	// +optional
	EncodeUsagesInRequest *bool `json:"encodeUsagesInRequest,omitempty"`

	// How many CertificateRequests to keep, at least 1. Empty means 1.
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`

	// Further forms of key and certificate to put into the Secret.
	// +optional
	// +listType=atomic
	AdditionalOutputFormats []CertificateAdditionalOutputFormat `json:"additionalOutputFormats,omitempty"`

	// Which names the certificate, being that of a CA, may issue for (RFC 5280,
	// section 4.2.1.10). Only with isCA.
	// +optional
	NameConstraints *NameConstraints `json:"nameConstraints,omitempty"`
}

// OtherName is a name of a kind that its OID says (RFC 5280, section 4.2.1.6).
type OtherName struct {
	// Object identifier, for example 1.3.6.1.4.1.311.20.2.3 for a user
	// principal name.
	// +optional
	OID string `json:"oid,omitempty"`

	// The name, which is encoded as a UTF8String.
	// +optional
	UTF8Value string `json:"utf8Value,omitempty"`
}

// X509Subject is a distinguished name without the common name.
type X509Subject struct {
	// Organizations (O).
	// +optional
	// +listType=atomic
	Organizations []string `json:"organizations,omitempty"`
	// Countries (C).
	// +optional
	// +listType=atomic
	Countries []string `json:"countries,omitempty"`
	// Organizational units (OU).
	// +optional
	// +listType=atomic
	OrganizationalUnits []string `json:"organizationalUnits,omitempty"`
	// Localities (L).
	// +optional
	// +listType=atomic
	Localities []string `json:"localities,omitempty"`
	// States or provinces (ST).
	// +optional
	// +listType=atomic
	Provinces []string `json:"provinces,omitempty"`
	// Street addresses (STREET).
	// +optional
	// +listType=atomic
	StreetAddresses []string `json:"streetAddresses,omitempty"`
	// Postal codes.
	// +optional
	// +listType=atomic
	PostalCodes []string `json:"postalCodes,omitempty"`
	// Serial number of the subject, not of the certificate.
	// +optional
	SerialNumber string `json:"serialNumber,omitempty"`
}

// CertificateRenewal says when renewal is allowed.
type CertificateRenewal struct {
	// RenewBefore, which is the default, renews some time before expiry.
	// Disabled never renews because of time. Required with windows.
	// +optional
	Policy CertificateRenewalPolicy `json:"policy,omitempty"`

	// Times at which renewal may begin. One that falls outside all of them
	// waits for the next.
	// +optional
	// +listType=atomic
	Windows []CertificateRenewalWindows `json:"windows,omitempty"`
}

// CertificateRenewalPolicy says whether time makes a certificate be renewed.
// +kubebuilder:validation:Enum=RenewBefore;Disabled
type CertificateRenewalPolicy string

const (
	// CertificateRenewalPolicyRenewBefore renews some time before expiry.
	CertificateRenewalPolicyRenewBefore CertificateRenewalPolicy = "RenewBefore"
	// CertificateRenewalPolicyDisabled never renews because of time.
	CertificateRenewalPolicyDisabled CertificateRenewalPolicy = "Disabled"
)

// CertificateRenewalWindows is a time that comes again and again.
type CertificateRenewalWindows struct {
	// IANA name of the time zone, for example Europe/Vienna. Empty means UTC.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Timezone string `json:"timezone,omitempty"`

	// How long the window stays open, for example 2h30m.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(s|m|h))+$`
	WindowDuration *metav1.Duration `json:"windowDuration,omitempty"`

	// When the window opens: minute, hour, day of month, month, day of week.
	// +required
	// +kubebuilder:validation:MinLength=1
	Cron string `json:"cron,omitempty"`
}

// CertificateSecretTemplate is what to put on a Certificate's Secret.
type CertificateSecretTemplate struct {
	// Annotations to put on the Secret. None under cert-manager.io/, except
	// cert-manager.io/allow-direct-injection.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Labels to put on the Secret.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// NameConstraints says which names a CA may issue for. At least one of
// permitted and excluded is set.
type NameConstraints struct {
	// Whether a client that does not know name constraints has to refuse the
	// CA.
	// +optional
	Critical bool `json:"critical,omitempty"`

	// What the CA may issue for.
	// +optional
	Permitted *NameConstraintItem `json:"permitted,omitempty"`

	// What the CA may not issue for, even if it is permitted.
	// +optional
	Excluded *NameConstraintItem `json:"excluded,omitempty"`
}

// NameConstraintItem is a set of names.
type NameConstraintItem struct {
	// Domains, with everything below them.
	// +optional
	// +listType=atomic
	DNSDomains []string `json:"dnsDomains,omitempty"`

	// IP ranges in CIDR form.
	// +optional
	// +listType=atomic
	IPRanges []string `json:"ipRanges,omitempty"`

	// E-mail addresses, hosts, or domains with a leading dot.
	// +optional
	// +listType=atomic
	EmailAddresses []string `json:"emailAddresses,omitempty"`

	// Hosts of URIs, or domains with a leading dot.
	// +optional
	// +listType=atomic
	URIDomains []string `json:"uriDomains,omitempty"`
}
