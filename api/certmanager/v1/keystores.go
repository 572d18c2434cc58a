package v1

import (
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// CertificateAdditionalOutputFormat is a further form of key and certificate
// in a Certificate's Secret.
type CertificateAdditionalOutputFormat struct {
	// DER is the private key in DER, under key.der. CombinedPEM is private key
	// and chain in PEM, under tls-combined.pem.
	Type CertificateOutputFormatType `json:"type"`
}

// CertificateOutputFormatType is a further form of key and certificate.
// +kubebuilder:validation:Enum=DER;CombinedPEM
type CertificateOutputFormatType string

const (
	// CertificateOutputFormatDER is the private key in DER.
	CertificateOutputFormatDER CertificateOutputFormatType = "DER"
	// CertificateOutputFormatCombinedPEM is private key and chain in PEM.
	CertificateOutputFormatCombinedPEM CertificateOutputFormatType = "CombinedPEM"
)

// CertificateKeystores says which keystores to put into a Certificate's
// Secret.
type CertificateKeystores struct {
	// A Java keystore.
	// +optional
	JKS *JKSKeystore `json:"jks,omitempty"`

	// A PKCS#12 keystore (RFC 7292).
	// +optional
	PKCS12 *PKCS12Keystore `json:"pkcs12,omitempty"`
}

// JKSKeystore puts keystore.jks, and truststore.jks if the CA is known, into
// the Secret. Exactly one of passwordSecretRef and password is set.
//
// +kubebuilder:validation:XValidation:rule=`has(self.password) != (self.?passwordSecretRef.?name.orValue("") != "")`,message=`set exactly one of passwordSecretRef and password`
// +kubebuilder:validation:XValidation:rule=`!has(self.password) || self.password != ""`,message=`password must not be empty`
type JKSKeystore struct {
	// Whether to make the keystore.
	Create bool `json:"create"`

	// Alias of the key. Empty means certificate.
	// +optional
	Alias *string `json:"alias,omitempty"`

	// Password of both stores, in a Secret.
	// +optional
	PasswordSecretRef cmmeta.SecretKeySelector `json:"passwordSecretRef,omitempty"`

	// Password of both stores, for all to read who may read Certificates.
	// +optional
	Password *string `json:"password,omitempty"`
}

// PKCS12Keystore puts keystore.p12, and truststore.p12 if the CA is known,
// into the Secret. Exactly one of passwordSecretRef and password is set.
//
// +kubebuilder:validation:XValidation:rule=`has(self.password) != (self.?passwordSecretRef.?name.orValue("") != "")`,message=`set exactly one of passwordSecretRef and password`
// +kubebuilder:validation:XValidation:rule=`!has(self.password) || self.password != ""`,message=`password must not be empty`
type PKCS12Keystore struct {
	// Whether to make the keystore.
	Create bool `json:"create"`

	// Algorithms of both stores. Empty means LegacyRC2.
	// +optional
	Profile PKCS12Profile `json:"profile,omitempty"`

	// Password of both stores, in a Secret.
	// +optional
	PasswordSecretRef cmmeta.SecretKeySelector `json:"passwordSecretRef,omitempty"`

	// Password of both stores, for all to read who may read Certificates.
	// +optional
	Password *string `json:"password,omitempty"`
}

// PKCS12Profile is a set of algorithms of a PKCS#12 store.
// +kubebuilder:validation:Enum=LegacyRC2;LegacyDES;Modern2023;Modern2026
type PKCS12Profile string

const (
	// LegacyRC2PKCS12Profile is for very old readers. Weak.
	LegacyRC2PKCS12Profile PKCS12Profile = "LegacyRC2"
	// LegacyDESPKCS12Profile is for old readers. Weak.
	LegacyDESPKCS12Profile PKCS12Profile = "LegacyDES"
	// Modern2023PKCS12Profile is AES with PBKDF2, for readers since about 2019.
	Modern2023PKCS12Profile PKCS12Profile = "Modern2023"
	// Modern2026PKCS12Profile is as Modern2023, with PBMAC1 (RFC 9579).
	Modern2026PKCS12Profile PKCS12Profile = "Modern2026"
)
