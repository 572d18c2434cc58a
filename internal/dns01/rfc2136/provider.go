package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/dns01"
)

const (
	// updateTimeout is for one update. Servers write it to disk before they
	// answer.
	updateTimeout = 10 * time.Second
	// fudge is by how much the clocks may differ, in seconds (RFC 8945,
	// section 10 recommends it).
	fudge = 300
	// defaultTTL is that of the contract.
	defaultTTL = time.Minute
)

// Config is access to one server.
type Config struct {
	// Nameserver is host or host:port; an IPv6 address stands in brackets.
	Nameserver string
	// KeyName, KeyAlgorithm and KeySecret are a TSIG key. Without a name,
	// updates are not signed. The secret is in base64.
	KeyName, KeyAlgorithm, KeySecret string
	// TCP sends updates over TCP instead of UDP.
	TCP   bool
	Clock func() time.Time
}

// Provider sends updates to one server. It implements dns01.Provider.
type Provider struct {
	server, network string
	key             *key // nil: not signed
	clock           func() time.Time
}

// New makes a provider. Errors are about the configuration.
func New(config Config) (*Provider, error) {
	server, err := serverAddress(config.Nameserver)
	if err != nil {
		return nil, err
	}
	p := &Provider{server: server, network: "udp", clock: config.Clock}
	if config.TCP {
		p.network = "tcp"
	}
	if config.KeyName != "" {
		if p.key, err = newKey(config.KeyName, config.KeyAlgorithm, config.KeySecret); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// serverAddress is host and port of a server. The port may be missing, or empty.
func serverAddress(text string) (string, error) {
	text = strings.TrimSpace(text)
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port, err = net.SplitHostPort(text + ":53")
	}
	if err != nil || host == "" {
		return "", fmt.Errorf("read nameserver %q: neither host nor host:port, with an IPv6 address in brackets", text)
	}
	if port == "" {
		port = "53"
	}
	return net.JoinHostPort(host, port), nil
}

// EnsureTXT implements dns01.Provider.
func (p *Provider) EnsureTXT(ctx context.Context, record dns01.Record) error {
	if err := p.update(ctx, record, (*dns.Msg).Insert); err != nil {
		return fmt.Errorf("add TXT record %q: %w", record.FQDN, err)
	}
	return nil
}

// RemoveTXT implements dns01.Provider.
func (p *Provider) RemoveTXT(ctx context.Context, record dns01.Record) error {
	if err := p.update(ctx, record, (*dns.Msg).Remove); err != nil {
		return fmt.Errorf("remove TXT record %q: %w", record.FQDN, err)
	}
	return nil
}

func (p *Provider) update(ctx context.Context, record dns01.Record, change func(*dns.Msg, []dns.RR)) error {
	ttl := record.TTL
	if ttl <= 0 {
		ttl = defaultTTL
	}
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(record.Zone))
	change(m, []dns.RR{&dns.TXT{
		Hdr: dns.RR_Header{Name: dns.Fqdn(record.FQDN), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: uint32(ttl / time.Second)},
		Txt: []string{record.Value},
	}})
	client := dns.Client{Net: p.network, Timeout: updateTimeout}
	if p.key != nil {
		client.TsigProvider = p.key
		m.SetTsig(p.key.name, p.key.algorithm.name, fudge, p.clock().Unix())
	}
	answer, _, err := client.ExchangeContext(ctx, m, p.server)
	if answer == nil {
		return &dns01.ServerError{Server: p.server, Why: dns01.Cause(err)}
	}
	return p.judge(answer, err, record)
}

// judge says what an answer means. One that is not signed counts only if it is
// a refusal: anybody on the way can refuse, but not agree.
func (p *Provider) judge(answer *dns.Msg, err error, record dns01.Record) error {
	signature := answer.IsTsig()
	switch {
	case signature != nil && signature.Error != dns.RcodeSuccess:
		return p.keyError(signature.Error)
	case answer.Rcode == dns.RcodeNotAuth && p.key != nil:
		return fmt.Errorf("%s answered NOTAUTH: it does not hold the zone %q, or does not know the TSIG key %q", p.server, record.Zone, p.key.name)
	case answer.Rcode == dns.RcodeRefused:
		return fmt.Errorf("%s answered REFUSED: it does not let %s change the zone %q", p.server, p.who(), record.Zone)
	case answer.Rcode != dns.RcodeSuccess:
		return fmt.Errorf("%s answered %s", p.server, codeName(answer.Rcode))
	case err != nil:
		return fmt.Errorf("read answer of %s: %w", p.server, err)
	case p.key != nil && signature == nil:
		return fmt.Errorf("read answer of %s: %w", p.server, errNotSigned)
	}
	return nil
}

var errNotSigned = errors.New("it is not signed, although the update was")

func (p *Provider) who() string {
	if p.key == nil {
		return "updates without a TSIG key"
	}
	return fmt.Sprintf("the TSIG key %q", p.key.name)
}

// keyError is what a server says about a signature (RFC 8945, section 5.2).
func (p *Provider) keyError(code uint16) error {
	switch int(code) {
	case dns.RcodeBadKey:
		return fmt.Errorf("%s does not know the TSIG key %q with the algorithm %s", p.server, p.key.name, strings.TrimSuffix(p.key.algorithm.name, "."))
	case dns.RcodeBadSig:
		return fmt.Errorf("%s does not accept the signature: the secret of the TSIG key %q is another one there", p.server, p.key.name)
	case dns.RcodeBadTime:
		return fmt.Errorf("%s does not accept the time of the signature: its clock and that of the operator differ by more than %d s", p.server, fudge)
	}
	return fmt.Errorf("%s does not accept the signature: %s", p.server, codeName(int(code)))
}

func codeName(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("code %d", code)
}
