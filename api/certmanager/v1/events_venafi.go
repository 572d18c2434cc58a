package v1

// Reasons of the events of a CertificateRequest for a Venafi issuer. Wire
// contract, section 2.7.
const (
	// CertificateRequestEventVenafiInitError: the issuer's server can not be
	// used.
	CertificateRequestEventVenafiInitError = "VenafiInitError"
	// CertificateRequestEventCustomFieldsError: the annotation with custom
	// fields can not be read.
	CertificateRequestEventCustomFieldsError = "CustomFieldsError"
	// CertificateRequestEventRequestError: the server refused the request.
	CertificateRequestEventRequestError = "RequestError"
	// CertificateRequestEventIssuancePending: the server is at work.
	CertificateRequestEventIssuancePending = "IssuancePending"
	// CertificateRequestEventRetrieveError: the server has no certificate to
	// give.
	CertificateRequestEventRetrieveError = "RetrieveError"
	// CertificateRequestEventParseError: what the server gave is no certificate.
	CertificateRequestEventParseError = "ParseError"
)
