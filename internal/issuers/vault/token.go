package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Token is a token and what is known of its life.
type Token struct {
	Value string
	// TTL is the life that is left; zero: it does not run out.
	TTL time.Duration
	// Renewable says whether Renew can make it live longer.
	Renewable bool
	// Uses is how many requests it is good for; zero: any number.
	Uses int
}

// String hides the token from logs.
func (Token) String() string { return "a Vault token" }

// GoString hides it as well.
func (t Token) GoString() string { return t.String() }

func (a *answer) token() Token {
	return Token{Value: a.Auth.ClientToken, TTL: seconds(a.Auth.LeaseDuration), Renewable: a.Auth.Renewable, Uses: a.Auth.NumUses}
}

// maxTTL is more than any token lives, and far from what a Duration can not hold.
const maxTTL = 10 * 365 * 24 * time.Hour

func seconds(n int64) time.Duration {
	if n <= 0 {
		return 0
	}
	return time.Duration(min(n, int64(maxTTL/time.Second))) * time.Second
}

// Lookup asks how long a token lives. The default policy allows it.
func (c *Client) Lookup(ctx context.Context, token string) (Token, error) {
	const doing = "look up token"
	a, err := c.do(ctx, call{doing: doing, method: http.MethodGet, path: "/v1/auth/token/lookup-self", token: token})
	if err != nil {
		return Token{}, err
	}
	var data struct {
		TTL       int64 `json:"ttl"` // seconds
		Renewable bool  `json:"renewable"`
		NumUses   int   `json:"num_uses"`
	}
	if err := json.Unmarshal(a.Data, &data); err != nil {
		return Token{}, fmt.Errorf("%s: the answer of Vault has no data", doing)
	}
	return Token{Value: token, TTL: seconds(data.TTL), Renewable: data.Renewable, Uses: data.NumUses}, nil
}

// Renew makes a token live longer, for as long as its role says and at most to
// its maximum. The default policy allows it.
func (c *Client) Renew(ctx context.Context, token string) (Token, error) {
	a, err := c.do(ctx, call{doing: "renew token", method: http.MethodPost, path: "/v1/auth/token/renew-self", token: token, body: struct{}{}})
	if err != nil {
		return Token{}, err
	}
	if a.Auth == nil || a.Auth.ClientToken == "" {
		return Token{}, errNoToken
	}
	return a.token(), nil
}
