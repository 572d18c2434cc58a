package v1

// CertificateConditionType is a type of condition of a Certificate.
type CertificateConditionType string

const (
	// CertificateConditionReady is True if the Secret holds a certificate that
	// is what the spec asks for and has not expired.
	CertificateConditionReady CertificateConditionType = "Ready"
	// CertificateConditionIssuing is True while a certificate is being issued.
	// Setting it is how a program asks for a new one. It is removed upon
	// success, and False after a failure.
	CertificateConditionIssuing CertificateConditionType = "Issuing"
	// CertificateConditionSignedByFormerCA is True while the certificate in
	// the Secret is not signed by the present CA of a CA issuer. It is removed
	// when that is over. An extension of Certwright.
	CertificateConditionSignedByFormerCA CertificateConditionType = "SignedByFormerCA"
	// CertificateConditionRevoked is True while the certificate in the Secret
	// is one that its CA has revoked, or whose key is known to others, and
	// absent otherwise. An extension of Certwright.
	CertificateConditionRevoked CertificateConditionType = "Revoked"
)

// Reasons of a Certificate's conditions. Wire contract, sections 2.1, 2.2 and
// 2.5.
const (
	// CertificateReasonReady: Ready is True.
	CertificateReasonReady = "Ready"

	// CertificateReasonDoesNotExist: there is no Secret.
	CertificateReasonDoesNotExist = "DoesNotExist"
	// CertificateReasonMissingData: the Secret lacks a key or certificate.
	CertificateReasonMissingData = "MissingData"
	// CertificateReasonInvalidKeyPair: the Secret's key cannot be read, or is
	// not that of the certificate.
	CertificateReasonInvalidKeyPair = "InvalidKeyPair"
	// CertificateReasonInvalidCertificate: the certificate cannot be read, or
	// what the issuer returned does not belong to the request.
	CertificateReasonInvalidCertificate = "InvalidCertificate"
	// CertificateReasonIncorrectIssuer: the Secret is from another issuer.
	CertificateReasonIncorrectIssuer = "IncorrectIssuer"
	// CertificateReasonIncorrectCertificate: the Secret belongs to another
	// Certificate.
	CertificateReasonIncorrectCertificate = "IncorrectCertificate"
	// CertificateReasonSecretMismatch: the Secret's key or certificate is not
	// what the spec asks for.
	CertificateReasonSecretMismatch = "SecretMismatch"
	// CertificateReasonRequestChanged: the spec asks for something else than
	// the CertificateRequest that was issued.
	CertificateReasonRequestChanged = "RequestChanged"
	// CertificateReasonRenewing: the time to renew has come.
	CertificateReasonRenewing = "Renewing"
	// CertificateReasonWindowError: the renewal windows make no sense.
	CertificateReasonWindowError = "WindowError"
	// CertificateReasonExpired: the certificate has expired.
	CertificateReasonExpired = "Expired"

	// CertificateReasonCARotated: the CA of the issuer is another one than that
	// which signed the certificate. An extension of Certwright.
	CertificateReasonCARotated = "CARotated"

	// CertificateReasonManuallyTriggered: somebody asked for a new certificate.
	CertificateReasonManuallyTriggered = "ManuallyTriggered"
	// CertificateReasonReplacementRequested: a Revocation or a Reissue asks
	// for another certificate with another key, whatever the rotationPolicy
	// says. The message names it. An extension of Certwright.
	CertificateReasonReplacementRequested = "ReplacementRequested"
	// CertificateReasonCompromisedKey: the key in the Secret is one that no
	// certificate may have again. An extension of Certwright.
	CertificateReasonCompromisedKey = "CompromisedKey"
	// CertificateReasonRevoked: the CA has revoked the certificate. An
	// extension of Certwright.
	CertificateReasonRevoked = "Revoked"
	// CertificateReasonFailed: the CertificateRequest failed.
	CertificateReasonFailed = "Failed"
)

// CertificateRequestConditionType is a type of condition of a
// CertificateRequest.
type CertificateRequestConditionType string

const (
	// CertificateRequestConditionReady is True once status.certificate is set.
	CertificateRequestConditionReady CertificateRequestConditionType = "Ready"
	// CertificateRequestConditionInvalidRequest is True if the request can
	// never be issued. Final. Set by issuers and users.
	CertificateRequestConditionInvalidRequest CertificateRequestConditionType = "InvalidRequest"
	// CertificateRequestConditionApproved is True once the request may be
	// issued. Never taken back.
	CertificateRequestConditionApproved CertificateRequestConditionType = "Approved"
	// CertificateRequestConditionDenied is True once the request must not be
	// issued. Never taken back.
	CertificateRequestConditionDenied CertificateRequestConditionType = "Denied"
)

