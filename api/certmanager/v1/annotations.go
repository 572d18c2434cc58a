package v1

// Annotations of a certificate's Secret that say what the issued certificate
// holds. The first four are always there, even if empty; the others only if
// they say something. Lists are separated by commas, those of email-sans and
// of the subject by the rules of CSV. On an Ingress or Gateway, the same keys
// say what the Certificate made for it is to hold. Wire contract, section 1.7.
const (
	CommonNameAnnotationKey = "cert-manager.io/common-name"
	AltNamesAnnotationKey   = "cert-manager.io/alt-names"
	IPSANAnnotationKey      = "cert-manager.io/ip-sans"
	URISANAnnotationKey     = "cert-manager.io/uri-sans"

	EmailsAnnotationKey                     = "cert-manager.io/email-sans"
	SubjectOrganizationsAnnotationKey       = "cert-manager.io/subject-organizations"
	SubjectOrganizationalUnitsAnnotationKey = "cert-manager.io/subject-organizationalunits"
	SubjectCountriesAnnotationKey           = "cert-manager.io/subject-countries"
	SubjectProvincesAnnotationKey           = "cert-manager.io/subject-provinces"
	SubjectLocalitiesAnnotationKey          = "cert-manager.io/subject-localities"
	SubjectPostalCodesAnnotationKey         = "cert-manager.io/subject-postalcodes"
	SubjectStreetAddressesAnnotationKey     = "cert-manager.io/subject-streetaddresses"
	SubjectSerialNumberAnnotationKey        = "cert-manager.io/subject-serialnumber"
)

// Annotations of a Secret that say whose it is and which issuer issued it. A
// difference from the Certificate's spec makes it be issued again.
const (
	// CertificateNameKey names the Certificate, on Secrets and on
	// CertificateRequests.
	CertificateNameKey = "cert-manager.io/certificate-name"
	// IssuerNameAnnotationKey is the name of the issuer.
	IssuerNameAnnotationKey = "cert-manager.io/issuer-name"
	// IssuerKindAnnotationKey is the kind of the issuer, on Secrets and, with
	// IngressIssuerNameAnnotationKey, on an Ingress or Gateway.
	IssuerKindAnnotationKey = "cert-manager.io/issuer-kind"
	// IssuerGroupAnnotationKey is the API group of the issuer, on Secrets and,
	// with IngressIssuerNameAnnotationKey, on an Ingress or Gateway.
	IssuerGroupAnnotationKey = "cert-manager.io/issuer-group"
)

// Annotations of a Certificate.
const (
	// IssueTemporaryCertificateAnnotation is "true" if a self-made certificate
	// is to stand in until the first real one is there.
	IssueTemporaryCertificateAnnotation = "cert-manager.io/issue-temporary-certificate"
	// VenafiCustomFieldsAnnotationKey is a JSON list of {type, name, value}.
	VenafiCustomFieldsAnnotationKey = "venafi.cert-manager.io/custom-fields"
)

// Annotations of an Issuer or ClusterIssuer with an ACME account; extensions.
const (
	// AccountKeyAlgorithmAnnotation is the kind of the account keys that are
	// made: RSA-2048, which is the default, ECDSA-P256 or ECDSA-P384.
	AccountKeyAlgorithmAnnotation = "certwright.dev/account-key-algorithm"
	// RolloverAccountKeyAnnotation asks for another key of the account (RFC
	// 8555, section 7.3.5), once for each value, whatever it is.
	RolloverAccountKeyAnnotation = "certwright.dev/rollover-account-key"
	// DeactivateAccountAnnotation asks for the end of the account whose URL it
	// is, as status.acme.uri has it (RFC 8555, section 7.3.6).
	DeactivateAccountAnnotation = "certwright.dev/deactivate-account"
	// AccountKeyRolloverDoneAnnotation is on the Secret of an account key: the
	// last value of RolloverAccountKeyAnnotation that has been dealt with.
	AccountKeyRolloverDoneAnnotation = "certwright.dev/account-key-rollover-done"
)

// Annotations of a CertificateRequest.
const (
	// CertificateRequestRevisionAnnotationKey is the revision of the
	// Certificate that the request is to issue, in decimal.
	CertificateRequestRevisionAnnotationKey = "cert-manager.io/certificate-revision"
	// CertificateRequestPrivateKeyAnnotationKey names the Secret whose tls.key
	// signed the request. Self-signed issuers sign with it.
	CertificateRequestPrivateKeyAnnotationKey = "cert-manager.io/private-key-secret-name"
	// VenafiPickupIDAnnotationKey is under which name the request is known at
	// Venafi.
	VenafiPickupIDAnnotationKey = "venafi.cert-manager.io/pickup-id"
)

