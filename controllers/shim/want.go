package shim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
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
	// AutoAnnotations are keys by which an Ingress asks for a certificate from
	// the default issuer when their value is true.
	AutoAnnotations []string
	// ExtraAnnotations are keys that Certificates take over from the object.
	ExtraAnnotations []string
	// ExtraProtocols are protocols of Gateway listeners that take certificates,
	// besides HTTPS and TLS: those that an implementation has of its own.
	ExtraProtocols []string
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
	// Named are the names of all Secrets that the object serves. A Certificate
	// among them that is not in Certificates is left as it is: what the object
	// says about it is wrong, and a mistake must not cost a certificate that
	// works.
	Named map[string]bool
	// Declined are those of Named that the object says it wants no Certificate
	// for.
	Declined map[string]bool `json:",omitempty"`
	// Problems say what a person has to mend, and how.
	Problems []string
}

// applySetLabel says which set of applied objects an object is part of, so
// that kubectl removes what is no longer in the set. A Certificate is not in
// the set of the object it is made for.
const applySetLabel = "applyset.kubernetes.io/part-of"

// hosts are the hosts of each Secret that an object serves.
type hosts struct {
	of    map[string][]string
	order []string // the Secrets as they are first named
}

func (h *hosts) add(secret string, names ...string) {
	if !slices.Contains(h.order, secret) {
		h.order = append(h.order, secret)
	}
	if h.of == nil {
		h.of = map[string][]string{}
	}
	h.of[secret] = append(h.of[secret], names...)
}

// certificates adds to the wish one Certificate for each Secret (contract 1.7),
// or what is wrong with the annotations. solver reads those that say how an
// HTTP-01 challenge is to be solved.
func (w *Wish) certificates(object metav1.Object, d Defaults, served hosts, solver func(*reader) map[string]string) {
	read := reader{annotations: object.GetAnnotations()}
	issuer, problem := issuerOf(read.annotations, d)
	if problem != "" {
		read.problems = append(read.problems, problem)
	}
	spec, added, annotations := read.spec(), read.names(), solver(&read)
	w.Problems = append(read.problems, w.Problems...)
	if len(read.problems) > 0 {
		return
	}
	for _, key := range d.ExtraAnnotations {
		if _, ours := annotations[key]; ours {
			continue
		}
		if v, ok := read.annotations[key]; ok {
			annotations[key] = v
		}
	}
	labels := maps.Clone(object.GetLabels())
	delete(labels, applySetLabel)
	for _, secret := range served.order {
		want := Want{Name: secret, Labels: labels, Annotations: annotations, Spec: *spec.DeepCopy()}
		want.Spec.SecretName, want.Spec.IssuerRef = secret, issuer
		want.Spec.CommonName = added.common
		want.Spec.DNSNames, want.Spec.IPAddresses = splitHosts(served.of[secret], added)
		want.Spec.EmailAddresses, want.Spec.URIs = distinct(added.emails), distinct(added.uri)
		w.Certificates = append(w.Certificates, want)
	}
}

// solverIngress are the annotations about the Ingress of an HTTP-01 challenge.
func (r *reader) solverIngress() map[string]string {
	annotations := map[string]string{}
	class, hasClass := r.annotations[cmv1.IngressACMEIssuerHTTP01IngressClassAnnotationKey]
	className, hasClassName := r.annotations[cmv1.IngressACMEIssuerHTTP01IngressClassNameAnnotationKey]
	switch {
	case hasClass && hasClassName:
		r.wrong(cmv1.IngressACMEIssuerHTTP01IngressClassAnnotationKey, "and %s exclude each other: remove one", cmv1.IngressACMEIssuerHTTP01IngressClassNameAnnotationKey)
	case hasClass:
		annotations[acmev1.ACMECertificateHTTP01IngressClassOverride] = class
	case hasClassName:
		annotations[acmev1.ACMECertificateHTTP01IngressClassNameOverride] = className
	}
	return annotations
}

// splitHosts puts each host where it belongs in a certificate: a host may be
// an IP address.
func splitHosts(hosts []string, added names) (dns, ips []string) {
	for _, host := range slices.Concat(hosts, added.dns) {
		if _, err := netip.ParseAddr(host); err == nil {
			ips = append(ips, host)
		} else {
			dns = append(dns, host)
		}
	}
	return distinct(dns), distinct(append(ips, added.ips...))
}

func distinct(list []string) []string {
	var out []string
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// problem adds something that a person has to mend, and that stops no
// Certificate that is not concerned.
func (w *Wish) problem(format string, args ...any) {
	w.Problems = append(w.Problems, fmt.Sprintf(format, args...))
}

// misplaced adds an annotation that says something to another kind only.
func (w *Wish) misplaced(annotations map[string]string, key, where string) {
	if _, ok := annotations[key]; ok && w.Asked {
		w.problem("%s is for %s and does nothing here: remove it", key, where)
	}
}
