package v1

// Annotations of a Certificate, CertificateRequest or Order that change the
// HTTP-01 solver which was chosen for its challenges. They are copied from one
// to the next, and end in the solver that a Challenge embeds. Wire contract,
// section 1.7.
const (
	// ACMECertificateHTTP01IngressNameOverride names an existing Ingress that
	// is to carry the path of the challenge.
	ACMECertificateHTTP01IngressNameOverride = "acme.cert-manager.io/http01-override-ingress-name"
	// ACMECertificateHTTP01IngressClassOverride is the value of the annotation
	// kubernetes.io/ingress.class of the solver's Ingress.
	ACMECertificateHTTP01IngressClassOverride = "acme.cert-manager.io/http01-override-ingress-class"
	// ACMECertificateHTTP01IngressClassNameOverride is the ingressClassName of
	// the solver's Ingress.
	ACMECertificateHTTP01IngressClassNameOverride = "acme.cert-manager.io/http01-override-ingress-ingressclassname"
	// ACMECertificateHTTP01ParentRefName is the name of the HTTPRoute's parent.
	ACMECertificateHTTP01ParentRefName = "acme.cert-manager.io/http01-parentrefname"
	// ACMECertificateHTTP01ParentRefKind is the kind of the HTTPRoute's parent.
	ACMECertificateHTTP01ParentRefKind = "acme.cert-manager.io/http01-parentrefkind"
	// ACMECertificateHTTP01ParentRefNamespace is the namespace of the
	// HTTPRoute's parent.
	ACMECertificateHTTP01ParentRefNamespace = "acme.cert-manager.io/http01-parentrefnamespace"
	// ACMECertificateHTTP01ParentRefFallback names the parent to use where the
	// listener set itself cannot be one.
	ACMECertificateHTTP01ParentRefFallback = "acme.cert-manager.io/http01-parentreffallback"
)

// IngressEditInPlaceAnnotationKey is "true" on an Ingress whose own rules are
// to carry the path of the challenge.
const IngressEditInPlaceAnnotationKey = "acme.cert-manager.io/http01-edit-in-place"

// DNS01MemoryAnnotationKey is on a Challenge what its DNS provider has to know
// again when it removes the record. The operator writes it. An extension of
// Certwright.
const DNS01MemoryAnnotationKey = "certwright.dev/dns01-memory"
