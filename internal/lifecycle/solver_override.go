package lifecycle

import (
	"slices"

	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// override applies the annotations of an Order to an HTTP-01 solver (contract
// 1.7).
func override(solver *acmev1.ACMEChallengeSolver, annotations map[string]string) {
	switch {
	case solver.HTTP01 == nil:
	case solver.HTTP01.Ingress != nil:
		overrideIngress(solver.HTTP01.Ingress, annotations)
	case solver.HTTP01.GatewayHTTPRoute != nil:
		overrideParent(solver.HTTP01.GatewayHTTPRoute, annotations)
	}
}

// overrideIngress: the annotations exclude each other as the fields do, so that
// each of them clears the others.
func overrideIngress(ingress *acmev1.ACMEChallengeSolverHTTP01Ingress, annotations map[string]string) {
	if name := annotations[acmev1.ACMECertificateHTTP01IngressNameOverride]; name != "" {
		ingress.Name, ingress.Class, ingress.IngressClassName = name, nil, nil
		return
	}
	if class := annotations[acmev1.ACMECertificateHTTP01IngressClassNameOverride]; class != "" {
		ingress.Name, ingress.Class, ingress.IngressClassName = "", nil, &class
		return
	}
	if class := annotations[acmev1.ACMECertificateHTTP01IngressClassOverride]; class != "" {
		ingress.Name, ingress.Class, ingress.IngressClassName = "", &class, nil
	}
}

// overrideParent adds the parent that the annotations name, to those of the
// issuer if there are any: an issuer that names a Gateway for all names goes on
// working. A parent that is there already is not added: two references to one
// parent are refused unless each names a section. Name and kind are required
// together (contract 1.5).
func overrideParent(route *acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute, annotations map[string]string) {
	name, kind := annotations[acmev1.ACMECertificateHTTP01ParentRefName], annotations[acmev1.ACMECertificateHTTP01ParentRefKind]
	if name == "" || kind == "" {
		return
	}
	parent := gwapi.ParentReference{
		Group: new(gwapi.Group(gwapi.GroupName)),
		Kind:  new(gwapi.Kind(kind)),
		Name:  gwapi.ObjectName(name),
	}
	if namespace := annotations[acmev1.ACMECertificateHTTP01ParentRefNamespace]; namespace != "" {
		parent.Namespace = new(gwapi.Namespace(namespace))
	}
	if slices.ContainsFunc(route.ParentRefs, func(p gwapi.ParentReference) bool { return sameParent(p, parent) }) {
		return
	}
	route.ParentRefs = append(slices.Clip(route.ParentRefs), parent)
}

// sameParent compares what is referred to, whatever its section. A reference
// without a namespace is to the route's own, which is not known here and need
// not be: the annotations come from the same namespace then.
func sameParent(a, b gwapi.ParentReference) bool {
	return a.Name == b.Name &&
		set(a.Kind, "Gateway") == set(b.Kind, "Gateway") &&
		set(a.Group, gwapi.GroupName) == set(b.Group, gwapi.GroupName) &&
		set(a.Namespace, "") == set(b.Namespace, "")
}

// set is the value of an optional field.
func set[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}
