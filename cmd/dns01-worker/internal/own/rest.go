package own

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

const (
	// maxBody is more than a page of records takes.
	maxBody = 4 << 20
	// maxPages bounds what is read of one list. Nobody has that many TXT records
	// at one name.
	maxPages = 20
	// requestTimeout is for one request to a provider, which usually takes less
	// than a second.
	requestTimeout = 30 * time.Second
)

// rest is an HTTP API that speaks JSON.
type rest struct {
	name   string // for errors
	base   string // without the final slash
	header http.Header
	client *http.Client
}

func newREST(name, base string, header http.Header) rest {
	return rest{name: name, base: strings.TrimSuffix(base, "/"), header: header, client: &http.Client{
		Timeout: requestTimeout,
		// A redirect would carry credentials to where they do not belong.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirected") },
	}}
}

// with is the API with one more header.
func (r rest) with(key, value string) rest {
	r.header = r.header.Clone()
	r.header.Set(key, value)
	return r
}

// statusError is an answer with an error status.
type statusError struct {
	status int
	text   string
}

func (e statusError) Error() string { return fmt.Sprintf("answer %d: %s", e.status, e.text) }

// do sends body, if any, and reads the answer into answer, if any.
func (r rest) do(ctx context.Context, method, path string, body, answer any) error {
	err := r.exchange(ctx, method, path, body, answer)
	var refused statusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && (refused.status == http.StatusUnauthorized || refused.status == http.StatusForbidden):
		return wire.ConfigError{Err: fmt.Errorf("%s refuses the credentials: %w", r.name, err)}
	default:
		verb, _, _ := strings.Cut(path, "?")
		return fmt.Errorf("%s: %s %s: %w", r.name, strings.ToLower(method), verb, err)
	}
}

func (r rest) exchange(ctx context.Context, method, path string, body, answer any) error {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.base+path, payload)
	if err != nil {
		return err
	}
	request.Header = r.header.Clone()
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "certwright")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return statusError{response.StatusCode, string(text[:min(len(text), 512)])}
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}
