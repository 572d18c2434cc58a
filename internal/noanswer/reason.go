package noanswer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// What is wrong with a server's certificate, for callers who know what to do
// about it.
const (
	UnknownAuthority = "its TLS certificate is signed by an unknown authority"
	AnotherName      = "its TLS certificate is for another name"
)

// Reason is why a request got no answer; empty if the error is none that is
// known, so that its text may hold anything.
func Reason(err error) string {
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case name.IsNotFound:
			return fmt.Sprintf("the name %s does not resolve", name.Name)
		case name.IsTimeout:
			return fmt.Sprintf("looking up the name %s timed out", name.Name)
		}
		return fmt.Sprintf("looking up the name %s failed", name.Name)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return UnknownAuthority
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return AnotherName
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "its TLS certificate has expired or is not yet valid"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if timeout, ok := errors.AsType[net.Error](err); (ok && timeout.Timeout()) || errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	if errors.Is(err, context.Canceled) {
		return "cancelled"
	}
	return ""
}
