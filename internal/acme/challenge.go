package acme

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Types of challenges.
const (
	ChallengeHTTP01    = "http-01"     // RFC 8555 8.3
	ChallengeDNS01     = "dns-01"      // RFC 8555 8.4
	ChallengeTLSALPN01 = "tls-alpn-01" // RFC 8737
)

// maxTokenLength refuses absurd tokens, which would become part of paths and arguments; real ones have 43 characters.
const maxTokenLength = 256

// Challenge is one way to prove control of an identifier (RFC 8555 7.1.5).
type Challenge struct {
	URL string
	// Type is one of the constants, or one that is not known here.
	Type string
	// Status is pending, processing, valid or invalid. Valid and invalid are final.
	Status Status
	// Token is what the proof is made for; see KeyAuthorization. It consists of the base64url alphabet only, so that it is safe
	// as a file name or an argument. Empty for types that have none.
	Token string
	// Validated is when the server found the proof good. Zero when it did not say.
	Validated time.Time
	// Error is why the server found it bad. While the challenge is processing, it may be from an attempt the server repeats.
	Error *Problem
	// RetryAfter is the time before which it is no use to ask again. Zero when the server did not say.
	RetryAfter time.Time
}

// GetChallenge fetches a challenge's state. Prefer GetAuthorization: some servers forget challenges that were not used.
func (c *Client) GetChallenge(ctx context.Context, url string) (*Challenge, error) {
	a, err := c.post(ctx, post{action: ActionGetChallenge, url: url})
	if err != nil {
		return nil, err
	}
	return a.challenge()
}

// AcceptChallenge tells the server that the proof is in place (RFC 8555 7.5.1). The server then looks, once or a few times, and
// a failure is final: do this only when the proof can be seen from outside.
func (c *Client) AcceptChallenge(ctx context.Context, url string) (*Challenge, error) {
	a, err := c.post(ctx, post{action: ActionAcceptChallenge, url: url, payload: struct{}{}})
	if err != nil {
		return nil, err
	}
	return a.challenge()
}

// challengeDocument is a challenge on the wire.
type challengeDocument struct {
	URL       string          `json:"url"`
	Type      string          `json:"type"`
	Status    Status          `json:"status"`
	Token     string          `json:"token"`
	Validated lenientTime     `json:"validated"`
	Error     json.RawMessage `json:"error"`
}

func (a *answer) challenge() (*Challenge, error) {
	var raw json.RawMessage
	if err := a.decode(&raw); err != nil {
		return nil, err
	}
	challenge, err := parseChallenge(raw)
	if err != nil {
		return nil, a.unusable("not a challenge", err)
	}
	challenge.RetryAfter = a.retryAfter
	return &challenge, nil
}

func parseChallenge(raw []byte) (Challenge, error) {
	var document challengeDocument
	if err := json.Unmarshal(raw, &document); err != nil {
		return Challenge{}, err
	}
	switch {
	case document.Type == "":
		return Challenge{}, missingMember("type")
	case document.Status == "":
		return Challenge{}, missingMember("status")
	case !isBase64URL(document.Token) || len(document.Token) > maxTokenLength:
		return Challenge{}, errors.New("token is not base64url")
	case document.Token == "" && needsToken(document.Type):
		return Challenge{}, missingMember("token")
	}
	if err := checkURL(document.URL); err != nil {
		return Challenge{}, err
	}
	return Challenge{
		URL:       document.URL,
		Type:      document.Type,
		Status:    document.Status,
		Token:     document.Token,
		Validated: document.Validated.Time,
		Error:     embeddedProblem(document.Error),
	}, nil
}

func needsToken(kind string) bool {
	return kind == ChallengeHTTP01 || kind == ChallengeDNS01 || kind == ChallengeTLSALPN01
}
