package http01_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

func direct(*http.Request) (*url.URL, error) { return nil, nil }

// book is a Resolver with its own idea of names.
type book map[string][]netip.Addr

func (b book) LookupIP(_ context.Context, host string) ([]netip.Addr, error) {
	if addresses, ok := b[host]; ok {
		return addresses, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// hosts are servers by their address; what is not there refuses connections.
type hosts map[string]*httptest.Server

func (h hosts) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if server := h[host]; server != nil {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
}

func serve(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestCheckLooksOverBothFamilies(t *testing.T) {
	t.Parallel()
	right, wrong := serve(t, 200, checkKey), serve(t, 404, "")
	six, four := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("203.0.113.1")
	tests := map[string]struct {
		six, four *httptest.Server // nil refuses
		verdict   lifecycle.SelfCheckVerdict
		text      string
	}{
		"both right":                          {right, right, lifecycle.SelfCheckPassed, ""},
		"IPv6 alone, the other refused":       {right, nil, lifecycle.SelfCheckPassed, ""},
		"IPv4 alone, which CAs fall back to":  {nil, right, lifecycle.SelfCheckPassed, ""},
		"IPv6 wrong, which CAs prefer":        {wrong, right, lifecycle.SelfCheckWrong, "over IPv6: the answer has status 404 instead of 200; over IPv4: the right answer"},
		"IPv4 wrong, which few CAs look over": {right, wrong, lifecycle.SelfCheckUnreachable, "over IPv6: the right answer; over IPv4: the answer has status 404 instead of 200"},
		"both wrong":                          {wrong, wrong, lifecycle.SelfCheckWrong, "the answer has status 404 instead of 200"},
		"IPv6 refused, IPv4 wrong":            {nil, wrong, lifecycle.SelfCheckWrong, "over IPv6: connection refused (http://a.example.com); over IPv4: the answer has status 404 instead of 200"},
		"both refused":                        {nil, nil, lifecycle.SelfCheckUnreachable, "connection refused (http://a.example.com)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checker, err := http01.NewChecker(http01.CheckerConfig{
				Resolver:    book{"a.example.com": {four, six}},
				DialContext: hosts{six.String(): test.six, four.String(): test.four}.dial,
				Proxy:       direct,
			})
			if err != nil {
				t.Fatal(err)
			}
			verdict, text := checker.Check(t.Context(), http01.Target{Domain: "a.example.com", Token: "token", Key: checkKey})
			if verdict != test.verdict || text != test.text {
				t.Errorf("verdict %d %q, want %d %q", verdict, text, test.verdict, test.text)
			}
		})
	}
}

func TestCheckKnowsWhatItCanNotTell(t *testing.T) {
	t.Parallel()
	wrong := serve(t, 404, "")
	gone := httptest.NewServer(http.RedirectHandler("http://inside.example.com/", http.StatusFound))
	t.Cleanup(gone.Close)
	a := netip.MustParseAddr
	checker, err := http01.NewChecker(http01.CheckerConfig{
		Resolver: book{
			"public.example.com":  {a("203.0.113.1")},
			"private.example.com": {a("10.1.2.3")},
			"carrier.example.com": {a("100.64.3.4")},
			"mixed.example.com":   {a("10.1.2.3"), a("203.0.113.1")},
			"turns.example.com":   {a("203.0.113.3"), a("203.0.113.1")},
			"away.example.com":    {a("203.0.113.2")},
			"empty.example.com":   {},
		},
		DialContext: hosts{"203.0.113.1": wrong, "10.1.2.3": wrong, "100.64.3.4": wrong, "203.0.113.2": gone}.dial,
		Proxy:       direct,
	})
	if err != nil {
		t.Fatal(err)
	}
	const missing = "the answer has status 404 instead of 200"
	tests := map[string]struct {
		verdict lifecycle.SelfCheckVerdict
		text    string
	}{
		"public.example.com":  {lifecycle.SelfCheckWrong, missing},
		"private.example.com": {lifecycle.SelfCheckInside, missing + ", at a private address"},
		"carrier.example.com": {lifecycle.SelfCheckInside, missing + ", at a private address"},
		"mixed.example.com":   {lifecycle.SelfCheckWrong, missing},
		"turns.example.com":   {lifecycle.SelfCheckWrong, missing},
		"10.1.2.3":            {lifecycle.SelfCheckWrong, missing}, // the CA is asked for just this address
		"nowhere.example.com": {lifecycle.SelfCheckWrong, "the name does not resolve"},
		"empty.example.com":   {lifecycle.SelfCheckWrong, "the name does not resolve"},
		"away.example.com":    {lifecycle.SelfCheckUnreachable, "the name does not resolve (http://inside.example.com)"},
		"203.0.113.9":         {lifecycle.SelfCheckUnreachable, "connection refused (http://203.0.113.9)"},
	}
	for domain, test := range tests {
		t.Run(domain, func(t *testing.T) {
			t.Parallel()
			verdict, text := checker.Check(t.Context(), http01.Target{Domain: domain, Token: "token", Key: checkKey})
			if verdict != test.verdict || text != test.text {
				t.Errorf("verdict %d %q, want %d %q", verdict, text, test.verdict, test.text)
			}
		})
	}
}

