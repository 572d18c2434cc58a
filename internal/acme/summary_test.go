package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSummaryIsASentenceThatStaysTheSame(t *testing.T) {
	t.Parallel()
	challenge := func(detail, kind string) *Problem {
		return &Problem{Type: typePrefix + kind, Detail: detail, Identifier: &Identifier{IdentifierDNS, "app.example.com"}}
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"nothing": {nil, ""},
		"token and key authorization": {
			challenge(`The key authorization file from the server did not match this challenge. Expected "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" (got "nope")`, "unauthorized"),
			`app.example.com: The key authorization file from the server did not match this challenge. Expected "[...].[...]" (got "nope") (unauthorized)`,
		},
		"path of the token, port of the server": {
			challenge("203.0.113.7:80: Fetching http://app.example.com/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA: Connection refused", "connection"),
			"203.0.113.7: Fetching http://app.example.com/.well-known/acme-challenge/[...]: Connection refused (connection)",
		},
		"long names stay": {
			challenge("DNS problem: NXDOMAIN looking up A for a1b2c3d4e5f60718293a4b5c6d7e8f90-1234567890.eu-west-1.elb.example.com - check that it exists", "dns"),
			"app.example.com: DNS problem: NXDOMAIN looking up A for a1b2c3d4e5f60718293a4b5c6d7e8f90-1234567890.eu-west-1.elb.example.com - check that it exists (dns)",
		},
		"request identifiers": {
			&Problem{Action: ActionCreateOrder, Type: typeServerInternal, Detail: "Internal error (request id: 7f3Bq-9). Trace 1b4e28ba-2fa1-11d2-883f-0016d3cca427 at 2026-11-23T10:00:01.5Z."},
			"create order: Internal error. Trace [...] at [...] (serverInternal)",
		},
		"keys and control characters": {
			&Problem{Type: typePrefix + "malformed", Detail: "you sent\x00\n\t-----BEGIN PRIVATE KEY-----\nMIIEvQ"},
			"you sent [...] (malformed)",
		},
		"portal": {
			&Problem{Action: ActionCreateOrder, Type: typeRateLimited, Detail: "Your account is temporarily prevented from requesting certificates for a.example and possibly others. Please visit: https://p.example/u?jwt=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.x.y"},
			"create order: Your account is temporarily prevented from requesting certificates for a.example and possibly others. Please visit: the page below (rateLimited); see https://p.example/u?jwt=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.x.y",
		},
		"many subproblems": {
			&Problem{Action: ActionCreateOrder, Type: typePrefix + "compound", Detail: "all failed", Subproblems: []Problem{
				*challenge("a", "caa"), *challenge("b", "caa"), *challenge("c", "caa"), *challenge("d", "caa"), *challenge("e", "caa"), *challenge("f", "caa"), *challenge("g", "caa"),
			}},
			"create order: all failed (compound); app.example.com: a (caa); app.example.com: b (caa); app.example.com: c (caa); app.example.com: d (caa); app.example.com: e (caa); and 2 more",
		},
		"no text": {&Problem{Action: ActionGetOrder, Status: 400, Type: "about:blank"}, "get order: the CA gave no reason (about:blank)"},
		"name that does not exist": {
			noAnswer(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "ca.example", Server: "10.96.0.10:53", IsNotFound: true}}),
			"get order: no answer from ca.example: the name ca.example does not resolve",
		},
		"resolver that is silent": {
			noAnswer(&net.DNSError{Err: "read udp 10.1.2.3:41234->10.96.0.10:53: i/o timeout", Name: "ca.example", IsTimeout: true}),
			"get order: no answer from ca.example: looking up the name ca.example timed out",
		},
		"resolver that fails": {
			noAnswer(&net.DNSError{Err: "server misbehaving", Name: "ca.example", Server: "10.96.0.10:53"}),
			"get order: no answer from ca.example: looking up the name ca.example failed",
		},
		"connection reset": {
			noAnswer(&net.OpError{Op: "read", Source: &net.TCPAddr{Port: 41234}, Addr: &net.TCPAddr{Port: 443}, Err: os.NewSyscallError("read", syscall.ECONNRESET)}),
			"get order: no answer from ca.example: connection reset by peer",
		},
		"timeout":    {noAnswer(context.DeadlineExceeded), "get order: no answer from ca.example: timed out"},
		"unknown CA": {noAnswer(fmt.Errorf("tls: %w", x509.UnknownAuthorityError{})), "get order: no answer from ca.example: its TLS certificate is signed by an unknown authority"},
		"expired certificate": {
			noAnswer(x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired, Detail: "current time 2026-11-23T10:00:00Z is after"}),
			"get order: no answer from ca.example: its TLS certificate has expired or is not yet valid",
		},
		"wrong name":          {noAnswer(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "ca.example"}), "get order: no answer from ca.example: its TLS certificate is for another name"},
		"both ends in a text": {noAnswer(errors.New("proxy: read tcp 10.1.2.3:41234->[2001:db8::1]:3128: broken")), "get order: no answer from ca.example: proxy: read tcp [2001:db8::1]: broken"},
		"an error of others":  {errors.New("get secret default/a: not found"), "get secret default/a: not found"},
	} {
		if diff := cmp.Diff(test.want, Summary(test.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func noAnswer(err error) error {
	return fmt.Errorf("renew: %w", &TransportError{Action: ActionGetOrder, Host: "ca.example", Err: err})
}

func TestSummaryIsBoundedAndKeepsTheLink(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é words ", 500)
	got := Summary(&Problem{Type: typePrefix + "malformed", Detail: long})
	if len(got) > maxSummary || !strings.HasSuffix(got, " ...") || strings.ToValidUTF8(got, "") != got {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	got = Summary(&Problem{Type: typeUserActionRequired, Detail: long, Instance: "https://ca.example/agree"})
	if len(got) > maxSummary || !strings.HasSuffix(got, "; see https://ca.example/agree") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestSummaryOfARealRefusedConnectionIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String() + "/directory"
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	client, err := NewHTTPClient(HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	summaries := map[string]bool{}
	for range 3 {
		c, err := New(Config{DirectoryURL: url, HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Directory(t.Context())
		summaries[Summary(err)] = true
	}
	if len(summaries) != 1 {
		t.Errorf("summaries differ: %v", summaries)
	}
}
