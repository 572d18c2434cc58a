package main

import (
	"strings"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// parseIssuer reads NAME, KIND/NAME or KIND.GROUP/NAME.
func parseIssuer(text string) (*cmmeta.IssuerReference, error) {
	kind, name, qualified := strings.Cut(text, "/")
	if !qualified {
		kind, name = cmv1.IssuerKind, text
	}
	kind, group, _ := strings.Cut(kind, ".")
	switch strings.ToLower(kind) { // kubectl takes kinds in small letters too
	case "issuer", "issuers":
		kind = cmv1.IssuerKind
	case "clusterissuer", "clusterissuers":
		kind = cmv1.ClusterIssuerKind
	}
	if kind == "" || name == "" || strings.Contains(name, "/") {
		return nil, usage("--issuer %s: write NAME, KIND/NAME or KIND.GROUP/NAME", text)
	}
	if group == "" {
		group = cmv1.GroupName
	}
	return &cmmeta.IssuerReference{Kind: kind, Group: group, Name: name}, nil
}

// issuerText is the short form of a reference: what parseIssuer reads.
func issuerText(ref *cmmeta.IssuerReference) string {
	if ref == nil {
		return ""
	}
	kind := ref.Kind
	if kind == "" {
		kind = cmv1.IssuerKind
	}
	if ref.Group != "" && ref.Group != cmv1.GroupName {
		kind += "." + ref.Group
	}
	return kind + "/" + ref.Name
}
