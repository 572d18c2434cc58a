package awsiam

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// requestTimeout is the time for one request: STS answers within a second.
const requestTimeout = 10 * time.Second

// NewHTTPClient makes a client for AWS. It uses the proxy of the environment,
// but not towards the machine itself, and follows nobody elsewhere: a token goes
// to whom it was meant for.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				if ip := net.ParseIP(r.URL.Hostname()); ip != nil && (ip.IsLinkLocalUnicast() || ip.IsLoopback()) {
					return nil, nil
				}
				return http.ProxyFromEnvironment(r)
			},
			TLSHandshakeTimeout: requestTimeout,
			IdleConnTimeout:     requestTimeout, // the next request may be hours away
			ForceAttemptHTTP2:   true,
		},
	}
}

// Error is an answer of AWS that is of no use, or the lack of one.
type Error struct {
	Doing   string
	Status  int    // HTTP; zero if there was no answer
	Message string // the same for the same cause
}

// Error says what AWS said.
func (e *Error) Error() string {
	text := e.Doing
	if e.Status != 0 {
		text += ": AWS answered " + strconv.Itoa(e.Status)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// maxAnswer bounds an answer; a token is 1 to 3 KB.
const maxAnswer = 64 << 10

// fetch makes a request and reads the answer, whatever its status is.
func fetch(client *http.Client, req *http.Request, doing string) (status int, content []byte, err error) {
	resp, err := client.Do(req) // #nosec G704 -- hosts of AWS, or named by the operator's own environment
	if err != nil {
		message := "no answer from " + req.URL.Hostname()
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			message += ": timed out"
		} else if cause, ok := errors.AsType[*net.DNSError](err); ok && cause.IsNotFound {
			message += ": the name does not resolve"
		}
		return 0, nil, &Error{Doing: doing, Message: message}
	}
	defer func() { _ = resp.Body.Close() }() // all that is of use has been read
	content, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, &Error{Doing: doing, Message: "no answer from " + req.URL.Hostname()}
	}
	return resp.StatusCode, content, nil
}

const maxMessage = 400 // bytes

func oneLine(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + " ..."
	}
	return text
}
