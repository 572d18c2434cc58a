package shim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// applySetLabel says which set of applied objects an object is part of, so
// that kubectl removes what is no longer in the set. A Certificate is not in
// the set of its Ingress.
const applySetLabel = "applyset.kubernetes.io/part-of"

// wishIngress says what an Ingress asks for: one Certificate for each Secret
// that its TLS section names (contract 1.7).
func wishIngress(ing *networkingv1.Ingress, d Defaults) Wish {
	wish := Wish{Named: map[string]bool{}}
	for _, tls := range ing.Spec.TLS {
		if tls.SecretName != "" {
			wish.Named[tls.SecretName] = true
		}
	}
	if wish.Asked = asksForCertificate(ing.Annotations, d); !wish.Asked {
		return wish
	}
	read := reader{annotations: ing.Annotations}
	issuer, problem := issuerOf(ing.Annotations, d)
	if problem != "" {
		read.problems = append(read.problems, problem)
	}
	spec, added, annotations := read.spec(), read.names(), read.ingressAnnotations(ing.Name, d)
	hosts, order := tlsHosts(ing.Spec.TLS, &wish)
	wish.Problems = append(read.problems, wish.Problems...)
	if len(read.problems) > 0 {
		return wish
	}
	labels := maps.Clone(ing.Labels)
	delete(labels, applySetLabel)
	for _, secret := range order {
		want := Want{Name: secret, Labels: labels, Annotations: annotations, Spec: *spec.DeepCopy()}
		want.Spec.SecretName, want.Spec.IssuerRef = secret, issuer
		want.Spec.CommonName = added.common
		want.Spec.DNSNames, want.Spec.IPAddresses = splitHosts(hosts[secret], added)
		want.Spec.EmailAddresses, want.Spec.URIs = distinct(added.emails), distinct(added.uri)
		wish.Certificates = append(wish.Certificates, want)
	}
	return wish
}

// tlsHosts gathers the hosts of each Secret, and the Secrets in the order in
// which they are first named. A Secret with an entry that is wrong is left
// out, so that the Certificate is not made for half of the hosts.
func tlsHosts(entries []networkingv1.IngressTLS, wish *Wish) (hosts map[string][]string, order []string) {
	hosts = map[string][]string{}
	wrong := map[string]bool{}
	for i, tls := range entries {
		switch {
		case tls.SecretName == "":
			wish.Problems = append(wish.Problems, fmt.Sprintf("spec.tls[%d].secretName must name the Secret that is to hold the certificate", i))
			continue
		case len(tls.Hosts) == 0:
			wish.Problems = append(wish.Problems, fmt.Sprintf("spec.tls[%d].hosts must name the hosts of the certificate", i))
			wrong[tls.SecretName] = true
		}
		if !slices.Contains(order, tls.SecretName) {
			order = append(order, tls.SecretName)
		}
		hosts[tls.SecretName] = append(hosts[tls.SecretName], tls.Hosts...)
	}
	return hosts, slices.DeleteFunc(order, func(secret string) bool { return wrong[secret] })
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

// ingressAnnotations are the annotations of the Certificates: how an HTTP-01
// challenge is to be solved, and what the operator copies for everyone.
func (r *reader) ingressAnnotations(ingress string, d Defaults) map[string]string {
	annotations := map[string]string{}
	for _, key := range d.ExtraAnnotations {
		if v, ok := r.annotations[key]; ok {
			annotations[key] = v
		}
	}
	if r.annotations[acmev1.IngressEditInPlaceAnnotationKey] == "true" {
		annotations[acmev1.ACMECertificateHTTP01IngressNameOverride] = ingress
		// Many ingress controllers do not serve an Ingress whose TLS Secret is
		// missing, and then the challenge could not be solved through it.
		annotations[cmv1.IssueTemporaryCertificateAnnotation] = "true"
	}
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
