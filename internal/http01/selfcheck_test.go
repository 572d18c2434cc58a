package http01_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

const (
	checkPath = "/.well-known/acme-challenge/token"
	checkKey  = "token.thumbprint"
)

// internet leads every name to one of two servers, by its port.
func internet(plain, secure *httptest.Server) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		switch {
		case host == "gone.example.com":
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
		case host == "slow.example.com":
			return nil, &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
		case host == "closed.example.com":
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		case port == "80":
			address = plain.Listener.Addr().String()
		case port == "443":
			address = secure.Listener.Addr().String()
		default:
			return nil, errors.New("another port")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

func TestCheckSaysWhatItSaw(t *testing.T) {
	t.Parallel()
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusMovedPermanently) }
	}
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	sites := map[string]http.HandlerFunc{
		"good.example.com":      text(200, checkKey),
		"newline.example.com":   text(200, checkKey+"\r\n"),
		"other.example.com":     text(200, "<html>welcome"),
		"missing.example.com":   text(404, checkKey),
		"huge.example.com":      text(200, strings.Repeat("x", 1<<20+1)),
		"secure.example.com":    redirect("https://good.example.com" + checkPath),
		"elsewhere.example.com": redirect("https://missing.example.com/x"),
		"loop.example.com":      redirect("http://loop.example.com" + checkPath),
		"2001:db8::7":           text(200, checkKey),
		"cut.example.com": func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.Trim(r.Host, "[]")
		if handler := sites[host]; handler != nil {
			handler(w, r)
			return
		}
		http.NotFound(w, r)
	})
	plain, secure := httptest.NewServer(site), httptest.NewTLSServer(site)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	checker, err := http01.NewChecker(http01.CheckerConfig{
		DialContext: internet(plain, secure),
		Proxy:       func(*http.Request) (*url.URL, error) { return nil, nil },
	})
	if err != nil {
		t.Fatal(err)
	}

	tests := map[string]struct {
		domain  string
		verdict lifecycle.SelfCheckVerdict
		text    string
	}{
		"the answer":                {"good.example.com", lifecycle.SelfCheckPassed, ""},
		"with a line end":           {"newline.example.com", lifecycle.SelfCheckPassed, ""},
		"over HTTPS, not verified":  {"secure.example.com", lifecycle.SelfCheckPassed, ""},
		"from an IPv6 address":      {"2001:db8::7", lifecycle.SelfCheckPassed, ""},
		"another answer":            {"other.example.com", lifecycle.SelfCheckWrong, "somebody else answers for the path of the challenge"},
		"another status":            {"missing.example.com", lifecycle.SelfCheckWrong, "the answer has status 404 instead of 200"},
		"elsewhere":                 {"elsewhere.example.com", lifecycle.SelfCheckWrong, "the answer has status 404 instead of 200 after a redirect to https://missing.example.com"},
		"too much":                  {"huge.example.com", lifecycle.SelfCheckWrong, "the answer is larger than 1 MiB"},
		"in circles":                {"loop.example.com", lifecycle.SelfCheckWrong, "there are more than 10 redirects"},
		"no such name":              {"gone.example.com", lifecycle.SelfCheckWrong, "the name does not resolve (http://gone.example.com)"},
		"no answer":                 {"slow.example.com", lifecycle.SelfCheckUnreachable, "no answer within 10 s (http://slow.example.com)"},
		"nobody there":              {"closed.example.com", lifecycle.SelfCheckUnreachable, "connection refused (http://closed.example.com)"},
		"a connection that is cut":  {"cut.example.com", lifecycle.SelfCheckUnreachable, "the connection was closed without an answer (http://cut.example.com)"},
		"a name that is not a name": {"a b", lifecycle.SelfCheckWrong, "the name can not stand in a URL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // the same sight, the same text
				verdict, text := checker.Check(t.Context(), http01.Target{Domain: test.domain, Token: "token", Key: checkKey})
				if verdict != test.verdict || text != test.text {
					t.Errorf("verdict %d %q, want %d %q", verdict, text, test.verdict, test.text)
				}
			}
		})
	}
}
