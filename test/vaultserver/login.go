package vaultserver

import (
	"crypto/x509"
	"net/http"
	"slices"
)

// Login is an auth method: it says what is wrong with a login; nil if nothing.
type Login func(*request) *reply

func refused(status int, message string) *reply {
	answer := refuse(status, message)
	return &answer
}

// AppRole lets in who has a role ID and a secret ID.
func AppRole(roleID, secretID string) Login {
	return func(r *request) *reply {
		var body struct {
			RoleID   string `json:"role_id"`
			SecretID string `json:"secret_id"`
		}
		if refusal := decode(r, &body); refusal != nil {
			return refusal
		}
		if body.RoleID != roleID || body.SecretID != secretID {
			return refused(http.StatusBadRequest, "invalid role or secret ID")
		}
		return nil
	}
}

// ServiceAccount is what the token of one says.
type ServiceAccount struct {
	Namespace, Name string
	Audiences       []string
}

// Kubernetes lets in a service account by a role that is bound to it, and to an
// audience. Review reads a token, and says whether it is good.
func Kubernetes(role string, bound ServiceAccount, review func(jwt string) (ServiceAccount, bool)) Login {
	return func(r *request) *reply {
		var body struct {
			Role string `json:"role"`
			JWT  string `json:"jwt"`
		}
		if refusal := decode(r, &body); refusal != nil {
			return refusal
		}
		if body.Role != role {
			return refused(http.StatusBadRequest, "invalid role name \""+body.Role+"\"")
		}
		got, good := review(body.JWT)
		if !good || got.Namespace != bound.Namespace || got.Name != bound.Name {
			return refused(http.StatusForbidden, "permission denied")
		}
		for _, audience := range bound.Audiences {
			if !slices.Contains(got.Audiences, audience) {
				return refused(http.StatusForbidden, "permission denied") // Vault logs that it is the audience
			}
		}
		return nil
	}
}

// Certificate lets in who shows a certificate of a CA, by a role, or by any if
// none is named.
func Certificate(role string, roots *x509.CertPool) Login {
	return func(r *request) *reply {
		var body struct {
			Name string `json:"name"`
		}
		if refusal := decode(r, &body); refusal != nil {
			return refusal
		}
		if body.Name != "" && body.Name != role {
			return refused(http.StatusBadRequest, "failed to match all constraints for this login certificate")
		}
		if len(r.TLS.PeerCertificates) == 0 {
			return refused(http.StatusBadRequest, "client certificate must be supplied")
		}
		_, err := r.TLS.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if err != nil {
			return refused(http.StatusBadRequest, "invalid certificate or no client certificate supplied")
		}
		return nil
	}
}
