package acme

import (
	"errors"
	"strings"
)

// kinds are the error types that IANA lists for ACME, and that of profiles,
// without their prefix. What counts problems by their kind knows no others: a
// server may make up as many as it likes.
var kinds = map[string]bool{
	"accountDoesNotExist": true, "alreadyReplaced": true, "alreadyRevoked": true,
	"badCSR": true, "badNonce": true, "badPublicKey": true, "badRevocationReason": true, "badSignatureAlgorithm": true,
	"caa": true, "compound": true, "connection": true, "dns": true, "externalAccountRequired": true,
	"incorrectResponse": true, "invalidContact": true, "invalidProfile": true, "malformed": true, "onionCAARequired": true,
	"orderNotReady": true, "rateLimited": true, "rejectedIdentifier": true, "serverInternal": true, "tls": true,
	"unauthorized": true, "unsupportedContact": true, "unsupportedIdentifier": true, "userActionRequired": true,
}

// otherKind is the kind of every other problem, and of answers that should be
// problems and are not.
const otherKind = "other"

// kindOfProblem is the kind of the problem that a server answered with.
func kindOfProblem(err error) string {
	problem, ok := errors.AsType[*Problem](err)
	if !ok {
		return otherKind
	}
	if kind, ok := strings.CutPrefix(problem.Type, typePrefix); ok && kinds[kind] {
		return kind
	}
	return otherKind
}
