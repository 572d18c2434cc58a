package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// names is a DNS server that knows what the operator has found out, and nothing
// else: where the CNAME at _acme-challenge leads, and which zone holds the
// record. lego asks it instead of the DNS, and so writes where the operator
// wants.
type names struct {
	address    string // host:port
	server     *dns.Server
	fqdn, zone string
	challenge  string // _acme-challenge of the domain
}

func serveNames(request wire.Request) (*names, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for lego's questions: %w", err)
	}
	n := &names{
		address: conn.LocalAddr().String(), fqdn: request.FQDN, zone: request.Zone,
		challenge: "_acme-challenge." + strings.TrimSuffix(request.Domain, ".") + ".",
	}
	started := make(chan struct{})
	n.server = &dns.Server{PacketConn: conn, Handler: n, NotifyStartedFunc: func() { close(started) }}
	go func() { _ = n.server.ActivateAndServe() }() // ends with the process, or by close
	<-started
	return n, nil
}

func (n *names) close() { _ = n.server.Shutdown() }

// ServeDNS implements dns.Handler.
func (n *names) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	answer := new(dns.Msg).SetReply(question)
	answer.RecursionAvailable = true
	if len(question.Question) == 1 {
		answer.Answer = n.answer(question.Question[0])
	}
	_ = w.WriteMsg(answer) // lego asks again, and then says what it missed
}

func (n *names) answer(question dns.Question) []dns.RR {
	header := dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET, Ttl: 60}
	switch {
	case question.Qtype == dns.TypeCNAME && strings.EqualFold(question.Name, n.challenge) && !strings.EqualFold(n.challenge, n.fqdn):
		return []dns.RR{&dns.CNAME{Hdr: header, Target: n.fqdn}}
	case question.Qtype == dns.TypeSOA && strings.EqualFold(question.Name, n.zone):
		return []dns.RR{&dns.SOA{Hdr: header, Ns: "ns." + n.zone, Mbox: "hostmaster." + n.zone, Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60}}
	default:
		return nil
	}
}
