// Package auth lets nobody in.
package auth

import "net/http"

// SecretProvider returns a user's secret.
type SecretProvider func(user, realm string) string

// BasicAuth refuses all requests.
type BasicAuth struct {
	Realm   string
	Secrets SecretProvider
}

// RequireAuth refuses the request.
func (*BasicAuth) RequireAuth(w http.ResponseWriter, _ *http.Request) { refuse(w) }

// CheckSecret reports that the password is wrong.
func CheckSecret(_, _ string) bool { return false }

// DigestAuth refuses all requests.
type DigestAuth struct{}

// NewDigestAuthenticator returns an authenticator.
func NewDigestAuthenticator(string, SecretProvider) *DigestAuth { return &DigestAuth{} }

// CheckAuth finds no user.
func (*DigestAuth) CheckAuth(*http.Request) (user string, info *string) { return "", nil }

// RequireAuth refuses the request.
func (*DigestAuth) RequireAuth(w http.ResponseWriter, _ *http.Request) { refuse(w) }

// RequireAuthStale refuses the request.
func (*DigestAuth) RequireAuthStale(w http.ResponseWriter, _ *http.Request) { refuse(w) }

// DigestAuthParams finds no parameters.
func DigestAuthParams(string) map[string]string { return nil }

func refuse(w http.ResponseWriter) {
	http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
}
