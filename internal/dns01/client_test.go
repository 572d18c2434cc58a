package dns01_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/test/dns01/bind"
)

func TestAnswerThatIsTooLongForUDPComesOverTCP(t *testing.T) {
	t.Parallel()
	var records []string
	for i := range 40 {
		records = append(records, fmt.Sprintf(`many.example.com. TXT "%d-%s"`, i, strings.Repeat("x", 100)))
	}
	server := bind.Start(t, bind.Options{Zones: []bind.Zone{{Name: "example.com.", Records: records}}})
	answer, err := dns01.NewClient(nil).Exchange(t.Context(), server.Address, dns01.Question{Name: "many.example.com.", Kind: dns01.KindTXT})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(answer.Texts["many.example.com."]); n != 40 || !answer.Authoritative {
		t.Errorf("%d values, authoritative: %t", n, answer.Authoritative)
	}
}

// Two servers of a zone, of which only one takes the update: until the other has
// it too, a CA may ask the wrong one.
func TestValueHasToBeAtEveryAuthoritativeServer(t *testing.T) {
	t.Parallel()
	port := bind.FreePort(t, "127.0.0.1", "127.0.0.2")
	zone := func(records ...string) []bind.Zone {
		hosts := []string{"ns1.example.com. A 127.0.0.1", "ns2.example.com. A 127.0.0.2"}
		return []bind.Zone{{Name: "example.com.", NameServers: []string{"ns1.example.com.", "ns2.example.com."}, Records: append(hosts, records...)}}
	}
	const both, one = `_acme-challenge.both.example.com. TXT "v"`, `_acme-challenge.one.example.com. TXT "v"`
	first := bind.Start(t, bind.Options{Port: port, Zones: zone(both, one, "_acme-challenge.alias.example.com. CNAME _acme-challenge.both.example.com.")})
	second := bind.Start(t, bind.Options{Zones: zone(both)})
	relay(t, fmt.Sprintf("127.0.0.2:%d", port), second.Address) // BIND listens only at addresses that an interface has
	r, err := dns01.New(dns01.Config{Nameservers: []string{first.Address}, Port: fmt.Sprint(port), Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for domain, want := range map[string]string{
		"both.example.com":  "",
		"alias.example.com": "",
		"one.example.com":   `the TXT record "_acme-challenge.one.example.com" does not have the value yet at ns2.example.com (no TXT record)`,
		"none.example.com":  `the TXT record "_acme-challenge.none.example.com" does not have the value yet at ns1.example.com (no TXT record), ns2.example.com (no TXT record)`,
	} {
		if _, text := r.Look(t.Context(), domain, "v"); text != want {
			t.Errorf("%s: %q, want %q", domain, text, want)
		}
	}
}

// doh is a DNS over HTTPS server, which asks another server.
func doh(t *testing.T, upstream string) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		question := new(dns.Msg)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/dns-message" || question.Unpack(body) != nil || question.Id != 0 {
			http.Error(w, "not a question", http.StatusBadRequest)
			return
		}
		answer, _, err := (&dns.Client{Net: "tcp"}).Exchange(question, upstream)
		if err != nil {
			http.Error(w, "no answer", http.StatusBadGateway)
			return
		}
		packed, err := answer.Pack()
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/dns-message")
		_, _ = w.Write(packed)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestServersAreAskedOverHTTPS(t *testing.T) {
	t.Parallel()
	upstream := bind.Start(t, bind.Options{Zones: []bind.Zone{{Name: "example.com.", Records: []string{`_acme-challenge.example.com. TXT "v"`}}}})
	server := doh(t, upstream.Address)
	r, err := dns01.New(dns01.Config{Nameservers: []string{"192.0.2.1"}, Clock: time.Now, Exchanger: dns01.NewClient(server.Client())})
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.With([]string{server.URL + "/dns-query"}); err != nil {
		t.Fatal(err)
	}
	if zone, err := r.Zone(t.Context(), "_acme-challenge.a.example.com."); err != nil || zone != "example.com." {
		t.Errorf("zone %q, %v", zone, err)
	}
	if verdict, text := r.Look(t.Context(), "example.com", "v"); verdict != dns01.Seen {
		t.Errorf("%d, %s", verdict, text)
	}
}

func TestCausesOfNoAnswerHaveWords(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.7:0") // others of this test listen at 127.0.0.1
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	refusing := bind.Start(t, bind.Options{Zones: []bind.Zone{{Name: "example.com."}}})
	page := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(page.Close)
	endless := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/dns-message")
		for range 100 {
			_, _ = w.Write(make([]byte, 1<<10))
		}
	}))
	t.Cleanup(endless.Close)
	other := startServer(t, func(m *dns.Msg) { m.Question[0].Name = "other.example." })
	strange := startServer(t, func(m *dns.Msg) { m.Rcode = 13 })
	for title, test := range map[string]struct{ server, want string }{
		"refused":                {refusing.Address, "REFUSED"},
		"nobody listens (TCP)":   {silent.LocalAddr().String(), "connection refused"},
		"a web page":             {page.URL, "not a DNS over HTTPS server"},
		"more than a message":    {endless.URL, "not a DNS over HTTPS server"},
		"another question":       {other, "an answer to another question"},
		"a code without a name":  {strange, "code 13"},
		"a host without address": {"nowhere.invalid:53", "its address is not known"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			https := page.Client()
			if strings.HasPrefix(test.server, endless.URL) {
				https = endless.Client()
			}
			_, err := dns01.NewClient(https).Exchange(t.Context(), test.server, dns01.Question{Name: "elsewhere.example.", Kind: dns01.KindSOA})
			got := (*dns01.ServerError)(nil)
			if !errors.As(err, &got) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(&dns01.ServerError{Server: test.server, Why: test.want}, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// A server that does not know EDNS is asked without it.
func TestServerFromBeforeEDNS(t *testing.T) {
	t.Parallel()
	server := startServer(t, func(m *dns.Msg) {
		if len(m.Extra) > 0 {
			m.Rcode, m.Extra = dns.RcodeFormatError, nil
			return
		}
		record, err := dns.NewRR(m.Question[0].Name + ` 60 IN TXT "v"`)
		if err != nil {
			panic(err)
		}
		m.Answer = []dns.RR{record}
	})
	answer, err := dns01.NewClient(nil).Exchange(t.Context(), server, dns01.Question{Name: "a.example.", Kind: dns01.KindTXT})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"v"}, answer.Texts["a.example."]); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// relay passes questions on.
func relay(t *testing.T, at, to string) {
	t.Helper()
	serve(t, at, func(question *dns.Msg) *dns.Msg {
		answer, _, err := new(dns.Client).Exchange(question, to)
		if err != nil {
			t.Error(err)
			return new(dns.Msg).SetRcode(question, dns.RcodeServerFailure)
		}
		return answer
	})
}

// startServer answers each question with itself, changed.
func startServer(t *testing.T, change func(*dns.Msg)) string {
	t.Helper()
	return serve(t, "127.0.0.1:0", func(question *dns.Msg) *dns.Msg {
		answer := question.Copy()
		answer.Response = true
		change(answer)
		return answer
	})
}

func serve(t *testing.T, at string, answer func(*dns.Msg) *dns.Msg) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		_ = w.WriteMsg(answer(question))
	})}
	ended := make(chan error, 1)
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go func() { ended <- server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return conn.LocalAddr().String()
}
