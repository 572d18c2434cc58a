package http01

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	dnsMessage = "application/dns-message" // RFC 8484, section 6
	// maxMessage is what the length of a DNS message over TCP can say.
	maxMessage = 1<<16 - 1
	dnsPrefix  = 2 // bytes of that length
)

// overHTTPS asks all DNS over HTTPS servers. Their certificates are verified.
var overHTTPS = &http.Client{Timeout: lookupTimeout}

// dialHTTPS is a connection to a DNS over HTTPS server in the shape of one over
// TCP (RFC 1035, section 4.2.2), so that the standard library's resolver speaks
// through it.
func dialHTTPS(ctx context.Context, url string) net.Conn {
	return &httpsConn{exchange: func(question []byte) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(question))
		if err != nil {
			return nil, fmt.Errorf("make request: %w", err)
		}
		request.Header.Set("Content-Type", dnsMessage)
		request.Header.Set("Accept", dnsMessage)
		response, err := overHTTPS.Do(request)
		if err != nil {
			return nil, err
		}
		defer func() { _ = response.Body.Close() }() // it was only read
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != dnsMessage {
			return nil, errNoDNS
		}
		answer, err := io.ReadAll(io.LimitReader(response.Body, maxMessage+1))
		if err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		if len(answer) > maxMessage {
			return nil, errNoDNS
		}
		return answer, nil
	}}
}

// httpsConn takes a question with its length before it, and gives the answer
// likewise.
type httpsConn struct {
	exchange func(question []byte) ([]byte, error)
	answer   bytes.Buffer
}

var errNoQuestion = errors.New("not one whole question")

// Write asks. The standard library writes a question in one piece.
func (c *httpsConn) Write(p []byte) (int, error) {
	if len(p) < dnsPrefix || int(binary.BigEndian.Uint16(p)) != len(p)-dnsPrefix {
		return 0, errNoQuestion
	}
	answer, err := c.exchange(p[dnsPrefix:])
	if err != nil {
		return 0, err
	}
	c.answer.Write(binary.BigEndian.AppendUint16(nil, uint16(len(answer)))) //nolint:gosec // no longer than maxMessage
	c.answer.Write(answer)
	return len(p), nil
}

// Read gives what is left of the answers.
func (c *httpsConn) Read(p []byte) (int, error) { return c.answer.Read(p) }

// Close, deadlines and addresses: the context of the look-up is what ends it.
func (c *httpsConn) Close() error                     { return nil }
func (c *httpsConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *httpsConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *httpsConn) SetDeadline(time.Time) error      { return nil }
func (c *httpsConn) SetReadDeadline(time.Time) error  { return nil }
func (c *httpsConn) SetWriteDeadline(time.Time) error { return nil }
