// Package responder answers the request with which a CA validates an HTTP-01
// challenge (RFC 8555, section 8.3). It uses the standard library only, so that
// the solver stays a small static program.
package responder

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// PathPrefix is what stands before the token in the path of the request.
const PathPrefix = "/.well-known/acme-challenge/"

// Answer is what one challenge wants to hear.
type Answer struct {
	Domain string // DNS name or IP address
	Token  string
	Key    string // key authorization (RFC 8555, section 8.1)
}

// Find gives the key authorization for a domain, in the form of CanonicalHost,
// and a token that is not empty.
type Find func(ctx context.Context, domain, token string) (key string, found bool)

// Handler answers for one challenge. It gives the key only to a request for
// the domain and the token, whatever the port; "/" and "/healthz" tell that it
// lives; everything else is not found (contract 2.8).
func Handler(answer Answer) http.Handler {
	own := CanonicalHost(answer.Domain)
	return HandlerFor(func(_ context.Context, domain, token string) (string, bool) {
		return answer.Key, domain == own && token == answer.Token
	})
}

// HandlerFor answers as Handler does, for all challenges that are found.
func HandlerFor(find Find) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.NotFound(w, r)
			return
		}
		if r.URL.Path == "/" || r.URL.Path == "/healthz" {
			write(w, "ok\n")
			return
		}
		token, isChallenge := strings.CutPrefix(r.URL.Path, PathPrefix)
		if !isChallenge || token == "" {
			http.NotFound(w, r)
			return
		}
		key, found := find(r.Context(), CanonicalHost(stripPort(r.Host)), token)
		if !found {
			http.NotFound(w, r)
			return
		}
		write(w, key)
	})
}

// Server serves a handler. A request that trickles in does not hold it: the
// whole exchange is a few hundred bytes.
func Server(handler http.Handler) *http.Server {
	const patience = 10 * time.Second
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: patience,
		ReadTimeout:       patience,
		WriteTimeout:      patience,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

func write(w http.ResponseWriter, text string) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	// The answer holds for as long as the challenge and no longer.
	header.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, text) // there is nobody to tell
}

// stripPort removes the port of a Host header.
func stripPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// CanonicalHost is the form in which hosts are compared: lower case, without a
// final dot, an IP address without brackets and in its shortest form.
func CanonicalHost(host string) string {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip := net.ParseIP(host); ip != nil {
		return ip.String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
