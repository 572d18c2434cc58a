package lifecycle

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// ReasonForeignSecret: spec.secretName names a Secret that can not be one of a
// certificate.
const ReasonForeignSecret = "ForeignSecret"

// secretsOfOthers are types of Secrets that a controller fills, of which a
// certificate would take a part away: a token of a service account has its CA
// under ca.crt, too. Whoever may make Certificates but not write Secrets could
// have clients of the API server trust another one.
var secretsOfOthers = map[corev1.SecretType]string{
	corev1.SecretTypeServiceAccountToken: "the token of a service account",
	corev1.SecretTypeBootstrapToken:      "a token by which nodes join the cluster",
	cmv1.RevocationListSecretType:        "where the revocation lists of a CA are kept",
}

// ofOthers says what the Secret is, if no certificate may be put there.
func (s *StoredSecret) ofOthers() string {
	if s == nil {
		return ""
	}
	return secretsOfOthers[s.Type]
}

// refuseSecret leaves a Secret alone. When it is deleted, or the Certificate
// names another one, the Certificate is looked at again.
func (c *certificateLadder) refuseSecret() {
	message := fmt.Sprintf("Secret %q is %s, and no certificate is stored there; give the Certificate another secretName", c.seen.Certificate.Spec.SecretName, c.seen.Secret.ofOthers())
	if c.unready(ReasonForeignSecret, message) {
		c.event(Warning, ReasonForeignSecret, message)
	}
	c.clearIssuing()
	c.removeLeftKey()
}
