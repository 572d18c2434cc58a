package v1

// Reasons of the events of a Certificate, besides the reasons of its
// conditions. Wire contract, section 4.
const (
	// CertificateEventIssuing: issuing began, or is done.
	CertificateEventIssuing = "Issuing"
	// CertificateEventGenerated: a private key was made.
	CertificateEventGenerated = "Generated"
	// CertificateEventReused: the Secret's private key is used again.
	CertificateEventReused = "Reused"
	// CertificateEventDeleted: a superfluous Secret of a key was deleted.
	CertificateEventDeleted = "Deleted"
	// CertificateEventDecodeFailed: the stored private key cannot be read.
	CertificateEventDecodeFailed = "DecodeFailed"
	// CertificateEventCannotRegenerateKey: the Secret's key does not fit the
	// spec, and the rotation policy forbids to make another.
	CertificateEventCannotRegenerateKey = "CannotRegenerateKey"
	// CertificateEventRequested: a CertificateRequest was made.
	CertificateEventRequested = "Requested"
	// CertificateEventRequestFailed: a CertificateRequest could not be made.
	CertificateEventRequestFailed = "RequestFailed"
	// CertificateEventKeystorePasswordSecretNotFound: the Secret with the
	// password of a keystore is missing.
	CertificateEventKeystorePasswordSecretNotFound = "keystorePasswordSecretNotFound"
	// CertificateEventARIError: the CA could not be asked when to renew.
	CertificateEventARIError = "ARIError"
)

// Reasons of the events of a CertificateRequest. Wire contract, sections 2.7,
// 2.8 and 4.
const (
	// CertificateRequestEventWaitingForApproval: nobody has approved yet.
	CertificateRequestEventWaitingForApproval = "WaitingForApproval"
	// CertificateRequestEventApproved: the operator's own approver approved.
	CertificateRequestEventApproved = CertificateRequestReasonApproved
	// CertificateRequestEventIssuerNotFound: there is no such issuer.
	CertificateRequestEventIssuerNotFound = "IssuerNotFound"
	// CertificateRequestEventIssuerTypeMissing: the issuer says no way to sign.
	CertificateRequestEventIssuerTypeMissing = "IssuerTypeMissing"
	// CertificateRequestEventIssuerNotReady: the issuer is not Ready.
	CertificateRequestEventIssuerNotReady = "IssuerNotReady"
	// CertificateRequestEventCertificateIssued: the certificate is there.
	CertificateRequestEventCertificateIssued = "CertificateIssued"

	// CertificateRequestEventSecretMissing: the CA's Secret is missing.
	CertificateRequestEventSecretMissing = "SecretMissing"
	// CertificateRequestEventSecretInvalidData: the CA's Secret is of no use.
	CertificateRequestEventSecretInvalidData = "SecretInvalidData"
	// CertificateRequestEventSigningError: signing failed.
	CertificateRequestEventSigningError = "SigningError"

	// CertificateRequestEventMissingAnnotation: a self-signed issuer is not
	// told where the private key is.
	CertificateRequestEventMissingAnnotation = "MissingAnnotation"
	// CertificateRequestEventMissingSecret: the Secret that the annotation
	// names is missing.
	CertificateRequestEventMissingSecret = "MissingSecret"
	// CertificateRequestEventErrorParsingKey: the private key cannot be read.
	CertificateRequestEventErrorParsingKey = "ErrorParsingKey"
	// CertificateRequestEventErrorKeyMatch: the private key is not that of the
	// signing request.
	CertificateRequestEventErrorKeyMatch = "ErrorKeyMatch"
	// CertificateRequestEventBadConfig: a self-signed certificate has an empty
	// subject, or a certificate is valid for longer than that of its CA.
	CertificateRequestEventBadConfig = "BadConfig"

	// CertificateRequestEventRequestParsingError: the signing request cannot be
	// read.
	CertificateRequestEventRequestParsingError = "RequestParsingError"
	// CertificateRequestEventInvalidOrder: the signing request cannot be
	// ordered from an ACME CA.
	CertificateRequestEventInvalidOrder = "InvalidOrder"
	// CertificateRequestEventOrderBuildingError: the Order cannot be built.
	CertificateRequestEventOrderBuildingError = "OrderBuildingError"
	// CertificateRequestEventOrderCreatingError: the Order cannot be created.
	CertificateRequestEventOrderCreatingError = "OrderCreatingError"
	// CertificateRequestEventOrderCreated: the Order was created.
	CertificateRequestEventOrderCreated = "OrderCreated"
	// CertificateRequestEventOrderGetError: the Order cannot be read.
	CertificateRequestEventOrderGetError = "OrderGetError"
	// CertificateRequestEventOrderPending: the Order is not done.
	CertificateRequestEventOrderPending = "OrderPending"
	// CertificateRequestEventOrderFailed: the Order failed.
	CertificateRequestEventOrderFailed = "OrderFailed"
)

// IssuerEventErrInitIssuer is the reason of the event of an Issuer or
// ClusterIssuer that could not be set up. Its other events have the reasons of
// its condition. Wire contract, section 2.7.
const IssuerEventErrInitIssuer = "ErrInitIssuer"

// IssuerEventCARotated is the reason of the event of a CA issuer whose CA has
// become another one. An extension of Certwright.
const IssuerEventCARotated = "CARotated"

// Reasons of the events of an Ingress or Gateway for which Certificates are
// made. Wire contract, section 4.
const (
	// ShimEventCreateCertificate: a Certificate was created.
	ShimEventCreateCertificate = "CreateCertificate"
	// ShimEventUpdateCertificate: a Certificate was updated.
	ShimEventUpdateCertificate = "UpdateCertificate"
	// ShimEventDeleteCertificate: a Certificate was deleted.
	ShimEventDeleteCertificate = "DeleteCertificate"
	// ShimEventBadConfig: the annotations or the TLS section make no sense.
	ShimEventBadConfig = "BadConfig"
)
