// Package responder answers the request with which a CA validates an HTTP-01
// challenge (RFC 8555, section 8.3). It uses the standard library only, so that
// the solver stays a small static program.
package responder

import (
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

// Handler answers for one challenge. It gives the key only to a request for
// the domain and the token, whatever the port; "/" and "/healthz" tell that it
// lives; everything else is not found (contract 2.8).
func Handler(answer Answer) http.Handler {
	domain := canonicalHost(answer.Domain)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.NotFound(w, r)
		case r.URL.Path == "/" || r.URL.Path == "/healthz":
			write(w, "ok\n")
		case answer.Token == "" || r.URL.Path != PathPrefix+answer.Token || canonicalHost(stripPort(r.Host)) != domain:
			http.NotFound(w, r)
		default:
			write(w, answer.Key)
		}
	})
}

// Server serves the handler. A request that trickles in does not hold it: the
// whole exchange is a few hundred bytes.
func Server(answer Answer) *http.Server {
	const patience = 10 * time.Second
	return &http.Server{
		Handler:           Handler(answer),
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

// canonicalHost is the form in which hosts are compared: lower case, without a
// final dot, an IP address without brackets and in its shortest form.
func canonicalHost(host string) string {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip := net.ParseIP(host); ip != nil {
		return ip.String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
