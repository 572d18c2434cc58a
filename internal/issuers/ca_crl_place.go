package issuers

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// Where the revocation lists of CA issuers are: in which Secret, under which
// key of its data, at which URL.

const (
	// ListSuffix and expiriesSuffix follow the key identifier of a CA's key, in
	// hexadecimal, in the data of a Secret with lists; ListSuffix in URLs too.
	ListSuffix     = ".crl"
	expiriesSuffix = ".expiries"

	// ClusterIssuers stands in URLs where Issuers have their namespace. No
	// namespace has an underscore in its name.
	ClusterIssuers = "_cluster"
)

// listSecretOf is the Secret with the lists of an issuer that keeps some.
func listSecretOf(issuer cmv1.GenericIssuer, clusterResourceNamespace string) types.NamespacedName {
	return types.NamespacedName{Namespace: secretNamespace(issuer, clusterResourceNamespace), Name: cmv1.RevocationListSecret(issuer)}
}

func listKey(keyID []byte) string { return hex.EncodeToString(keyID) + ListSuffix }

func keyIDOf(listKey string) ([]byte, error) {
	id, err := hex.DecodeString(strings.TrimSuffix(listKey, ListSuffix))
	if err != nil {
		return nil, fmt.Errorf("read name of revocation list %q: %w", listKey, err)
	}
	return id, nil
}

// RevocationListPath is where the list of a key of an issuer is served, below
// the base URL of the installation.
func RevocationListPath(issuer cmv1.GenericIssuer, keyID []byte) string {
	namespace := issuer.GetNamespace()
	if namespace == "" {
		namespace = ClusterIssuers
	}
	return strings.Join([]string{namespace, issuer.GetName(), listKey(keyID)}, "/")
}

// listURL is where relying parties find the list of a key of an issuer; empty
// if nobody has said so.
func listURL(issuer cmv1.GenericIssuer, keyID []byte, base string) string {
	crl := issuer.GetSpec().CA.CRL
	switch {
	case crl.URL != "":
		return crl.URL
	case base == "":
		return ""
	}
	return strings.TrimSuffix(base, "/") + "/" + RevocationListPath(issuer, keyID)
}

// distributionPoints are those of the certificates that a CA signs. A CA that
// can not sign a list gets no URL of one: relying parties that insist on a
// list would refuse its certificates.
func distributionPoints(issuer cmv1.GenericIssuer, pair *keyPair, base string) []string {
	spec := issuer.GetSpec().CA
	points := spec.CRLDistributionPoints
	if spec.CRL == nil {
		return points
	}
	by, err := pki.NewListSigner(pair.cert, pair.key)
	if err != nil {
		return points
	}
	if url := listURL(issuer, by.KeyID, base); url != "" && !slices.Contains(points, url) {
		return append(slices.Clone(points), url)
	}
	return points
}
