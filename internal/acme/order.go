package acme

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"
)

// Order is a request for one certificate and the state it is in (RFC 8555 7.1.3).
type Order struct {
	// URL identifies the order. Store it before doing anything else with the order. Empty after a Finalize whose answer
	// did not repeat it.
	URL    string
	Status Status
	// Expires is when the server gives the order up. Zero when it did not say, which only valid and invalid orders may.
	Expires     time.Time
	Identifiers []Identifier
	NotBefore   time.Time
	NotAfter    time.Time
	// Profile is the one the server uses (draft-ietf-acme-profiles). Empty when it knows none.
	Profile string
	// Replaces is the certificate identifier that the order renews, as the server understood it (RFC 9773 5).
	Replaces string
	// Error is why the order became invalid. May be nil even then.
	Error *Problem
	// Authorizations are the URLs of what must become valid before the order is ready.
	Authorizations []string
	// FinalizeURL takes the CSR when the order is ready.
	FinalizeURL string
	// CertificateURL has the certificate when the order is valid.
	CertificateURL string
	// RetryAfter is the time before which it is no use to ask again. Zero when the server did not say.
	RetryAfter time.Time
}

// OrderRequest asks for an order (RFC 8555 7.4).
type OrderRequest struct {
	Identifiers []Identifier
	// NotAfter asks for an end of the certificate's life. Zero leaves it to the server. Many servers refuse any other value.
	NotAfter time.Time
	// Profile is one of DirectoryMeta.Profiles. Empty leaves the choice to the server.
	Profile string
	// Replaces is the CertificateID of the certificate to be renewed (RFC 9773 5). A CA may exempt such an order from its rate
	// limits. If it is refused for this reason, see IsReplacesRefused.
	Replaces string
}

// NewOrder creates an order, or returns one that exists: a server may hand out an order of the same identifiers again, in any
// state, and with authorizations that are already valid (RFC 8555 7.4).
func (c *Client) NewOrder(ctx context.Context, request OrderRequest) (*Order, error) {
	directory, err := c.Directory(ctx)
	if err != nil {
		return nil, err
	}
	payload := struct {
		Identifiers []Identifier `json:"identifiers"`
		NotAfter    string       `json:"notAfter,omitempty"`
		Profile     string       `json:"profile,omitempty"`
		Replaces    string       `json:"replaces,omitempty"`
	}{Identifiers: request.Identifiers, Profile: request.Profile, Replaces: request.Replaces}
	if !request.NotAfter.IsZero() {
		payload.NotAfter = request.NotAfter.UTC().Format(time.RFC3339)
	}
	a, err := c.post(ctx, post{action: ActionCreateOrder, url: directory.NewOrder, payload: payload})
	if err != nil {
		c.forgetDirectoryOn(err)
		return nil, err
	}
	url, err := a.location()
	if err != nil {
		return nil, a.unusable("no order URL", err)
	}
	return a.order(url)
}

// GetOrder fetches an order's state.
func (c *Client) GetOrder(ctx context.Context, url string) (*Order, error) {
	a, err := c.post(ctx, post{action: ActionGetOrder, url: url})
	if err != nil {
		return nil, err
	}
	return a.order(url)
}

// Finalize sends the certificate request, in DER, for an order that is ready (RFC 8555 7.4). Its names must be exactly the
// order's identifiers, and its key must be stored already: if the answer is lost, the certificate may exist nevertheless. Then
// GetOrder tells; see also IsOrderNotReady.
func (c *Client) Finalize(ctx context.Context, finalizeURL string, csr []byte) (*Order, error) {
	payload := struct {
		CSR string `json:"csr"`
	}{base64.RawURLEncoding.EncodeToString(csr)}
	a, err := c.post(ctx, post{action: ActionFinalizeOrder, url: finalizeURL, payload: payload})
	if err != nil {
		return nil, err
	}
	url, err := a.location()
	if err != nil {
		url = "" // RFC 8555 shows the header in an example and demands it nowhere
	}
	return a.order(url)
}

// orderDocument is an order on the wire.
type orderDocument struct {
	Status         Status          `json:"status"`
	Expires        lenientTime     `json:"expires"`
	Identifiers    []Identifier    `json:"identifiers"`
	NotBefore      lenientTime     `json:"notBefore"`
	NotAfter       lenientTime     `json:"notAfter"`
	Profile        string          `json:"profile"`
	Replaces       string          `json:"replaces"`
	Error          json.RawMessage `json:"error"`
	Authorizations []string        `json:"authorizations"`
	Finalize       string          `json:"finalize"`
	Certificate    string          `json:"certificate"`
}

func (a *answer) order(url string) (*Order, error) {
	var document orderDocument
	if err := a.decode(&document); err != nil {
		return nil, err
	}
	order := &Order{
		URL:            url,
		Status:         document.Status,
		Expires:        document.Expires.Time,
		Identifiers:    document.Identifiers,
		NotBefore:      document.NotBefore.Time,
		NotAfter:       document.NotAfter.Time,
		Profile:        document.Profile,
		Replaces:       document.Replaces,
		Error:          embeddedProblem(document.Error),
		Authorizations: document.Authorizations,
		FinalizeURL:    optionalURL(document.Finalize),
		CertificateURL: optionalURL(document.Certificate),
		RetryAfter:     a.retryAfter,
	}
	for _, authorization := range order.Authorizations {
		if err := checkURL(authorization); err != nil {
			return nil, a.unusable("order with an unusable authorization URL", err)
		}
	}
	switch {
	case order.Status == "":
		return nil, a.unusable("not an order", missingMember("status"))
	case order.Status == StatusReady && order.FinalizeURL == "":
		return nil, a.unusable("order is ready but names no usable finalize URL", nil)
	case order.Status == StatusValid && order.CertificateURL == "":
		return nil, a.unusable("order is valid but names no usable certificate URL", nil)
	}
	return order, nil
}
