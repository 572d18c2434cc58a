package v1

// Labels of the objects that solve an HTTP-01 challenge: pod, Service, and
// Ingress or HTTPRoute. They are how such objects are found again.
// Wire contract, section 1.7.
const (
	// DomainLabelKey holds the Adler-32 sum of the domain, in decimal.
	DomainLabelKey = "acme.cert-manager.io/http-domain"
	// TokenLabelKey holds the Adler-32 sum of the token, in decimal.
	TokenLabelKey = "acme.cert-manager.io/http-token" //nolint:gosec // a label, no secret
	// SolverIdentificationLabelKey is "true" on every such object.
	SolverIdentificationLabelKey = "acme.cert-manager.io/http01-solver"
)

// Finalizers of a Challenge. Wire contract, section 1.4.
const (
	// ACMEDomainQualifiedFinalizer keeps a Challenge until what it presented
	// has been cleaned up.
	ACMEDomainQualifiedFinalizer = "acme.cert-manager.io/finalizer"
	// ACMELegacyFinalizer did the same in earlier days. It is never added, but
	// a Challenge that carries it is cleaned up and released all the same.
	ACMELegacyFinalizer = "finalizer.acme.cert-manager.io"
)
