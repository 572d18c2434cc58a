package acme

import (
	"context"
	"net/http"
	"time"
)

// Status is the state of an account, order, authorization or challenge (RFC 8555 7.1.6). Servers may use others.
type Status string

const (
	StatusPending     Status = "pending"
	StatusReady       Status = "ready"
	StatusProcessing  Status = "processing"
	StatusValid       Status = "valid"
	StatusInvalid     Status = "invalid"
	StatusDeactivated Status = "deactivated"
	StatusExpired     Status = "expired"
	StatusRevoked     Status = "revoked"
)

// Account is a registration with the server (RFC 8555 7.1.2).
type Account struct {
	// URL identifies the account; store it, and give it to Config.AccountURL.
	URL string
	// Status is valid, deactivated or revoked.
	Status  Status
	Contact []string
	// Created is true if this request created the account, false if it existed.
	Created    bool
	RetryAfter time.Time
}

// AccountRequest asks for an account (RFC 8555 7.3).
type AccountRequest struct {
	// Contact holds URLs, such as "mailto:admin@example.com". May be empty.
	Contact []string
	// TermsAgreed is the consent to the terms of service in the directory's metadata.
	TermsAgreed bool
	// OnlyReturnExisting looks the key's account up and creates none: the error is then one that IsAccountDoesNotExist knows.
	OnlyReturnExisting bool
	// EAB is nil when the server needs none, or when only looking up.
	EAB *ExternalAccountBinding
}

// MailContact is the contact URL of a mail address (RFC 6068).
func MailContact(address string) string { return "mailto:" + address }

// accountDocument is an account on the wire.
type accountDocument struct {
	Status  Status   `json:"status"`
	Contact []string `json:"contact"`
}

// NewAccount creates the key's account, or finds it: the server knows the account by the key, so that asking twice does no harm
// (RFC 8555 7.3, 7.3.1). The client does not begin to use the account: see WithAccount.
func (c *Client) NewAccount(ctx context.Context, request AccountRequest) (*Account, error) {
	key := c.account.signer()
	if key == nil {
		return nil, errNoKey
	}
	directory, err := c.Directory(ctx)
	if err != nil {
		return nil, err
	}
	payload := struct {
		Contact            []string `json:"contact,omitempty"`
		TermsAgreed        bool     `json:"termsOfServiceAgreed,omitempty"`
		OnlyReturnExisting bool     `json:"onlyReturnExisting,omitempty"`
		EAB                any      `json:"externalAccountBinding,omitempty"`
	}{Contact: request.Contact, TermsAgreed: request.TermsAgreed, OnlyReturnExisting: request.OnlyReturnExisting}
	if request.EAB != nil {
		if payload.EAB, err = request.EAB.sign(directory.NewAccount, key.Public()); err != nil {
			return nil, err
		}
	}
	a, err := c.post(ctx, post{action: ActionCreateAccount, url: directory.NewAccount, payload: payload, byKey: true})
	if err != nil {
		c.forgetDirectoryOn(err)
		return nil, err
	}
	url, err := a.location()
	if err != nil {
		return nil, a.unusable("no account URL", err)
	}
	return a.account(url)
}

// GetAccount fetches the client's account (RFC 8555 7.3.1).
func (c *Client) GetAccount(ctx context.Context) (*Account, error) {
	a, err := c.post(ctx, post{action: ActionGetAccount, url: c.accountURL})
	if err != nil {
		return nil, err
	}
	return a.account(c.accountURL)
}

// UpdateAccount replaces the account's contacts (RFC 8555 7.3.2). An empty list removes them.
func (c *Client) UpdateAccount(ctx context.Context, contact []string) (*Account, error) {
	payload := struct {
		Contact []string `json:"contact"`
	}{Contact: append([]string{}, contact...)} // never null, which would mean no change
	a, err := c.post(ctx, post{action: ActionUpdateAccount, url: c.accountURL, payload: payload})
	if err != nil {
		return nil, err
	}
	return a.account(c.accountURL)
}

// DeactivateAccount ends the client's account for good: the server takes no further request by its key, and orders that are under
// way are given up (RFC 8555 7.3.6). Certificates stay valid.
func (c *Client) DeactivateAccount(ctx context.Context) (*Account, error) {
	payload := struct {
		Status Status `json:"status"`
	}{StatusDeactivated}
	a, err := c.post(ctx, post{action: ActionDeactivateAccount, url: c.accountURL, payload: payload})
	if err != nil {
		return nil, err
	}
	return a.account(c.accountURL)
}

func (a *answer) account(url string) (*Account, error) {
	var document accountDocument
	if err := a.decode(&document); err != nil {
		return nil, err
	}
	if document.Status == "" {
		return nil, a.unusable("not an account", missingMember("status"))
	}
	return &Account{
		URL:        url,
		Status:     document.Status,
		Contact:    document.Contact,
		Created:    a.status == http.StatusCreated,
		RetryAfter: a.retryAfter,
	}, nil
}
