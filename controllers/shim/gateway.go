package shim

import (
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// wishGateway says what a Gateway asks for: one Certificate for each Secret
// that its listeners refer to, for the hostnames of these (contract 1.7).
func wishGateway(gw *gwapi.Gateway, d Defaults) Wish {
	wish := wishListeners(gw, gw.Spec.Listeners, d, func(*reader) parent {
		return parent{kind: gatewayKind, name: gw.Name}
	})
	wish.misplaced(gw.Annotations, acmev1.ACMECertificateHTTP01ParentRefFallback, "a "+listenerSetKind)
	return wish
}

// wishListenerSet does the same for a ListenerSet. The annotations are its own;
// those of its Gateway say nothing about it.
func wishListenerSet(set *gwapi.ListenerSet, d Defaults) Wish {
	return wishListeners(set, listenersOfSet(set), d, func(r *reader) parent {
		if !r.boolean(acmev1.ACMECertificateHTTP01ParentRefFallback) {
			return parent{kind: listenerSetKind, name: set.Name}
		}
		gateway := parent{kind: gatewayKind, name: string(set.Spec.ParentRef.Name), namespace: set.Namespace}
		if other := set.Spec.ParentRef.Namespace; other != nil && *other != "" {
			gateway.namespace = string(*other)
		}
		return gateway
	})
}

// listenersOfSet: an entry has the same fields as a listener.
func listenersOfSet(set *gwapi.ListenerSet) []gwapi.Listener {
	listeners := make([]gwapi.Listener, 0, len(set.Spec.Listeners))
	for _, entry := range set.Spec.Listeners {
		listeners = append(listeners, gwapi.Listener(entry))
	}
	return listeners
}

// parent is what the HTTPRoute of an HTTP-01 challenge is to be attached to.
// Without a namespace it is in the one of the challenge.
type parent struct{ kind, name, namespace string }

func (p parent) annotate(annotations map[string]string) {
	annotations[acmev1.ACMECertificateHTTP01ParentRefKind] = p.kind
	annotations[acmev1.ACMECertificateHTTP01ParentRefName] = p.name
	if p.namespace != "" {
		annotations[acmev1.ACMECertificateHTTP01ParentRefNamespace] = p.namespace
	}
}

func wishListeners(object metav1.Object, listeners []gwapi.Listener, d Defaults, route func(*reader) parent) Wish {
	wish := Wish{Named: map[string]bool{}}
	for _, secret := range secretsOfListeners(listeners) {
		wish.Named[secret] = true
	}
	// No annotation but those that name an issuer speaks for a Gateway.
	d.AutoAnnotations = nil
	if wish.Asked = asksForCertificate(object.GetAnnotations(), d); !wish.Asked {
		return wish
	}
	wish.misplaced(object.GetAnnotations(), acmev1.IngressEditInPlaceAnnotationKey, "an "+ingressKind)
	wish.certificates(object, d, listenerHosts(object, listeners, d, &wish), func(r *reader) map[string]string {
		annotations := r.solverIngress()
		route(r).annotate(annotations)
		return annotations
	})
	return wish
}

// listenerHosts gathers the hosts of each Secret. A listener that is wrong is
// skipped; another one with the same Secret is not, as one without a hostname
// may well stand besides those that have one.
func listenerHosts(object metav1.Object, listeners []gwapi.Listener, d Defaults, wish *Wish) hosts {
	read := reader{annotations: object.GetAnnotations()}
	ignored := read.list(cmv1.CertificateIgnoreTLSListeners)
	served, declined := hosts{}, []string{}
	for i := range listeners {
		l := &listeners[i]
		switch {
		case slices.Contains(ignored, string(l.Name)) || isPassthrough(l):
			declined = append(declined, secretsOf(l)...)
		case !takesCertificates(l.Protocol, d):
		default:
			wrong := listenerProblems(l, object.GetNamespace())
			for _, problem := range wrong {
				wish.problem("listener %s: %s", l.Name, problem)
			}
			if len(wrong) > 0 {
				continue
			}
			for _, secret := range secretsOf(l) {
				served.add(secret, string(*l.Hostname))
			}
		}
	}
	for _, name := range ignored {
		if !slices.ContainsFunc(listeners, func(l gwapi.Listener) bool { return string(l.Name) == name }) {
			wish.problem("%s must name listeners, separated by commas, and there is none called %q", cmv1.CertificateIgnoreTLSListeners, name)
		}
	}
	for _, secret := range declined {
		if served.of[secret] == nil {
			if wish.Declined == nil {
				wish.Declined = map[string]bool{}
			}
			wish.Declined[secret] = true
		}
	}
	return served
}

func takesCertificates(protocol gwapi.ProtocolType, d Defaults) bool {
	return protocol == gwapi.HTTPSProtocolType || protocol == gwapi.TLSProtocolType || slices.Contains(d.ExtraProtocols, string(protocol))
}

// isPassthrough: TLS ends behind the Gateway, and so does our business.
func isPassthrough(l *gwapi.Listener) bool {
	return l.TLS != nil && l.TLS.Mode != nil && *l.TLS.Mode == gwapi.TLSModePassthrough
}

// listenerProblems says why a listener can have no certificate.
func listenerProblems(l *gwapi.Listener, namespace string) (problems []string) {
	if l.Hostname == nil || *l.Hostname == "" {
		problems = append(problems, "hostname must name the host of the certificate; for a listener of all hosts, make a Certificate and list the listener in "+cmv1.CertificateIgnoreTLSListeners)
	}
	if l.TLS == nil || len(l.TLS.CertificateRefs) == 0 {
		return append(problems, "tls.certificateRefs must name the Secret that is to hold the certificate")
	}
	if l.TLS.Mode != nil && *l.TLS.Mode != gwapi.TLSModeTerminate {
		problems = append(problems, "tls.mode must be Terminate, not "+strconv.Quote(string(*l.TLS.Mode)))
	}
	for _, ref := range l.TLS.CertificateRefs {
		switch {
		case !isSecret(ref):
			problems = append(problems, "tls.certificateRefs must be of the kind Secret, and "+string(ref.Name)+" is not")
		case ref.Namespace != nil && string(*ref.Namespace) != namespace:
			problems = append(problems, "tls.certificateRefs must be in the namespace "+namespace+", and "+string(*ref.Namespace)+"/"+string(ref.Name)+
				" is not: make a Certificate there, and list the listener in "+cmv1.CertificateIgnoreTLSListeners)
		}
	}
	return problems
}

func isSecret(ref gwapi.SecretObjectReference) bool {
	return (ref.Group == nil || *ref.Group == "" || *ref.Group == "core") && (ref.Kind == nil || *ref.Kind == "" || *ref.Kind == "Secret")
}

// secretsOf are the Secrets that a listener refers to, wherever they are.
func secretsOf(l *gwapi.Listener) (names []string) {
	if l.TLS == nil {
		return nil
	}
	for _, ref := range l.TLS.CertificateRefs {
		if isSecret(ref) && ref.Name != "" {
			names = append(names, string(ref.Name))
		}
	}
	return names
}

func secretsOfListeners(listeners []gwapi.Listener) (names []string) {
	for i := range listeners {
		names = append(names, secretsOf(&listeners[i])...)
	}
	return distinct(names)
}

// boolean reads an annotation that is true or false; false without it.
func (r *reader) boolean(key string) bool {
	text, ok := r.annotations[key]
	if !ok {
		return false
	}
	yes, err := strconv.ParseBool(strings.TrimSpace(text))
	if err != nil {
		r.wrong(key, "must be true or false, not %q", text)
	}
	return yes
}
