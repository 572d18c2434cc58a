package shim

import (
	"fmt"
	"strconv"
	"strings"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// asksForCertificate reports whether an object is the shim's business.
func asksForCertificate(annotations map[string]string, d Defaults) bool {
	for _, key := range []string{cmv1.IngressIssuerNameAnnotationKey, cmv1.IngressClusterIssuerNameAnnotationKey} {
		if _, ok := annotations[key]; ok {
			return true
		}
	}
	for _, key := range d.AutoAnnotations {
		if yes, err := strconv.ParseBool(annotations[key]); err == nil && yes {
			return true
		}
	}
	return false
}

// issuerOf picks the issuer. The problem is empty if there is none.
func issuerOf(annotations map[string]string, d Defaults) (ref cmmeta.IssuerReference, problem string) {
	issuer, named := annotations[cmv1.IngressIssuerNameAnnotationKey]
	cluster, clusterNamed := annotations[cmv1.IngressClusterIssuerNameAnnotationKey]
	kind, hasKind := annotations[cmv1.IssuerKindAnnotationKey]
	group, hasGroup := annotations[cmv1.IssuerGroupAnnotationKey]

	ref = cmmeta.IssuerReference{Name: d.Issuer.Name, Kind: d.Issuer.Kind, Group: d.Issuer.Group}
	switch {
	case named && clusterNamed:
		return ref, fmt.Sprintf("%s and %s exclude each other: remove one", cmv1.IngressIssuerNameAnnotationKey, cmv1.IngressClusterIssuerNameAnnotationKey)
	case clusterNamed && (hasKind || hasGroup):
		return ref, fmt.Sprintf("%s excludes %s and %s: name an issuer of another kind or group with %s",
			cmv1.IngressClusterIssuerNameAnnotationKey, cmv1.IssuerKindAnnotationKey, cmv1.IssuerGroupAnnotationKey, cmv1.IngressIssuerNameAnnotationKey)
	case clusterNamed:
		ref.Name, ref.Kind, ref.Group = cluster, cmv1.ClusterIssuerKind, cmv1.GroupName
	case named:
		ref.Name, ref.Kind = issuer, cmv1.IssuerKind
	}
	if hasKind {
		ref.Kind = kind
	}
	if hasGroup {
		ref.Group = group
	}
	ref.Kind, ref.Group = ref.KindOrDefault(), ref.GroupOrDefault()

	switch {
	case strings.TrimSpace(ref.Name) == "" && (named || clusterNamed):
		return ref, fmt.Sprintf("%s or %s must name an issuer, and is empty", cmv1.IngressIssuerNameAnnotationKey, cmv1.IngressClusterIssuerNameAnnotationKey)
	case ref.Name == "":
		return ref, fmt.Sprintf("no issuer is named and the operator has no default issuer: add %s or %s", cmv1.IngressIssuerNameAnnotationKey, cmv1.IngressClusterIssuerNameAnnotationKey)
	case ref.Group == cmv1.GroupName && ref.Kind != cmv1.IssuerKind && ref.Kind != cmv1.ClusterIssuerKind:
		return ref, fmt.Sprintf("%s must be Issuer or ClusterIssuer, or %s must name the API group of the kind %s", cmv1.IssuerKindAnnotationKey, cmv1.IssuerGroupAnnotationKey, ref.Kind)
	}
	return ref, ""
}
