package acme

import (
	"context"
	"encoding/json"
	"time"
)

// Authorization is the permission to get certificates for one identifier, and how to earn it (RFC 8555 7.1.4).
type Authorization struct {
	URL string
	// Identifier is what is authorized; for a wildcard name it comes without "*.": see Wildcard.
	Identifier Identifier
	// Status is pending, valid, invalid, deactivated, expired or revoked. All but the first two are final.
	Status Status
	// Expires is when the authorization ends. Zero when the server did not say.
	Expires time.Time
	// Challenges are the ways to earn it, any one of which is enough. Those of an unusable form are left out; those of an
	// unknown type are there. The order means nothing.
	Challenges []Challenge
	// Wildcard is true if the authorization is for "*." and the identifier.
	Wildcard bool
	// RetryAfter is the time before which it is no use to ask again. Zero when the server did not say.
	RetryAfter time.Time
}

// Name is the identifier as the certificate will have it: with "*." in front for a wildcard.
func (a *Authorization) Name() string {
	if a.Wildcard {
		return "*." + a.Identifier.Value
	}
	return a.Identifier.Value
}

// Challenge returns the challenge of a type, or nil if the server does not offer it.
func (a *Authorization) Challenge(kind string) *Challenge {
	for i := range a.Challenges {
		if a.Challenges[i].Type == kind {
			return &a.Challenges[i]
		}
	}
	return nil
}

// Problem is why the authorization failed: the error of a challenge that failed. Nil if there is none.
func (a *Authorization) Problem() *Problem {
	for _, challenge := range a.Challenges {
		if challenge.Error != nil {
			return challenge.Error
		}
	}
	return nil
}

// GetAuthorization fetches an authorization's state (RFC 8555 7.5).
func (c *Client) GetAuthorization(ctx context.Context, url string) (*Authorization, error) {
	a, err := c.post(ctx, post{action: ActionGetAuthorization, url: url})
	if err != nil {
		return nil, err
	}
	return a.authorization(url)
}

// DeactivateAuthorization gives an authorization back (RFC 8555 7.5.2). With a pending one, its order ends as well.
func (c *Client) DeactivateAuthorization(ctx context.Context, url string) (*Authorization, error) {
	payload := struct {
		Status Status `json:"status"`
	}{StatusDeactivated}
	a, err := c.post(ctx, post{action: ActionDeactivateAuthorization, url: url, payload: payload})
	if err != nil {
		return nil, err
	}
	return a.authorization(url)
}

// authorizationDocument is an authorization on the wire.
type authorizationDocument struct {
	Identifier Identifier        `json:"identifier"`
	Status     Status            `json:"status"`
	Expires    lenientTime       `json:"expires"`
	Challenges []json.RawMessage `json:"challenges"`
	Wildcard   bool              `json:"wildcard"`
}

func (a *answer) authorization(url string) (*Authorization, error) {
	var document authorizationDocument
	if err := a.decode(&document); err != nil {
		return nil, err
	}
	authorization := &Authorization{
		URL:        url,
		Identifier: document.Identifier,
		Status:     document.Status,
		Expires:    document.Expires.Time,
		Wildcard:   document.Wildcard,
		RetryAfter: a.retryAfter,
	}
	switch {
	case authorization.Status == "":
		return nil, a.unusable("not an authorization", missingMember("status"))
	case authorization.Identifier.Value == "":
		return nil, a.unusable("not an authorization", missingMember("identifier"))
	}
	for _, raw := range document.Challenges {
		challenge, err := parseChallenge(raw)
		if err != nil {
			continue // a type of challenge not known here may look like anything
		}
		if challenge.Error != nil && challenge.Error.Identifier == nil {
			challenge.Error.Identifier = &Identifier{Type: authorization.Identifier.Type, Value: authorization.Name()}
		}
		authorization.Challenges = append(authorization.Challenges, challenge)
	}
	return authorization, nil
}
