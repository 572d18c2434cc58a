package v1

// Labels. Wire contract, section 1.7.
const (
	// PartOfCertManagerControllerLabelKey is "true" on every Secret that holds
	// a certificate, or the key of one that is being issued.
	PartOfCertManagerControllerLabelKey = "controller.cert-manager.io/fao"
	// IsNextPrivateKeySecretLabelKey is "true" on a Secret that holds the key
	// of a certificate that is being issued.
	IsNextPrivateKeySecretLabelKey = "cert-manager.io/next-private-key" //nolint:gosec // a label, no secret
	// DisableValidationLabelKey is "true" on a namespace whose objects are not
	// to be validated by admission.
	DisableValidationLabelKey = "cert-manager.io/disable-validation"
)
