package v1

// Keys of the data of a Secret that holds a certificate. The first two equal
// those of the Secret type kubernetes.io/tls.
const (
	// TLSCertKey holds the certificate chain in PEM, the leaf first.
	TLSCertKey = "tls.crt"
	// TLSPrivateKeyKey holds the private key in PEM.
	TLSPrivateKeyKey = "tls.key"
	// TLSCAKey holds the certificate of the issuing authority in PEM.
	TLSCAKey = "ca.crt"
)

// LocalObjectReference names an object in the namespace of the referrer. For
// a ClusterIssuer that is the operator's cluster resource namespace.
type LocalObjectReference struct {
	// Name of the object.
	Name string `json:"name"`
}

// IssuerReference names the issuer of a certificate.
//
// Neither kind nor group has a default in the schema, so that what the user
// wrote stays what is stored. Readers treat an empty kind as Issuer and an
// empty group as cert-manager.io: see KindOrDefault and GroupOrDefault.
type IssuerReference struct {
	// Name of the issuer.
	Name string `json:"name"`

	// Kind of the issuer: Issuer or ClusterIssuer, or a kind of an external
	// issuer's group. Empty means Issuer.
	// +optional
	Kind string `json:"kind,omitempty"`

	// API group of the issuer. Empty means cert-manager.io. Another group is
	// left to the external issuer that serves it.
	// +optional
	Group string `json:"group,omitempty"`
}

// ObjectReference is the older name of IssuerReference.
type ObjectReference = IssuerReference

const (
	defaultIssuerKind  = "Issuer"
	defaultIssuerGroup = "cert-manager.io"
)

// KindOrDefault returns the kind, or Issuer if it is empty.
func (r IssuerReference) KindOrDefault() string {
	if r.Kind == "" {
		return defaultIssuerKind
	}
	return r.Kind
}

// GroupOrDefault returns the group, or cert-manager.io if it is empty.
func (r IssuerReference) GroupOrDefault() string {
	if r.Group == "" {
		return defaultIssuerGroup
	}
	return r.Group
}

// Same reports whether two references name the same issuer, an empty kind or
// group being equal to its default.
func (r IssuerReference) Same(other IssuerReference) bool {
	return r.Name == other.Name &&
		r.KindOrDefault() == other.KindOrDefault() &&
		r.GroupOrDefault() == other.GroupOrDefault()
}

// SecretKeySelector names one key of a Secret in the namespace of the
// referrer. For a ClusterIssuer that is the operator's cluster resource
// namespace.
type SecretKeySelector struct {
	LocalObjectReference `json:",inline"`

	// Key of the Secret's data. Some fields have a default for it, which their
	// own description names; others require it.
	// +optional
	Key string `json:"key,omitempty"`
}
