package noanswer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
)

func TestReasonIsTheSameForTheSameFailure(t *testing.T) {
	t.Parallel()
	dial := func(port int, err error) error {
		return &url.Error{Op: "Post", URL: "https://ca.example.com/x", Err: &net.OpError{
			Op: "dial", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port}, Err: err,
		}}
	}
	for want, err := range map[string]error{
		"the name ca.example.com does not resolve":            dial(1, &net.DNSError{Name: "ca.example.com", IsNotFound: true}),
		"looking up the name ca.example.com timed out":        dial(2, &net.DNSError{Name: "ca.example.com", IsTimeout: true}),
		"looking up the name ca.example.com failed":           dial(3, &net.DNSError{Name: "ca.example.com", Server: "10.0.0.9:53"}),
		"connection refused":                                  dial(4, os.NewSyscallError("connect", syscall.ECONNREFUSED)),
		UnknownAuthority:                                      dial(5, x509.UnknownAuthorityError{}),
		AnotherName:                                           dial(6, x509.HostnameError{Certificate: &x509.Certificate{}, Host: "ca.example.com"}),
		"its TLS certificate has expired or is not yet valid": dial(7, x509.CertificateInvalidError{Reason: x509.Expired}),
		"timed out": fmt.Errorf("read answer: %w", context.DeadlineExceeded),
		"cancelled": dial(8, context.Canceled),
		"":          errors.New("read tcp 10.0.0.1:40001->10.0.0.2:443: strange"),
	} {
		if got := Reason(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
