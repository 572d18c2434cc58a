package responder_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/http01/responder"
)

var answer = responder.Answer{Domain: "shop.example.com", Token: "tok-EN_1", Key: "tok-EN_1.thumbprint"}

func TestHandlerAnswersOnlyForItsNameAndToken(t *testing.T) {
	t.Parallel()
	const path = "/.well-known/acme-challenge/tok-EN_1"
	six := responder.Answer{Domain: "2001:db8::1", Token: "t", Key: "t.k"}
	tests := map[string]struct {
		answer               responder.Answer
		method, host, target string
		status               int
		body                 string
	}{
		"the request of the CA":      {answer, "GET", "shop.example.com", path, 200, answer.Key},
		"a port does not matter":     {answer, "GET", "shop.example.com:8089", path, 200, answer.Key},
		"nor does case":              {answer, "GET", "Shop.Example.COM", path, 200, answer.Key},
		"nor a final dot":            {answer, "GET", "shop.example.com.", path, 200, answer.Key},
		"nor a query":                {answer, "GET", "shop.example.com", path + "?x=1", 200, answer.Key},
		"HEAD":                       {answer, "HEAD", "shop.example.com", path, 200, ""},
		"an IPv6 address":            {six, "GET", "[2001:DB8:0::1]:80", "/.well-known/acme-challenge/t", 200, "t.k"},
		"an IPv6 address, no port":   {six, "GET", "[2001:db8::1]", "/.well-known/acme-challenge/t", 200, "t.k"},
		"another name":               {answer, "GET", "example.com", path, 404, "404 page not found\n"},
		"another token":              {answer, "GET", "shop.example.com", path + "x", 404, "404 page not found\n"},
		"something below the token":  {answer, "GET", "shop.example.com", path + "/x", 404, "404 page not found\n"},
		"no token":                   {answer, "GET", "shop.example.com", "/.well-known/acme-challenge/", 404, "404 page not found\n"},
		"another method":             {answer, "POST", "shop.example.com", path, 404, "404 page not found\n"},
		"the probe of a balancer":    {answer, "GET", "10.0.0.1", "/healthz", 200, "ok\n"},
		"the other probe":            {answer, "GET", "10.0.0.1", "/", 200, "ok\n"},
		"an empty answer to nothing": {responder.Answer{Domain: "a"}, "GET", "a", "/.well-known/acme-challenge/", 404, "404 page not found\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest(test.method, test.target, nil)
			request.Host = test.host
			recorder := httptest.NewRecorder()
			responder.Handler(test.answer).ServeHTTP(recorder, request)
			body := recorder.Body.String()
			if test.method == "HEAD" {
				body = ""
			}
			if recorder.Code != test.status || body != test.body {
				t.Errorf("%d %q, want %d %q", recorder.Code, body, test.status, test.body)
			}
		})
	}
}

// FuzzServer sends bytes as a client would. Whatever they are, the key is
// given only for the name and the token.
func FuzzServer(f *testing.F) {
	for _, seed := range []string{
		"GET /.well-known/acme-challenge/tok-EN_1 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n",
		"GET http://shop.example.com/.well-known/acme-challenge/tok-EN_1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"GET /.well-known/acme-challenge/%74ok-EN_1 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
		"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"\x16\x03\x01\x00\xa5",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(sent)))
		if err != nil {
			return
		}
		recorder := httptest.NewRecorder()
		responder.Handler(answer).ServeHTTP(recorder, request)
		if !strings.Contains(recorder.Body.String(), answer.Key) {
			return
		}
		host, _, err := net.SplitHostPort(request.Host)
		if err != nil {
			host = request.Host
		}
		host = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), ".")
		if request.URL.Path != "/.well-known/acme-challenge/tok-EN_1" || !strings.EqualFold(host, answer.Domain) {
			t.Errorf("key given away for host %q, path %q", request.Host, request.URL.Path)
		}
	})
}

func TestServerEndsWithAClientThatSaysNothing(t *testing.T) {
	t.Parallel()
	server := responder.Server(responder.Handler(answer))
	for name, limit := range map[string]time.Duration{
		"header": server.ReadHeaderTimeout, "read": server.ReadTimeout, "write": server.WriteTimeout, "idle": server.IdleTimeout,
	} {
		if limit <= 0 || limit > time.Minute {
			t.Errorf("%s timeout is %s", name, limit)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/.well-known/acme-challenge/tok-EN_1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = answer.Domain
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != answer.Key {
		t.Errorf("%q, %v", body, err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
