package acme

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// RenewalInfo is the server's advice when to renew a certificate (RFC 9773 4.2).
type RenewalInfo struct {
	// Start and End bound the time to renew in. End is after Start; both may be past, which means at once.
	Start, End time.Time
	// ExplanationURL tells a person why. Empty when there is none.
	ExplanationURL string
	// RetryAfter is when to ask again. Zero when the server did not say.
	RetryAfter time.Time
}

// CertificateID is the identifier of a certificate for RenewalInfo and for OrderRequest.Replaces: its authority key identifier
// and serial number (RFC 9773 4.1).
func CertificateID(certificate *x509.Certificate) (string, error) {
	if len(certificate.AuthorityKeyId) == 0 {
		return "", errors.New("identify certificate: it has no authority key identifier")
	}
	if certificate.SerialNumber == nil || certificate.SerialNumber.Sign() <= 0 {
		return "", errors.New("identify certificate: it has no positive serial number")
	}
	// The serial's DER content bytes, with the zero byte that keeps a number of the high bit set positive.
	der, err := asn1.Marshal(certificate.SerialNumber)
	if err != nil {
		return "", fmt.Errorf("identify certificate: %w", err)
	}
	var raw asn1.RawValue
	if _, err := asn1.Unmarshal(der, &raw); err != nil {
		return "", fmt.Errorf("identify certificate: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode(certificate.AuthorityKeyId) + "." + encode(raw.Bytes), nil
}

// ErrNoRenewalInfo says that the server does not offer renewal information.
var ErrNoRenewalInfo = errors.New("the CA offers no renewal information")

// RenewalInfo asks when to renew the certificate with the given CertificateID. The request is not signed and needs no account.
func (c *Client) RenewalInfo(ctx context.Context, certificateID string) (*RenewalInfo, error) {
	directory, err := c.Directory(ctx)
	if err != nil {
		return nil, err
	}
	if directory.RenewalInfo == "" {
		return nil, ErrNoRenewalInfo
	}
	a, err := c.get(ctx, ActionGetRenewalInfo, strings.TrimSuffix(directory.RenewalInfo, "/")+"/"+certificateID)
	if err != nil {
		return nil, err
	}
	var document struct {
		SuggestedWindow struct {
			Start time.Time `json:"start"`
			End   time.Time `json:"end"`
		} `json:"suggestedWindow"`
		ExplanationURL string `json:"explanationURL"`
	}
	if err := a.decode(&document); err != nil {
		return nil, err
	}
	window := document.SuggestedWindow
	if window.Start.IsZero() || !window.End.After(window.Start) {
		return nil, a.unusable("renewal window without an end after its start", nil)
	}
	return &RenewalInfo{
		Start:          window.Start,
		End:            window.End,
		ExplanationURL: optionalURL(document.ExplanationURL),
		RetryAfter:     a.retryAfter,
	}, nil
}
