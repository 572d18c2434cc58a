package contract

// WithoutEffect are the flags that have none, and why.
var WithoutEffect = map[string]string{ //nolint:gosec // names of settings
	"log-flush-frequency":                         "the log is not buffered",
	"vmodule":                                     "verbosity is the same everywhere; use --v",
	"max-certificate-size":                        "certificates of any size that a Secret can hold are read",
	"max-private-key-size":                        "keys of any size that a Secret can hold are read",
	"max-certificate-chain-length":                "chains of up to a thousand certificates are read",
	"max-certificate-bundle-size":                 "bundles of any size that a Secret can hold are read",
	"metrics-dynamic-serving-ca-secret-name":      "let a Certificate make the Secret, mount it, and set --metrics-tls-cert-file and --metrics-tls-private-key-file",
	"metrics-dynamic-serving-ca-secret-namespace": "see --metrics-dynamic-serving-ca-secret-name",
	"metrics-dynamic-serving-dns-names":           "see --metrics-dynamic-serving-ca-secret-name",
	"metrics-dynamic-serving-leaf-duration":       "see --metrics-dynamic-serving-ca-secret-name",
}

// Feature gates with a meaning.
const (
	GateSigningRequests = "ExperimentalCertificateSigningRequestControllers"
	GateGatewayAPI      = "ExperimentalGatewayAPISupport"
	GateListenerSets    = "ListenerSets"
)

// AlwaysOn are the gates of what Certwright always does.
var AlwaysOn = []string{
	"ACMEHTTP01IngressPathTypeExact", "ACMEUseARI", "AdditionalCertificateOutputFormats", "CAInjectorMerging", "DefaultPrivateKeyRotationPolicyAlways",
	"DisallowInsecureCSRUsageDefinition", "LiteralCertificateSubject", "NameConstraints", "OtherNames", "SecretsFilteredCaching", "ServerSideApply",
	"StableCertificateRequestName", "UseCertificateRequestBasicConstraints", "UseDomainQualifiedFinalizer",
}

// NeverOn are the gates of what it does otherwise, or has no use for.
var NeverOn = []string{"AllAlpha", "AllBeta", "ValidateCAA"}
