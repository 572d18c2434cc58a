package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/crypto/ocsp"
)

const (
	// askTime is how long a CA may take for an answer.
	askTime = 15 * time.Second
	// mostAnswer is the largest list that is read. The lists of public CAs are
	// cut into pieces well below it.
	mostAnswer = 32 << 20
)

// crlStatus asks the lists that a certificate names (RFC 5280, section 5).
func (c *cli) crlStatus(ctx context.Context, cert, issuer *x509.Certificate) string {
	if len(cert.CRLDistributionPoints) == 0 {
		return "no list is named in the certificate"
	}
	if issuer == nil {
		return "not checked: the certificate of who signed it is not in the Secret"
	}
	var last error
	for _, point := range cert.CRLDistributionPoints {
		body, err := fetch(ctx, http.MethodGet, point, "", nil)
		if err != nil {
			last = err
			continue
		}
		list, err := x509.ParseRevocationList(body)
		if err == nil {
			err = list.CheckSignatureFrom(issuer)
		}
		switch {
		case err != nil:
			last = fmt.Errorf("list of %s: %w", host(point), err)
			continue
		case !list.NextUpdate.IsZero() && c.now().After(list.NextUpdate):
			last = fmt.Errorf("list of %s: it was to be replaced on %s", host(point), list.NextUpdate.UTC().Format(time.RFC3339))
			continue
		}
		for _, entry := range list.RevokedCertificateEntries {
			if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 {
				return fmt.Sprintf("revoked on %s, reason %d", entry.RevocationTime.UTC().Format(time.RFC3339), entry.ReasonCode)
			}
		}
		return "not revoked"
	}
	return "not known: " + last.Error()
}

// ocspStatus asks the responders that a certificate names (RFC 6960).
func (c *cli) ocspStatus(ctx context.Context, cert, issuer *x509.Certificate) string {
	if len(cert.OCSPServer) == 0 {
		return "no responder is named in the certificate"
	}
	if issuer == nil {
		return "not checked: the certificate of who signed it is not in the Secret"
	}
	question, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return "not known: " + err.Error()
	}
	var last error
	for _, server := range cert.OCSPServer {
		body, err := fetch(ctx, http.MethodPost, server, "application/ocsp-request", question)
		if err != nil {
			last = err
			continue
		}
		answer, err := ocsp.ParseResponseForCert(body, cert, issuer)
		if err != nil {
			last = fmt.Errorf("answer of %s: %w", host(server), err)
			continue
		}
		switch answer.Status {
		case ocsp.Good:
			return "not revoked"
		case ocsp.Revoked:
			return fmt.Sprintf("revoked on %s, reason %d", answer.RevokedAt.UTC().Format(time.RFC3339), answer.RevocationReason)
		default:
			return "the responder does not know the certificate"
		}
	}
	return "not known: " + last.Error()
}

// fetch asks a CA over HTTP. The answer itself is never in an error.
func fetch(ctx context.Context, method, where, contentType string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	u, err := url.Parse(where)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%s is not an HTTP URL", where)
	}
	req, err := http.NewRequestWithContext(ctx, method, where, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // read as far as it is wanted
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: HTTP status %d", u.Host, resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	}
	if len(answer) > mostAnswer {
		return nil, fmt.Errorf("ask %s: the answer is larger than %d MiB", u.Host, mostAnswer>>20)
	}
	return answer, nil
}

func host(where string) string {
	if u, err := url.Parse(where); err == nil {
		return u.Host
	}
	return where
}
