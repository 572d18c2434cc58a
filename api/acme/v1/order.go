package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// OrderKind is the kind of an Order.
const OrderKind = "Order"

// Order is one order for a certificate at an ACME CA (RFC 8555, section
// 7.1.3). It is made from a CertificateRequest and is not meant for users.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={cert-manager,cert-manager-acme}
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="State",type="string",JSONPath=".status.state"
// +kubebuilder:printcolumn:name="Issuer",type="string",priority=1,JSONPath=".spec.issuerRef.name"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=".status.reason"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:validation:XValidation:rule=`!has(oldSelf.status) || !has(oldSelf.status.url) || oldSelf.status.url.size() == 0 || (has(self.status) && has(self.status.url) && self.status.url == oldSelf.status.url)`,message=`url cannot be changed once it is set: create another Order instead`,fieldPath=`.status.url`
// +kubebuilder:validation:XValidation:rule=`!has(oldSelf.status) || !has(oldSelf.status.finalizeURL) || oldSelf.status.finalizeURL.size() == 0 || (has(self.status) && has(self.status.finalizeURL) && self.status.finalizeURL == oldSelf.status.finalizeURL)`,message=`finalizeURL cannot be changed once it is set: create another Order instead`,fieldPath=`.status.finalizeURL`
// +kubebuilder:validation:XValidation:rule=`!has(oldSelf.status) || !has(oldSelf.status.certificate) || (has(self.status) && has(self.status.certificate) && self.status.certificate == oldSelf.status.certificate)`,message=`certificate cannot be changed once it is set: create another Order instead`,fieldPath=`.status.certificate`
// +kubebuilder:validation:XValidation:rule=`!has(oldSelf.status) || !has(oldSelf.status.authorizations) || oldSelf.status.authorizations.size() == 0 || (has(self.status) && has(self.status.authorizations) && self.status.authorizations.size() == oldSelf.status.authorizations.size())`,message=`authorizations cannot be added or removed once they are set: create another Order instead`,fieldPath=`.status.authorizations`
type Order struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec OrderSpec `json:"spec"`
	// +optional
	Status OrderStatus `json:"status"`
}

// OrderList is a list of Orders.
//
// +kubebuilder:object:root=true
type OrderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Order `json:"items"`
}

// OrderSpec says what to order, and where.
type OrderSpec struct {
	// PEM-encoded certificate signing request with which the order is
	// finalized.
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`request cannot be changed: create another Order instead`
	Request []byte `json:"request"`

	// The issuer whose ACME account the order is made with.
	IssuerRef cmmeta.IssuerReference `json:"issuerRef"`

	// Common name of the certificate. It must also be one of dnsNames or
	// ipAddresses.
	// +optional
	CommonName string `json:"commonName,omitempty"`

	// DNS names to order.
	// +optional
	// +listType=atomic
	DNSNames []string `json:"dnsNames,omitempty"`

	// IP addresses to order (RFC 8738).
	// +optional
	// +listType=atomic
	IPAddresses []string `json:"ipAddresses,omitempty"`

	// Wanted lifetime, for example 2160h. Sent to the CA only if the issuer
	// has enableDurationFeature.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[-+]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[-+]?0$') && duration(self) <= duration('2562047h')`,message=`must be a Go duration, for example 2160h or 1h30m`
	Duration *metav1.Duration `json:"duration,omitempty"`

	// ACME profile to order.
	// +optional
	Profile string `json:"profile,omitempty"`

	// Identifier of the certificate that the ordered one replaces (RFC 9773,
	// section 5).
	// +optional
	Replaces string `json:"replaces,omitempty"`
}

// OrderStatus is what is known of the order at the CA.
type OrderStatus struct {
	// URL of the order at the CA. Set once, before anything is done with it.
	// +optional
	URL string `json:"url,omitempty"`

	// URL to which the certificate signing request is sent.
	// +optional
	FinalizeURL string `json:"finalizeURL,omitempty"`

	// Authorizations that the CA wants, one per name.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5000
	// +kubebuilder:validation:XValidation:rule=`oldSelf.size() != self.size() || oldSelf.all(i, o, o.url == "" || [self[i].url] == [o.url])`,message=`url of an authorization cannot be changed once it is set: create another Order instead`
	// +kubebuilder:validation:XValidation:rule=`oldSelf.size() != self.size() || oldSelf.all(i, o, o.?identifier.orValue("") == "" || [self[i].?identifier.orValue("")] == [o.?identifier.orValue("")])`,message=`identifier of an authorization cannot be changed once it is set: create another Order instead`
	// +kubebuilder:validation:XValidation:rule=`oldSelf.size() != self.size() || oldSelf.all(i, o, !has(o.wildcard) || (has(self[i].wildcard) && self[i].wildcard == o.wildcard))`,message=`wildcard of an authorization cannot be changed once it is set: create another Order instead`
	// +kubebuilder:validation:XValidation:rule=`oldSelf.size() != self.size() || oldSelf.all(i, o, o.?initialState.orValue("") == "" || [self[i].?initialState.orValue("")] == [o.?initialState.orValue("")])`,message=`initialState of an authorization cannot be changed once it is set: create another Order instead`
	// +kubebuilder:validation:XValidation:rule=`oldSelf.size() != self.size() || oldSelf.all(i, o, !has(o.challenges) || o.challenges.size() == 0 || (has(self[i].challenges) && [self[i].challenges] == [o.challenges]))`,message=`challenges of an authorization cannot be changed once it is set: create another Order instead`
	Authorizations []ACMEAuthorization `json:"authorizations,omitempty"`

	// PEM-encoded chain of the issued certificate, the leaf first.
	// +optional
	Certificate []byte `json:"certificate,omitempty"`

	// State of the order.
	// +optional
	State State `json:"state,omitempty"`

	// Why the order is in this state, for people to read.
	// +optional
	Reason string `json:"reason,omitempty"`

	// When the order failed.
	// +optional
	FailureTime *metav1.Time `json:"failureTime,omitempty"`
}

// ACMEAuthorization is one authorization of an order (RFC 8555, section
// 7.1.4).
type ACMEAuthorization struct {
	// URL of the authorization at the CA.
	URL string `json:"url"`

	// The name to prove, without a leading "*.".
	// +optional
	Identifier string `json:"identifier,omitempty"`

	// Whether the order asked for "*." and the identifier.
	// +optional
	Wildcard *bool `json:"wildcard,omitempty"`

	// State of the authorization when it was first fetched. If it is valid,
	// the CA remembers an earlier proof and no challenge is needed.
	// +optional
	InitialState State `json:"initialState,omitempty"`

	// Challenges that the CA offers, any one of which proves the name.
	// +optional
	// +listType=atomic
	Challenges []ACMEChallenge `json:"challenges,omitempty"`
}

// ACMEChallenge is one challenge that a CA offers for an authorization (RFC
// 8555, section 7.1.5).
type ACMEChallenge struct {
	// URL of the challenge at the CA.
	URL string `json:"url"`

	// Token of the challenge.
	Token string `json:"token"`

	// Type as the CA names it, for example http-01, dns-01 or tls-alpn-01.
	Type string `json:"type"`
}
