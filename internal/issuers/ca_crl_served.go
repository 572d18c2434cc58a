package issuers

import (
	"errors"

	corev1 "k8s.io/api/core/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// ReadRevocationLists returns the lists in a Secret, by their names in URLs. It
// is an error if the Secret is one for something else: nothing of such a Secret
// may be shown to anybody.
func ReadRevocationLists(secret *corev1.Secret) (map[string]*pki.RevocationList, error) {
	if secret.Type != cmv1.RevocationListSecretType {
		return nil, errors.New("read revocation lists: the Secret is one for something else")
	}
	return readLedger(secret).lists, nil
}
