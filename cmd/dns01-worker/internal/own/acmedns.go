package own

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// acmeDNS is a server that answers for a name of its own per account, to which
// a CNAME leads. It keeps the two newest values of an account, so that wildcard
// and apex of one name fit.
type acmeDNS struct {
	base     string
	accounts map[string]acmeDNSAccount
}

// acmeDNSAccount is what the server answers to a registration, as other clients
// store it too.
type acmeDNSAccount struct {
	Username  string `json:"username"`
	Password  string `json:"password"`
	SubDomain string `json:"subdomain"`
}

func newACMEDNS(values map[string]string) (Provider, error) {
	p := &acmeDNS{base: first(values, "ACME_DNS_API_BASE")}
	if p.base == "" {
		return nil, errors.New("the URL of the server is not given")
	}
	if !strings.Contains(p.base, "://") {
		p.base = "https://" + p.base
	}
	if err := json.Unmarshal([]byte(values["ACME_DNS_ACCOUNTS"]), &p.accounts); err != nil {
		// The error of the decoder could quote what is in the Secret.
		return nil, errors.New("the accounts are not a JSON object from domain to account")
	}
	return p, nil
}

// Ensure implements Provider.
func (p *acmeDNS) Ensure(ctx context.Context, request wire.Request) error {
	account, ok := p.accounts[request.Domain]
	if !ok {
		return wire.ConfigError{Err: fmt.Errorf("there is no account for %s among those given: register one at the server and add it", request.Domain)}
	}
	if account.Username == "" || account.Password == "" || account.SubDomain == "" {
		return wire.ConfigError{Err: fmt.Errorf("the account for %s lacks username, password or subdomain", request.Domain)}
	}
	api := newREST("acme-dns", p.base, http.Header{"X-Api-User": {account.Username}, "X-Api-Key": {account.Password}})
	return api.do(ctx, http.MethodPost, "/update", map[string]string{"subdomain": account.SubDomain, "txt": request.Value}, nil)
}

// Remove implements Provider. The server knows no removal: a value goes when
// newer ones come.
func (p *acmeDNS) Remove(context.Context, wire.Request) error { return nil }
