package v1

import "time"

// Defaults and limits of a Certificate. Wire contract, section 1.2.
const (
	// DefaultCertificateDuration is the lifetime of a certificate that names
	// none: 90 days.
	DefaultCertificateDuration = 90 * 24 * time.Hour
	// MinimumCertificateDuration is the shortest lifetime that may be asked for.
	MinimumCertificateDuration = time.Hour
	// MinimumRenewBefore is the smallest renewBefore.
	MinimumRenewBefore = 5 * time.Minute
	// MaximumCommonNameBytes is the longest common name, in bytes (RFC 5280,
	// appendix A.1, ub-common-name).
	MaximumCommonNameBytes = 64

	// DefaultRSAKeySize is the size of an RSA key that names none, in bits.
	DefaultRSAKeySize = 2048
	// MinimumRSAKeySize is the smallest RSA key, in bits.
	MinimumRSAKeySize = 2048
	// MaximumRSAKeySize is the largest RSA key, in bits.
	MaximumRSAKeySize = 8192
	// DefaultECDSAKeySize is the curve of an ECDSA key that names none, in
	// bits: P-256.
	DefaultECDSAKeySize = 256

	// DefaultRevisionHistoryLimit is how many CertificateRequests of a
	// Certificate are kept.
	DefaultRevisionHistoryLimit = 1
	// DefaultJKSAlias is the alias of the key in a JKS keystore that names
	// none.
	DefaultJKSAlias = "certificate"
)

// Defaults of a Vault or Venafi issuer. Wire contract, section 1.5.
const (
	// DefaultVaultTokenAuthSecretKey is the key of a token's Secret.
	DefaultVaultTokenAuthSecretKey = "token"
	// DefaultVaultKubernetesAuthMountPath is where Vault's Kubernetes auth
	// method is mounted.
	DefaultVaultKubernetesAuthMountPath = "/v1/auth/kubernetes"
	// DefaultVaultClientCertificateAuthMountPath is where Vault's TLS
	// certificates auth method is mounted.
	DefaultVaultClientCertificateAuthMountPath = "/v1/auth/cert"
	// DefaultVaultAWSAuthMountPath is where Vault's AWS auth method is mounted.
	DefaultVaultAWSAuthMountPath = "/v1/auth/aws"
	// DefaultVenafiCloudAPITokenSecretKey is the key of an API key's Secret.
	DefaultVenafiCloudAPITokenSecretKey = "api-key"
)

// Limits of PEM input, in bytes, so that no input takes unbounded time to
// parse. Wire contract, section 3.
const (
	// MaximumPEMCertificateBytes is the largest single certificate.
	MaximumPEMCertificateBytes = 36_500
	// MaximumPEMPrivateKeyBytes is the largest private key.
	MaximumPEMPrivateKeyBytes = 13_000
	// MaximumPEMChainBytes is the largest chain of certificates.
	MaximumPEMChainBytes = 95_000
	// MaximumPEMBundleBytes is the largest bundle of CA certificates.
	MaximumPEMBundleBytes = 330_000
)
