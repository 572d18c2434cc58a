package acme

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// errNoKeyChange is returned by KeyChange without asking, if the directory names no resource for it.
var errNoKeyChange = errors.New("change key: the CA does not offer it")

// KeyChange replaces the account's key by another one (RFC 8555 7.3.5), with which the client, and those that WithAccount made of
// it, sign from then on; no other request of theirs is under way meanwhile. Store the new key before: if the answer is lost, the
// server may know either, and NewAccount with OnlyReturnExisting, asked with the new key, tells which. After an error the client
// signs with the old key. The error is one that IsKeyChangeUnsupported knows if the server can not do this.
func (c *Client) KeyChange(ctx context.Context, key crypto.Signer) error {
	if c.accountURL == "" {
		return fmt.Errorf("%s: %w", ActionChangeKey.words(), errNoAccount)
	}
	directory, err := c.Directory(ctx)
	if err != nil {
		return err
	}
	if directory.KeyChange == "" {
		return errNoKeyChange
	}
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	if c.account.key == nil {
		return errNoKey
	}
	payload, err := signKeyChange(directory.KeyChange, c.accountURL, c.account.key.Public(), key)
	if err != nil {
		return err
	}
	if _, err = c.postByKey(ctx, post{action: ActionChangeKey, url: directory.KeyChange, payload: payload}); err != nil {
		c.forgetDirectoryOn(err)
		return err
	}
	return c.account.set(key)
}

// signKeyChange makes the inner JWS: signed by the new key, which it carries as jwk, without a nonce, for the same url as the
// outer one; the payload names the account and the old key (RFC 8555 7.3.5).
func signKeyChange(url, accountURL string, old crypto.PublicKey, key crypto.Signer) (json.RawMessage, error) {
	algorithm, err := signatureAlgorithm(key.Public())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ActionChangeKey.words(), err)
	}
	payload, err := json.Marshal(struct {
		Account string           `json:"account"`
		OldKey  *jose.JSONWebKey `json:"oldKey"`
	}{accountURL, &jose.JSONWebKey{Key: old}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ActionChangeKey.words(), err)
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithHeader("url", url)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: accountSigner{key: key, algorithm: algorithm}}, options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ActionChangeKey.words(), err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ActionChangeKey.words(), err)
	}
	return json.RawMessage(object.FullSerialize()), nil
}

// IsKeyChangeUnsupported tells that the server has no key change: its directory names none, or nothing is there. The old key
// remains the account's.
func IsKeyChangeUnsupported(err error) bool {
	if errors.Is(err, errNoKeyChange) {
		return true
	}
	if actionOf(err) != ActionChangeKey {
		return false
	}
	switch statusOf(err) {
	case http.StatusNotImplemented, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return false
}