// Reasons of a CertificateRequest's condition Ready. Wire contract, section
// 1.3.
const (
	// CertificateRequestReasonPending: not yet issued. Status False.
	CertificateRequestReasonPending = "Pending"
	// CertificateRequestReasonFailed: will not be issued. Status False. Final.
	CertificateRequestReasonFailed = "Failed"
	// CertificateRequestReasonIssued: issued. Status True. Final.
	CertificateRequestReasonIssued = "Issued"
	// CertificateRequestReasonDenied: denied. Status False. Final.
	CertificateRequestReasonDenied = "Denied"
)

// CertificateRequestReasonApproved is the reason of the condition Approved
// when the operator's own approver set it. Wire contract, section 2.7.
const CertificateRequestReasonApproved = "cert-manager.io"

// IssuerConditionType is a type of condition of an Issuer or ClusterIssuer.
type IssuerConditionType string

const (
	// IssuerConditionReady is True if the issuer can issue.
	IssuerConditionReady IssuerConditionType = "Ready"
	// IssuerConditionSigningCA is True on a CA issuer that has been able to
	// issue. Its message says which CA signs, or signed last. An extension of
	// Certwright.
	IssuerConditionSigningCA IssuerConditionType = "SigningCA"
	// IssuerConditionAccountKeyRollover is on an ACME issuer that was asked
	// for another account key: True if the account has it. An extension.
	IssuerConditionAccountKeyRollover IssuerConditionType = "AccountKeyRollover"
)

// Reasons of the condition AccountKeyRollover, and of the events about it.
const (
	// IssuerReasonRolledOver: the account has another key.
	IssuerReasonRolledOver = "RolledOver"
	// IssuerReasonRolloverPending: it is tried again.
	IssuerReasonRolloverPending = "RolloverPending"
	// IssuerReasonRolloverUnsupported: the CA can not do it.
	IssuerReasonRolloverUnsupported = "RolloverUnsupported"
	// IssuerReasonRolloverRefused: the CA does not want the new key.
	IssuerReasonRolloverRefused = "RolloverRefused"
)

// IssuerReasonAccountDeactivated is a reason of the condition Ready: the
// account was deactivated on request. An extension.
const IssuerReasonAccountDeactivated = "AccountDeactivated"

// IssuerReasonCAInUse is the reason of the condition SigningCA.
const IssuerReasonCAInUse = "InUse"

// Reasons of the condition Ready of an Issuer or ClusterIssuer. Wire contract,
// section 2.7.
const (
	// IssuerReasonIsReady: a self-signed issuer, which needs nothing, or a Venafi
	// issuer whose server accepts it.
	IssuerReasonIsReady = "IsReady"

	// IssuerReasonKeyPairVerified: the CA's Secret holds a usable key pair.
	IssuerReasonKeyPairVerified = "KeyPairVerified"
	// IssuerReasonErrGetKeyPair: the CA's Secret cannot be read.
	IssuerReasonErrGetKeyPair = "ErrGetKeyPair"
	// IssuerReasonErrInvalidKeyPair: the CA's Secret holds no usable key pair.
	IssuerReasonErrInvalidKeyPair = "ErrInvalidKeyPair"

	// IssuerReasonACMEAccountRegistered: the CA knows the account.
	IssuerReasonACMEAccountRegistered = "ACMEAccountRegistered"
	// IssuerReasonErrRegisterACMEAccount: the CA refused the account.
	IssuerReasonErrRegisterACMEAccount = "ErrRegisterACMEAccount"
	// IssuerReasonErrVerifyACMEAccount: the account's key cannot be used.
	IssuerReasonErrVerifyACMEAccount = "ErrVerifyACMEAccount"
	// IssuerReasonErrUpdateACMEAccount: the CA refused the new contact address.
	IssuerReasonErrUpdateACMEAccount = "ErrUpdateACMEAccount"
	// IssuerReasonInvalidConfig: the configuration makes no sense.
	IssuerReasonInvalidConfig = "InvalidConfig"
	// IssuerReasonInvalidURL: the URL of the server makes no sense.
	IssuerReasonInvalidURL = "InvalidURL"
	// IssuerReasonInvalidSolver: a solver makes no sense.
	IssuerReasonInvalidSolver = "InvalidSolver"

	// IssuerReasonVaultVerified: Vault accepted the credentials.
	IssuerReasonVaultVerified = "VaultVerified"
	// IssuerReasonVaultError: Vault cannot be reached or refused.
	IssuerReasonVaultError = "VaultError"

	// IssuerReasonErrorSetup: a Venafi issuer could not be set up.
	IssuerReasonErrorSetup = "ErrorSetup"
	// IssuerReasonAuthFailed: Venafi refused the credentials.
	IssuerReasonAuthFailed = "AuthFailed"
)
