package acme

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
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
	var document json.RawMessage
	if err := a.decode(&document); err != nil {
		return nil, err
	}
	info, err := ParseRenewalInfo(document)
	if err != nil {
		return nil, a.unusable(err.Error(), nil)
	}
	info.RetryAfter = a.retryAfter
	return info, nil
}

// ParseRenewalInfo reads the document of RenewalInfo (RFC 9773 4.2). It errs if the window is missing or does not end after it
// starts, or if one of its ends is a time that can not be stored again.
func ParseRenewalInfo(document []byte) (*RenewalInfo, error) {
	var read struct {
		SuggestedWindow struct {
			Start time.Time `json:"start"`
			End   time.Time `json:"end"`
		} `json:"suggestedWindow"`
		ExplanationURL json.RawMessage `json:"explanationURL"`
	}
	if err := json.Unmarshal(document, &read); err != nil {
		// The error of encoding/json would quote the answer.
		return nil, errors.New("suggestedWindow is not a start and an end in the form of RFC 3339")
	}
	window := read.SuggestedWindow
	switch {
	case window.Start.IsZero() || window.End.IsZero():
		return nil, errors.New("suggestedWindow lacks its start or its end")
	case !window.End.After(window.Start):
		return nil, errors.New("suggestedWindow does not end after it starts")
	case !storable(window.Start) || !storable(window.End):
		return nil, errors.New("suggestedWindow is in a year that no certificate is valid in")
	}
	info := &RenewalInfo{Start: window.Start.UTC(), End: window.End.UTC()}
	// A page that can not be read is no reason not to renew.
	var page string
	if len(read.ExplanationURL) <= maxExplanationURL && json.Unmarshal(read.ExplanationURL, &page) == nil {
		info.ExplanationURL = optionalURL(page)
	}
	return info, nil
}

// maxExplanationURL bounds the URL of a page, in bytes of JSON: it is stored with each certificate, and shown in events, which
// have room for a kilobyte.
const maxExplanationURL = 512

// storable tells whether a time can be written in RFC 3339, in UTC, and be the time of a certificate: these have existed since
// 1988, and end before the year 10000 (RFC 5280 4.1.2.5).
func storable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1988 && year <= 9999
}