// Annotations of an Ingress or Gateway that ask for a Certificate and say what
// it is to be like.
const (
	// IngressIssuerNameAnnotationKey names an issuer in the same namespace.
	IngressIssuerNameAnnotationKey = "cert-manager.io/issuer"
	// IngressClusterIssuerNameAnnotationKey names a ClusterIssuer.
	IngressClusterIssuerNameAnnotationKey = "cert-manager.io/cluster-issuer"
	// TLSACMEAnnotationKey is "true" if the operator's default issuer is to be
	// used.
	TLSACMEAnnotationKey = "kubernetes.io/tls-acme"

	DurationAnnotationKey                 = "cert-manager.io/duration"
	RenewBeforeAnnotationKey              = "cert-manager.io/renew-before"
	RenewBeforePercentageAnnotationKey    = "cert-manager.io/renew-before-percentage"
	UsagesAnnotationKey                   = "cert-manager.io/usages"
	RevisionHistoryLimitAnnotationKey     = "cert-manager.io/revision-history-limit"
	PrivateKeyAlgorithmAnnotationKey      = "cert-manager.io/private-key-algorithm"
	PrivateKeyEncodingAnnotationKey       = "cert-manager.io/private-key-encoding"
	PrivateKeySizeAnnotationKey           = "cert-manager.io/private-key-size"
	PrivateKeyRotationPolicyAnnotationKey = "cert-manager.io/private-key-rotation-policy"

	// IngressSecretTemplate is a secretTemplate in JSON.
	IngressSecretTemplate = "cert-manager.io/secret-template" //nolint:gosec // an annotation, no secret
	// CertificateIgnoreTLSListeners lists the listeners of a Gateway to skip.
	CertificateIgnoreTLSListeners = "cert-manager.io/ignore-tls-listeners"

	// IngressACMEIssuerHTTP01IngressClassAnnotationKey is the class of the
	// solver's Ingress, as an annotation of it.
	IngressACMEIssuerHTTP01IngressClassAnnotationKey = "acme.cert-manager.io/http01-ingress-class"
	// IngressACMEIssuerHTTP01IngressClassNameAnnotationKey is the class of the
	// solver's Ingress, as a field of it.
	IngressACMEIssuerHTTP01IngressClassNameAnnotationKey = "acme.cert-manager.io/http01-ingress-ingressclassname"

	// IngressClassAnnotationKey is the class of an Ingress, in the form older
	// than its field ingressClassName.
	IngressClassAnnotationKey = "kubernetes.io/ingress.class"
)

// Annotations that ask for a CA bundle to be injected, and that allow it.
const (
	// WantInjectAnnotation names a Certificate: namespace/name.
	WantInjectAnnotation = "cert-manager.io/inject-ca-from"
	// WantInjectFromSecretAnnotation names a Secret: namespace/name.
	WantInjectFromSecretAnnotation = "cert-manager.io/inject-ca-from-secret" //nolint:gosec // an annotation, no secret
	// WantInjectAPIServerCAAnnotation is "true" if the API server's CA is
	// wanted.
	WantInjectAPIServerCAAnnotation = "cert-manager.io/inject-apiserver-ca"
	// AllowsInjectionFromSecretAnnotation is "true" on a Secret that may be
	// named by WantInjectFromSecretAnnotation.
	AllowsInjectionFromSecretAnnotation = "cert-manager.io/allow-direct-injection" //nolint:gosec // an annotation, no secret
)

// Annotations of a Kubernetes CertificateSigningRequest.
const (
	// CertificateSigningRequestDurationAnnotationKey is the wanted lifetime.
	CertificateSigningRequestDurationAnnotationKey = "experimental.cert-manager.io/request-duration"
	// CertificateSigningRequestIsCAAnnotationKey is "true" to ask for a CA.
	CertificateSigningRequestIsCAAnnotationKey = "experimental.cert-manager.io/request-is-ca"
	// CertificateSigningRequestPrivateKeyAnnotationKey names the Secret whose
	// key signed the request.
	CertificateSigningRequestPrivateKeyAnnotationKey = "experimental.cert-manager.io/private-key-secret-name"
	// CertificateSigningRequestVenafiCustomFieldsAnnotationKey is like
	// VenafiCustomFieldsAnnotationKey.
	CertificateSigningRequestVenafiCustomFieldsAnnotationKey = "venafi.experimental.cert-manager.io/custom-fields"
	// CertificateSigningRequestVenafiPickupIDAnnotationKey is like
	// VenafiPickupIDAnnotationKey.
	CertificateSigningRequestVenafiPickupIDAnnotationKey = "venafi.experimental.cert-manager.io/pickup-id"
)
