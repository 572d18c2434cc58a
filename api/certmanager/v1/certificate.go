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
// +kubebuilder:validation:XValidation:rule=`has(self.spec) || (oldSelf.hasValue() && !has(oldSelf.value().spec))`,message=`spec is required: say at least secretName, issuerRef and one name`,optionalOldSelf=true
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
//
// +kubebuilder:validation:XValidation:rule=`self.?commonName.orValue("") != "" || self.?dnsNames.orValue([]).size() > 0 || self.?ipAddresses.orValue([]).size() > 0 || self.?uris.orValue([]).size() > 0 || self.?emailAddresses.orValue([]).size() > 0 || self.?otherNames.orValue([]).size() > 0 || (has(self.literalSubject) && self.literalSubject.matches('(?i)(cn|2[.]5[.]4[.]3)[ ]*='))`,message=`set at least one of dnsNames, ipAddresses, uris, emailAddresses, otherNames, commonName, or a CN in literalSubject`
// +kubebuilder:validation:XValidation:rule=`self.?literalSubject.orValue("") == "" || self.?commonName.orValue("") == ""`,message=`literalSubject and commonName exclude each other: put the common name into literalSubject as CN=...`
// +kubebuilder:validation:XValidation:rule=`self.?literalSubject.orValue("") == "" || !has(self.subject) || (self.subject.?organizations.orValue([]).size() == 0 && self.subject.?countries.orValue([]).size() == 0 && self.subject.?organizationalUnits.orValue([]).size() == 0 && self.subject.?localities.orValue([]).size() == 0 && self.subject.?provinces.orValue([]).size() == 0 && self.subject.?streetAddresses.orValue([]).size() == 0 && self.subject.?postalCodes.orValue([]).size() == 0 && self.subject.?serialNumber.orValue("") == "")`,message=`literalSubject and subject exclude each other: put everything into literalSubject`
// +kubebuilder:validation:XValidation:rule=`!has(self.renewBefore) || !has(self.renewBeforePercentage)`,message=`renewBefore and renewBeforePercentage exclude each other: remove one`
// +kubebuilder:validation:XValidation:rule=`!has(self.renewBefore) || duration(self.renewBefore) < duration(self.?duration.orValue('2160h'))`,message=`renewBefore must be less than duration, which is 2160h if it is not set`
// +kubebuilder:validation:XValidation:rule=`!has(self.signatureAlgorithm) || self.signatureAlgorithm in {'RSA': ['SHA256WithRSA', 'SHA384WithRSA', 'SHA512WithRSA'], 'ECDSA': ['ECDSAWithSHA256', 'ECDSAWithSHA384', 'ECDSAWithSHA512'], 'Ed25519': ['PureEd25519']}[self.?privateKey.?algorithm.orValue('RSA')]`,message=`signatureAlgorithm must fit privateKey.algorithm: SHA...WithRSA for RSA (the default), ECDSAWithSHA... for ECDSA, PureEd25519 for Ed25519`
// +kubebuilder:validation:XValidation:rule=`!has(self.nameConstraints) || self.?isCA.orValue(false)`,message=`nameConstraints are for CAs only: set isCA to true or remove nameConstraints`
type CertificateSpec struct {
	// Distinguished name, besides the common name. Excludes literalSubject.
	// +optional
	Subject *X509Subject `json:"subject,omitempty"`

	// Distinguished name as a string of RFC 4514, where the order of its parts
	// or an attribute matters for which subject has no field. Excludes subject
	// and commonName.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`!self.matches('(?i)(^|[,+;])[ ]*(cn|2[.]5[.]4[.]3)[ ]*=[ ]*[^,+;"\\\\ ]{65,}')`,message=`the CN in literalSubject must be at most 64 bytes long`
	LiteralSubject string `json:"literalSubject,omitempty"`

	// Common name, at most 64 bytes. TLS clients look at dnsNames instead.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`bytes(self).size() <= 64`,message=`commonName must be at most 64 bytes long: leave it out and use dnsNames`
	CommonName string `json:"commonName,omitempty"`

	// Wanted lifetime, for example 2160h, at least 1h. The issuer may give
	// another. Empty means 90 days.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[-+]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[-+]?0$') && duration(self) >= duration('1h')`,message=`duration must be a Go duration of at least 1h, for example 2160h`
	Duration *metav1.Duration `json:"duration,omitempty"`

	// How long before its expiry the certificate is renewed, for example 360h,
	// at least 5m and less than duration. Empty means after two thirds of its
	// lifetime. Excludes renewBeforePercentage.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[-+]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[-+]?0$') && duration(self) >= duration('5m')`,message=`renewBefore must be a Go duration of at least 5m, for example 360h`
	RenewBefore *metav1.Duration `json:"renewBefore,omitempty"`

	// How much of its lifetime, in percent, is left when the certificate is
	// renewed: 25 renews after three quarters of it. From 1 to 99. Excludes
	// renewBefore.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self >= 1 && self <= 99`,message=`renewBeforePercentage must be from 1 to 99`
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
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.all(a, isIP(a) || a.matches('(?i)^[0:]+:ffff:[0-9a-f:.]+$'))`,message=`ipAddresses must be IP addresses, without a port or prefix length`
	IPAddresses []string `json:"ipAddresses,omitempty"`

	// URIs, for example SPIFFE IDs.
	// +optional
	// +listType=atomic
	URIs []string `json:"uris,omitempty"`

	// Names of other kinds.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	OtherNames []OtherName `json:"otherNames,omitempty"`

	// E-mail addresses, without a display name.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:MaxLength=320
	// +kubebuilder:validation:XValidation:rule=`self.all(a, a.matches('^[^<>@ ]+@[^<>@ ]+$'))`,message=`emailAddresses must be bare addresses such as jane@example.com, without a display name`
	EmailAddresses []string `json:"emailAddresses,omitempty"`

	// Name of the Secret, in the same namespace, that holds key and
	// certificate. No two Certificates may share one.
	// +kubebuilder:validation:XValidation:rule=`self.size() <= 253 && self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')`,message=`secretName must be a valid name of a Secret: lower case letters, digits, '-' and '.', at most 253 characters`
	SecretName string `json:"secretName"`

	// Labels and annotations to put on the Secret and to keep there.
	// +optional
	SecretTemplate *CertificateSecretTemplate `json:"secretTemplate,omitempty"`

	// Keystores to put into the Secret besides.
	// +optional
	Keystores *CertificateKeystores `json:"keystores,omitempty"`

	// Who issues the certificate. An Issuer is in the same namespace.
	// +kubebuilder:validation:XValidation:rule=`self.name != ""`,message=`issuerRef.name must not be empty`
	// +kubebuilder:validation:XValidation:rule=`!(self.?group.orValue("") in ["", 'cert-manager.io']) || self.?kind.orValue("") in ["", 'Issuer', 'ClusterIssuer']`,message=`issuerRef.kind must be Issuer or ClusterIssuer, or issuerRef.group must name the API group of the external issuer`
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
	// +kubebuilder:validation:XValidation:rule=`self >= 1`,message=`revisionHistoryLimit must be at least 1`
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`

	// Further forms of key and certificate to put into the Secret.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:XValidation:rule=`self.size() < 2 || (self.size() == 2 && self[0].type != self[1].type)`,message=`additionalOutputFormats must name each type only once`
	AdditionalOutputFormats []CertificateAdditionalOutputFormat `json:"additionalOutputFormats,omitempty"`

	// Which names the certificate, being that of a CA, may issue for (RFC 5280,
	// section 4.2.1.10). Only with isCA.
	// +optional
	NameConstraints *NameConstraints `json:"nameConstraints,omitempty"`

	// What becomes of the Secret when the Certificate is deleted: Retain keeps
	// it, Delete has it deleted. Empty means what the installation is
	// configured for, which is Retain by default. An extension of Certwright.
	// +optional
	SecretDeletionPolicy SecretDeletionPolicy `json:"secretDeletionPolicy,omitempty"`

	// When certificates of this Certificate are revoked without a person
	// asking: Never, OnDelete with the Certificate's deletion, OnReplace also
	// each time another certificate has taken the place of one that is still
	// valid. Who says anything but Never needs the permission to create
	// Revocations. An extension of Certwright; empty means Never.
	// +optional
	RevocationPolicy RevocationPolicy `json:"revocationPolicy,omitempty"`
}

// RevocationPolicy says when certificates are revoked without a person asking.
// +kubebuilder:validation:Enum=Never;OnDelete;OnReplace
type RevocationPolicy string

const (
	// RevocationPolicyNever leaves them to expire.
	RevocationPolicyNever RevocationPolicy = "Never"
	// RevocationPolicyOnDelete revokes the certificate in the Secret when the
	// Certificate is deleted.
	RevocationPolicyOnDelete RevocationPolicy = "OnDelete"
	// RevocationPolicyOnReplace does that, and revokes each certificate that
	// was replaced.
	RevocationPolicyOnReplace RevocationPolicy = "OnReplace"
)

// SecretDeletionPolicy says what becomes of a Secret whose Certificate is
// deleted.
// +kubebuilder:validation:Enum=Retain;Delete
type SecretDeletionPolicy string

const (
	// SecretDeletionPolicyRetain keeps the Secret.
	SecretDeletionPolicyRetain SecretDeletionPolicy = "Retain"
	// SecretDeletionPolicyDelete makes the Certificate the owner of the
	// Secret, so that both go together.
	SecretDeletionPolicyDelete SecretDeletionPolicy = "Delete"
)

// OtherName is a name of a kind that its OID says (RFC 5280, section 4.2.1.6).
//
// +kubebuilder:validation:XValidation:rule=`has(self.oid) && self.oid.matches('^[0-2]([.][0-9]+)+$')`,message=`oid must be an object identifier in dotted form, for example 1.3.6.1.4.1.311.20.2.3`
// +kubebuilder:validation:XValidation:rule=`self.?utf8Value.orValue("") != ""`,message=`utf8Value must not be empty`
type OtherName struct {
	// Object identifier, for example 1.3.6.1.4.1.311.20.2.3 for a user
	// principal name.
	// +optional
	// +kubebuilder:validation:MaxLength=400
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
//
// +kubebuilder:validation:XValidation:rule=`self.?windows.orValue([]).size() == 0 || has(self.policy)`,message=`renewal.policy must be set to RenewBefore when windows are set`
// +kubebuilder:validation:XValidation:rule=`self.?windows.orValue([]).size() == 0 || self.?policy.orValue("") != 'Disabled'`,message=`renewal.windows must be empty when renewal.policy is Disabled`
type CertificateRenewal struct {
	// RenewBefore, which is the default, renews some time before expiry.
	// Disabled never renews because of time. Required with windows.
	// +optional
	Policy CertificateRenewalPolicy `json:"policy,omitempty"`

	// Times at which renewal may begin. One that falls outside all of them
	// waits for the next.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
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
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[-+]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[-+]?0$') && duration(self) <= duration('2562047h')`,message=`must be a Go duration, for example 2160h or 1h30m`
	WindowDuration *metav1.Duration `json:"windowDuration,omitempty"`

	// When the window opens: minute, hour, day of month, month, day of week.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule=`self.matches('^((CRON_)?TZ=[^ ]+ )?[ ]*(@[^ ].*|[^ ]+([ ]+[^ ]+){4})[ ]*$')`,message=`cron must have five fields: minute, hour, day of month, month, day of week`
	Cron string `json:"cron,omitempty"`
}

// CertificateSecretTemplate is what to put on a Certificate's Secret.
type CertificateSecretTemplate struct {
	// Annotations to put on the Secret. None under cert-manager.io/, except
	// cert-manager.io/allow-direct-injection.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !k.startsWith('cert-manager.io/') || k == 'cert-manager.io/allow-direct-injection')`,message=`secretTemplate.annotations must not have keys under cert-manager.io/, except cert-manager.io/allow-direct-injection`
	Annotations map[string]string `json:"annotations,omitempty"`

	// Labels to put on the Secret.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// NameConstraints says which names a CA may issue for. At least one of
// permitted and excluded is set.
//
// +kubebuilder:validation:XValidation:rule=`has(self.permitted) || has(self.excluded)`,message=`nameConstraints must have permitted or excluded`
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
