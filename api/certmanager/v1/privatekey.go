package v1

// CertificatePrivateKey says what the private key of a Certificate is to be
// like.
//
// +kubebuilder:validation:XValidation:rule=`self.?algorithm.orValue('RSA') != 'RSA' || self.?size.orValue(0) == 0 || (self.size >= 2048 && self.size <= 8192)`,message=`privateKey.size must be from 2048 to 8192 for RSA, which is the default algorithm`
// +kubebuilder:validation:XValidation:rule=`self.?algorithm.orValue('RSA') != 'ECDSA' || self.?size.orValue(0) in [0, 256, 384, 521]`,message=`privateKey.size must be 256, 384 or 521 for ECDSA`
type CertificatePrivateKey struct {
	// Whether every certificate gets a new key (Always) or the Secret's key is
	// kept (Never). Empty means Always.
	// +optional
	RotationPolicy PrivateKeyRotationPolicy `json:"rotationPolicy,omitempty"`

	// How the key is encoded in the Secret. Empty means PKCS1, which for an
	// ECDSA key is SEC 1. Ed25519 keys are always PKCS8.
	// +optional
	Encoding PrivateKeyEncoding `json:"encoding,omitempty"`

	// Algorithm of the key. Empty means RSA.
	// +optional
	Algorithm PrivateKeyAlgorithm `json:"algorithm,omitempty"`

	// Size of the key in bits. RSA: 2048 to 8192, by default 2048. ECDSA: 256,
	// 384 or 521, by default 256. Without effect for Ed25519.
	// +optional
	Size int `json:"size,omitempty"`
}

// PrivateKeyRotationPolicy says whether every certificate gets a new key.
// +kubebuilder:validation:Enum=Never;Always
type PrivateKeyRotationPolicy string

const (
	// RotationPolicyNever keeps the Secret's key for as long as it fits the
	// spec.
	RotationPolicyNever PrivateKeyRotationPolicy = "Never"
	// RotationPolicyAlways makes a new key for every certificate.
	RotationPolicyAlways PrivateKeyRotationPolicy = "Always"
)

// PrivateKeyEncoding is how a private key is encoded.
// +kubebuilder:validation:Enum=PKCS1;PKCS8
type PrivateKeyEncoding string

const (
	// PKCS1 is RFC 8017, appendix A.1.2, for RSA, and RFC 5915 (SEC 1) for
	// ECDSA.
	PKCS1 PrivateKeyEncoding = "PKCS1"
	// PKCS8 is RFC 5208.
	PKCS8 PrivateKeyEncoding = "PKCS8"
)

// PrivateKeyAlgorithm is the algorithm of a private key.
// +kubebuilder:validation:Enum=RSA;ECDSA;Ed25519
type PrivateKeyAlgorithm string

const (
	// RSAKeyAlgorithm is RSA.
	RSAKeyAlgorithm PrivateKeyAlgorithm = "RSA"
	// ECDSAKeyAlgorithm is ECDSA over P-256, P-384 or P-521.
	ECDSAKeyAlgorithm PrivateKeyAlgorithm = "ECDSA"
	// Ed25519KeyAlgorithm is Ed25519 (RFC 8032).
	Ed25519KeyAlgorithm PrivateKeyAlgorithm = "Ed25519"
)

// SignatureAlgorithm is how a certificate signing request is signed.
// +kubebuilder:validation:Enum=SHA256WithRSA;SHA384WithRSA;SHA512WithRSA;ECDSAWithSHA256;ECDSAWithSHA384;ECDSAWithSHA512;PureEd25519
type SignatureAlgorithm string

// Signature algorithms, by the name that crypto/x509 also has for them.
const (
	SHA256WithRSA   SignatureAlgorithm = "SHA256WithRSA"
	SHA384WithRSA   SignatureAlgorithm = "SHA384WithRSA"
	SHA512WithRSA   SignatureAlgorithm = "SHA512WithRSA"
	ECDSAWithSHA256 SignatureAlgorithm = "ECDSAWithSHA256"
	ECDSAWithSHA384 SignatureAlgorithm = "ECDSAWithSHA384"
	ECDSAWithSHA512 SignatureAlgorithm = "ECDSAWithSHA512"
	PureEd25519     SignatureAlgorithm = "PureEd25519"
)
