package compat

import "strings"

// solverExtensions are the paths within a solver, which Issuer, ClusterIssuer
// and Challenge embed, that our types have and theirs do not.
var solverExtensions = []string{
	".http01.nameservers",
	".dns01.nameservers", // theirs after v1.21
	".dns01.provider",
}

// extensions are the paths that our types have and theirs do not, described in
// docs/extensions.md.
var extensions = allExtensions()

func allExtensions() []string {
	all := []string{"Certificate.spec.secretDeletionPolicy", "Certificate.spec.revocationPolicy", "Certificate.status.reissue"}
	for _, kind := range []string{"Issuer", "ClusterIssuer"} {
		all = append(all,
			kind+".spec.ca.neverOutliveCA",
			kind+".spec.ca.reissueOnRotation",
			kind+".spec.ca.crl",
			kind+".spec.acme.renewalInformationSource", // theirs after v1.21
		)
		for _, path := range solverExtensions {
			all = append(all, kind+".spec.acme.solvers[]"+path)
		}
	}
	for _, path := range solverExtensions {
		all = append(all, "Challenge.spec.solver"+path)
	}
	return all
}

// isExtension reports whether a path is an extension or lies below one.
func isExtension(path string) bool {
	for _, extension := range extensions {
		rest, below := strings.CutPrefix(path, extension)
		if below && (rest == "" || strings.ContainsAny(rest[:1], ".[{")) {
			return true
		}
	}
	return false
}

// withoutExtensions removes extensions from a decoded JSON object, which is at
// the path.
func withoutExtensions(path string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if isExtension(path + "." + key) {
				delete(value, key)
				continue
			}
			withoutExtensions(path+"."+key, inner)
		}
	case []any:
		for _, inner := range value {
			withoutExtensions(path+"[]", inner)
		}
	}
	return value
}
