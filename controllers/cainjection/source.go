package cainjection

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// Sources says which sources count.
type Sources struct {
	// NoCertificates leaves the annotation inject-ca-from to others.
	NoCertificates bool
	// Namespace is the only one with sources; all if empty.
	Namespace string
	// IgnoredNamespaces have none.
	IgnoredNamespaces []string
}

type origin string

const (
	fromSecret      origin = "Secret"
	fromCertificate origin = "Certificate"
	fromAPIServer   origin = "API server"
)

// source is where the CA of a target comes from. The zero value is nowhere.
type source struct {
	origin origin
	key    types.NamespacedName // not of the API server
}

// String is the value of the source in the index.
func (s source) String() string {
	if s.origin == fromAPIServer {
		return string(s.origin)
	}
	return string(s.origin) + " " + s.key.String()
}

// annotations of a target, the first one that is there counts (contract 2.10).
var annotations = []string{cmv1.WantInjectFromSecretAnnotation, cmv1.WantInjectAnnotation, cmv1.WantInjectAPIServerCAAnnotation}

// of reads the annotations of a target. A problem says what a person has to
// mend there.
func (s Sources) of(target map[string]string) (from source, problem string) {
	for _, key := range annotations {
		value, ok := target[key]
		switch {
		case !ok || s.NoCertificates && key == cmv1.WantInjectAnnotation:
			continue
		case key == cmv1.WantInjectAPIServerCAAnnotation:
			return ofAPIServer(value)
		case key == cmv1.WantInjectAnnotation:
			from.origin = fromCertificate
		default:
			from.origin = fromSecret
		}
		namespace, name, found := strings.Cut(value, "/")
		if !found || namespace == "" || name == "" || strings.ContainsAny(name, "/") {
			return source{}, fmt.Sprintf("%s must be the namespace and the name of a %s, such as shop/webhook-tls, not %q", key, from.origin, value)
		}
		if s.Namespace != "" && s.Namespace != namespace || slices.Contains(s.IgnoredNamespaces, namespace) {
			return source{}, ""
		}
		from.key = types.NamespacedName{Namespace: namespace, Name: name}
		return from, ""
	}
	return source{}, ""
}

func ofAPIServer(value string) (source, string) {
	switch value {
	case "true":
		return source{origin: fromAPIServer}, ""
	case "false":
		return source{}, ""
	}
	return source{}, fmt.Sprintf(`%s must be "true", not %q`, cmv1.WantInjectAPIServerCAAnnotation, value)
}

// asks reports whether a target has one of the annotations.
func asks(target map[string]string) bool {
	return slices.ContainsFunc(annotations, func(key string) bool { _, ok := target[key]; return ok })
}
