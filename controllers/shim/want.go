package shim

import (
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// DefaultIssuer is the issuer of objects that ask for a certificate without
// naming one, with kubernetes.io/tls-acme for example. Without a name there is
// none. Kind and Group are also those of an issuer that is named alone.
type DefaultIssuer struct {
	Name, Kind, Group string
}

// Defaults is what the operator's flags say about all objects.
type Defaults struct {
	Issuer DefaultIssuer
	// AutoAnnotations are keys that ask for a certificate from the default
	// issuer when their value is true.
	AutoAnnotations []string
	// ExtraAnnotations are keys that Certificates take over from the object.
	ExtraAnnotations []string
}

// Want is one Certificate that an object asks for.
type Want struct {
	Name        string
	Labels      map[string]string
	Annotations map[string]string
	Spec        cmv1.CertificateSpec
}

// Wish is everything that one object asks for.
type Wish struct {
	// Asked is whether an annotation asks for certificates at all.
	Asked bool
	// Certificates are in the order in which the object names their Secrets.
	Certificates []Want
	// Named are the names of all Secrets in the object's TLS section. A
	// Certificate among them that is not in Certificates is left as it is:
	// what the object says about it is wrong, and a mistake must not cost a
	// certificate that works.
	Named map[string]bool
	// Problems say what a person has to mend, and how.
	Problems []string
}
