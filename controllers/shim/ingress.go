package shim

import (
	"slices"
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// wishIngress says what an Ingress asks for: one Certificate for each Secret
// that its TLS section names (contract 1.7).
func wishIngress(ing *networkingv1.Ingress, d Defaults) Wish {
	wish := Wish{Named: map[string]bool{}}
	for _, secret := range secretsOfIngress(ing) {
		wish.Named[secret] = true
	}
	if wish.Asked = asksForCertificate(ing.Annotations, d); !wish.Asked {
		for _, key := range d.AutoAnnotations {
			if text, ok := ing.Annotations[key]; ok && !isBoolean(text) {
				wish.problem("%s must be true or false, not %q", key, text)
			}
		}
		return wish
	}
	wish.misplaced(ing.Annotations, cmv1.CertificateIgnoreTLSListeners, "a "+gatewayKind+" or "+listenerSetKind)
	wish.misplaced(ing.Annotations, acmev1.ACMECertificateHTTP01ParentRefFallback, "a "+listenerSetKind)
	wish.certificates(ing, d, tlsHosts(ing.Spec.TLS, &wish), func(r *reader) map[string]string {
		annotations := r.solverIngress()
		switch inPlace, ok := r.annotations[acmev1.IngressEditInPlaceAnnotationKey]; {
		case ok && !isBoolean(inPlace):
			// The operator before this one takes it for false, and issues.
			wish.problem("%s must be true or false, not %q", acmev1.IngressEditInPlaceAnnotationKey, inPlace)
		case inPlace == "true":
			annotations[acmev1.ACMECertificateHTTP01IngressNameOverride] = ing.Name
			// Many ingress controllers do not serve an Ingress whose TLS Secret is
			// missing, and then the challenge could not be solved through it.
			annotations[cmv1.IssueTemporaryCertificateAnnotation] = "true"
		}
		return annotations
	})
	return wish
}

func isBoolean(text string) bool {
	_, err := strconv.ParseBool(text)
	return err == nil
}

// tlsHosts gathers the hosts of each Secret. A Secret with an entry that is
// wrong is left out, so that the Certificate is not made for half of the hosts.
func tlsHosts(entries []networkingv1.IngressTLS, wish *Wish) hosts {
	served := hosts{}
	wrong := map[string]bool{}
	for i, tls := range entries {
		switch {
		case tls.SecretName == "":
			wish.problem("spec.tls[%d].secretName must name the Secret that is to hold the certificate", i)
			continue
		case len(tls.Hosts) == 0:
			wish.problem("spec.tls[%d].hosts must name the hosts of the certificate", i)
			wrong[tls.SecretName] = true
		}
		served.add(tls.SecretName, tls.Hosts...)
	}
	served.order = slices.DeleteFunc(served.order, func(secret string) bool { return wrong[secret] })
	return served
}

func secretsOfIngress(ing *networkingv1.Ingress) []string {
	var names []string
	for _, tls := range ing.Spec.TLS {
		if tls.SecretName != "" {
			names = append(names, tls.SecretName)
		}
	}
	return distinct(names)
}
