package venafi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// maxAnswer is more than any answer takes: a chain of ten certificates has
	// some 30 KB, a list of a thousand templates some 2 MB.
	maxAnswer = 8 << 20

	// maxRetryAfter bounds what a server may ask to wait.
	maxRetryAfter = time.Hour
)

// exchange makes requests to one server.
type exchange struct {
	Options

	client *http.Client
	base   string // with a slash at its end
	host   string // of base, for people
	auth   credentials
	// secrets are what must not be told of an answer, whatever the server quotes.
	secrets []string
}

// credentials go into the header of every request.
type credentials interface {
	// apply sets the header. Errors are those of getting a token.
	apply(ctx context.Context, header http.Header) error
	// refused hears that the header was not accepted, and says whether there
	// can be another one.
	refused(header http.Header) bool
}

// newExchange makes one for the API at a URL.
func newExchange(text string, options Options) (*exchange, error) {
	base, err := baseURL(text)
	if err != nil {
		return nil, err
	}
	return &exchange{Options: options, client: newClient(options), base: base, host: hostOf(base)}, nil
}

func newClient(options Options) *http.Client {
	return &http.Client{
		Transport: options.Transport,
		Timeout:   requestTimeout,
		// A redirect would carry the credentials to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// answer is what came of a request.
type answer struct {
	call, host string
	status     int
	body       []byte
	retryAfter time.Duration
	secrets    []string
}

// decode reads the JSON of an answer.
func (a *answer) decode(into any) error {
	if json.Unmarshal(a.body, into) != nil {
		return &Error{Kind: Unavailable, Message: fmt.Sprintf("%s: the answer of %s can not be read: it may not be the API", words[a.call], a.host)}
	}
	return nil
}

// do makes a request with the credentials, with JSON unless in is nil. An
// answer, whichever, is no error.
func (x *exchange) do(ctx context.Context, call, method, path string, in any) (*answer, error) {
	for attempt := 0; ; attempt++ {
		request, err := x.newRequest(ctx, method, path, in)
		if err != nil {
			return nil, err
		}
		if err := x.auth.apply(ctx, request.Header); err != nil {
			return nil, err
		}
		a, err := x.send(call, request)
		if err != nil {
			return nil, err
		}
		// A token may end before its time. Once more with another one, but only
		// once.
		if a.status != http.StatusUnauthorized || !x.auth.refused(request.Header) || attempt > 0 {
			return a, nil
		}
	}
}

func (x *exchange) newRequest(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, &Error{Kind: Refused, Message: "the request can not be written as JSON"}
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, x.base+path, body)
	if err != nil {
		return nil, &Error{Kind: Refused, Message: "the URL of the server can not be used"}
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "*/*")
	return request, nil
}

// send makes one request.
func (x *exchange) send(call string, request *http.Request) (*answer, error) {
	ctx := request.Context()
	if x.UserAgent != "" {
		request.Header.Set("User-Agent", x.UserAgent)
	}
	start := x.Clock()
	a, err := x.receive(call, request)
	if x.Observe != nil && ctx.Err() == nil {
		x.Observe(Call{Name: call, Duration: x.Clock().Sub(start), OK: err == nil && a.status < 300})
	}
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, noAnswer(call, request.URL.Hostname(), err)
	}
	return a, nil
}

func (x *exchange) receive(call string, request *http.Request) (*answer, error) {
	response, err := x.client.Do(request) // #nosec G704 -- the URL is the issuer's; redirects are not followed, and nothing but the API's own errors is told of the answer
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return &answer{
		call: call, host: request.URL.Hostname(), status: response.StatusCode, body: body,
		retryAfter: retryAfter(response.Header.Get("Retry-After"), x.Clock()), secrets: x.secrets,
	}, nil
}

// retryAfter reads that header (RFC 9110, section 10.2.3); zero if it says
// nothing.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
