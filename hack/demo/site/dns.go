package site

import (
	"context"
	"fmt"
	"net"

	"github.com/miekg/dns"
)

// serveDNS says that every name is at this machine's loopback, over UDP and
// TCP, until it is shut down. Pebble asks it.
func serveDNS(ctx context.Context, fail func(error)) (address string, shutdown func(), err error) {
	tcp, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("serve DNS: %w", err)
	}
	address = tcp.Addr().String()
	udp, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	if err != nil {
		_ = tcp.Close() // nobody has used it
		return "", nil, fmt.Errorf("serve DNS: %w", err)
	}
	servers := []*dns.Server{
		{Listener: tcp, Handler: dns.HandlerFunc(answer)},
		{PacketConn: udp, Handler: dns.HandlerFunc(answer)},
	}
	for _, server := range servers {
		go func() {
			if err := server.ActivateAndServe(); err != nil {
				fail(fmt.Errorf("serve DNS: %w", err))
			}
		}()
	}
	return address, func() {
		for _, server := range servers {
			_ = server.Shutdown() // it ends with the process at the latest
		}
	}, nil
}

func answer(w dns.ResponseWriter, question *dns.Msg) {
	reply := new(dns.Msg).SetReply(question)
	for _, q := range question.Question {
		if q.Qtype == dns.TypeA && q.Qclass == dns.ClassINET {
			reply.Answer = append(reply.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1},
				A:   net.IPv4(127, 0, 0, 1),
			})
		}
	}
	_ = w.WriteMsg(reply) // who does not get it asks again
}