// dnsServer answers with one address for a.example.com, and that there is
// nothing else.
func dnsAnswer(t *testing.T, question []byte) []byte {
	t.Helper()
	var message dnsmessage.Message
	if err := message.Unpack(question); err != nil {
		t.Errorf("question: %v", err)
		return nil
	}
	message.Response, message.RecursionAvailable = true, true
	message.Additionals = nil
	q := message.Questions[0]
	switch {
	case q.Name.String() != "a.example.com.":
		message.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		message.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{203, 0, 113, 1}},
		}}
	}
	answer, err := message.Pack()
	if err != nil {
		t.Errorf("answer: %v", err)
	}
	return answer
}

func TestSolversOwnNameserversAreAsked(t *testing.T) {
	t.Parallel()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = packets.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo(dnsAnswer(t, buffer[:n]), from)
		}
	}()
	checker, err := http01.NewChecker(http01.CheckerConfig{
		Resolver:    book{},
		DialContext: hosts{"203.0.113.1": serve(t, 200, checkKey)}.dial,
		Proxy:       direct,
	})
	if err != nil {
		t.Fatal(err)
	}
	servers := []string{packets.LocalAddr().String()}
	for domain, want := range map[string]lifecycle.SelfCheckVerdict{
		"a.example.com": lifecycle.SelfCheckPassed, "nowhere.example.com": lifecycle.SelfCheckWrong,
	} {
		if verdict, text := checker.Check(t.Context(), http01.Target{Domain: domain, Token: "token", Key: checkKey, Nameservers: servers}); verdict != want {
			t.Errorf("%s: verdict %d %q", domain, verdict, text)
		}
	}
	if verdict, text := checker.Check(t.Context(), http01.Target{Domain: "a.example.com", Nameservers: []string{"http://dns"}}); verdict != lifecycle.SelfCheckWrong || !strings.Contains(text, `"http://dns"`) {
		t.Errorf("verdict %d %q", verdict, text)
	}
}

func TestNameserverOverHTTPSIsAsked(t *testing.T) {
	t.Parallel()
	broken := ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/dns-message" || r.URL.Path != "/dns-query" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		switch broken {
		case "status":
			w.WriteHeader(http.StatusBadGateway)
		case "type":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(dnsAnswer(t, question))
		case "size":
			w.Header().Set("Content-Type", "application/dns-message")
			_, _ = w.Write(make([]byte, 1<<17))
		default:
			w.Header().Set("Content-Type", "application/dns-message")
			_, _ = w.Write(dnsAnswer(t, question))
		}
	}))
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	defer http01.TrustForDNS(pool)()
	resolver, err := http01.NewResolver([]string{server.URL + "/dns-query"})
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := resolver.LookupIP(t.Context(), "a.example.com")
	if err != nil || fmt.Sprint(addresses) != "[203.0.113.1]" {
		t.Errorf("addresses %v, %v", addresses, err)
	}
	var notFound *net.DNSError
	if _, err := resolver.LookupIP(t.Context(), "nowhere.example.com"); !errors.As(err, &notFound) || !notFound.IsNotFound {
		t.Errorf("a name that is not: %v", err)
	}
	for _, broken = range []string{"status", "type", "size"} {
		if addresses, err := resolver.LookupIP(t.Context(), "a.example.com"); err == nil || (errors.As(err, &notFound) && notFound.IsNotFound) {
			t.Errorf("%s: addresses %v, %v", broken, addresses, err)
		}
	}
}

func TestRefusingNameserverIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	checker, err := http01.NewChecker(http01.CheckerConfig{Nameservers: []string{closed.Addr().String()}, Proxy: direct})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		verdict, text := checker.Check(t.Context(), http01.Target{Domain: "a.example.com", Token: "token", Key: checkKey})
		if verdict != lifecycle.SelfCheckUnreachable || text != "looking up the name failed" {
			t.Errorf("verdict %d %q", verdict, text)
		}
	}
}

func TestNameserversAreReadInAllForms(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"1.1.1.1": true, "1.1.1.1:53": true, "dns.example.com": true, "dns.example.com:5353": true,
		"2606:4700:4700::1111": true, "[2606:4700:4700::1111]:53": true, "[2606:4700:4700::1111]": true,
		"https://dns.example.com/dns-query": true,
		"":                                  false, ":53": false, "1.1.1.1:0": false, "1.1.1.1:99999": false, "1.1.1.1:dns": false,
		"http://dns.example.com/": false, "https://": false, "tls://1.1.1.1": false, "a:b:c": false,
	} {
		if _, err := http01.NewResolver([]string{text}); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
