package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"

	"github.com/certwright/certwright/internal/issuers/vault/awsiam"
)

// Login is a request for a token by one of the auth methods.
type Login struct {
	path    string
	body    map[string]string
	secrets []string
}

// AppRole logs in with a role ID and a secret ID. The mount is a name like
// approle, below /v1/auth.
func AppRole(mount, roleID, secretID string) Login {
	return Login{
		path:    path.Join("/v1/auth", mount, "login"),
		body:    map[string]string{"role_id": roleID, "secret_id": secretID},
		secrets: []string{secretID},
	}
}

// Kubernetes logs in with the token of a service account. The mount is a whole
// path like /v1/auth/kubernetes, as it is for the methods below.
func Kubernetes(mount, role, jwt string) Login {
	return Login{path: path.Join(mount, "login"), body: map[string]string{"role": role, "jwt": jwt}, secrets: []string{jwt}}
}

// Certificate logs in with the certificate of the client's connections. Without
// a name, Vault tries all its certificate roles.
func Certificate(mount, name string) Login {
	body := map[string]string{}
	if name != "" {
		body["name"] = name
	}
	return Login{path: path.Join(mount, "login"), body: body}
}

// AWS logs in with a request to AWS that Vault carries out itself to learn who
// has signed it.
func AWS(mount, role string, signed awsiam.SignedRequest) (Login, error) {
	headers, err := json.Marshal(signed.Header)
	if err != nil {
		return Login{}, fmt.Errorf("encode headers of the request to AWS: %w", err)
	}
	encode := base64.StdEncoding.EncodeToString
	return Login{
		path: path.Join(mount, "login"),
		body: map[string]string{
			"role":                    role,
			"iam_http_request_method": signed.Method,
			"iam_request_url":         encode([]byte(signed.URL)),
			"iam_request_body":        encode([]byte(signed.Body)),
			"iam_request_headers":     encode(headers),
		},
		secrets: []string{encode(headers), signed.Header.Get("Authorization"), signed.Header.Get("X-Amz-Security-Token")},
	}, nil
}

// errNoToken: Vault wants a second factor, or something else has answered.
var errNoToken = errors.New("log in: Vault answered without a token; a login that needs a second factor can not be used")

// Login gets a token.
func (c *Client) Login(ctx context.Context, l Login) (Token, error) {
	a, err := c.do(ctx, call{doing: "log in", method: http.MethodPost, path: l.path, body: l.body, secrets: l.secrets})
	if err != nil {
		return Token{}, err
	}
	if a.Auth == nil || a.Auth.ClientToken == "" {
		return Token{}, errNoToken
	}
	return a.token(), nil
}
