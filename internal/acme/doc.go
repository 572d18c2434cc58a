// Package acme is a client for ACME servers (RFC 8555) that never waits.
//
// Every method of [Client] is one logical round trip: it signs one request, sends it, and returns what the server said. The
// only extra requests it may make are the ones the protocol forces on it: the directory when it is not cached, a nonce when
// none is at hand, and the same request again with another nonce after badNonce (at most [MaxNonceRetries] times, without a
// pause). It does not poll, does not sleep and keeps no state about orders. Whoever calls it stores the URLs it returns,
// and asks again later; each returned object says when, in RetryAfter.
//
// One file per noun of the protocol:
//
//	directory.go       directory, its metadata, and the cache of it    RFC 8555 7.1.1, 9.7.5, 9.7.6
//	nonce.go           anti-replay nonces and their pool               RFC 8555 6.5, 7.2
//	jws.go             request authentication                          RFC 8555 6.2 to 6.4, RFC 7515
//	keys.go            account keys, thumbprints, key authorizations   RFC 8555 8.1, RFC 7638
//	eab.go             external account binding                        RFC 8555 7.3.4
//	account.go         accounts                                        RFC 8555 7.1.2, 7.3, 7.3.6
//	keychange.go       another key for an account                      RFC 8555 7.3.5
//	identifier.go      DNS and IP identifiers                          RFC 8555 9.7.7, RFC 8738
//	order.go           orders and finalization                         RFC 8555 7.1.3, 7.4
//	authorization.go   authorizations                                  RFC 8555 7.1.4, 7.5
//	challenge.go       challenges                                      RFC 8555 7.1.5, 7.5.1, 8
//	certificate.go     certificate chains, alternates, chain choice    RFC 8555 7.4.2, 9.1
//	revocation.go      the end of a certificate before its time        RFC 8555 7.6
//	renewalinfo.go     renewal information, certificate identifiers    RFC 9773
//	problem.go         problem documents                               RFC 8555 6.7, RFC 7807
//	retryafter.go      Retry-After in a header and in prose            RFC 8555 6.6, RFC 9110 10.2.3
//	link.go            Link headers, URLs                              RFC 8288, RFC 8555 7.1
//
// and around them client.go (construction), exchange.go (one HTTP request, bounded), transport.go (the HTTP client),
// document.go (lenient JSON), errors.go, classify.go (what an error asks of the caller) and summary.go (an error as a sentence
// for a person).
//
// # States of an order
//
// The server moves an order along; the client causes the moves written on the arrows (RFC 8555 7.1.6):
//
//	NewOrder
//	   |
//	   v                      a challenge failed, an authorization
//	pending ----------------- expired or was deactivated ---------> invalid
//	   |  AcceptChallenge, until every                                 ^
//	   |  authorization is valid                                       |
//	   v                                                               |
//	 ready ------------------ the order expired ---------------------->+
//	   |  Finalize, once, with a CSR whose key is already stored       |
//	   v                                                               |
//	processing -------------- the CA refused to issue ---------------->+
//	   |  GetOrder, not before RetryAfter
//	   v
//	 valid    Certificate
//
// A Finalize whose answer was lost is not repeated: GetOrder tells whether the order left ready. An authorization that became
// invalid stays so, and with it its order: the way on is a new order.
//
// # Errors
//
// A request that fails returns one of three errors, possibly wrapped: [*Problem] when the server explained itself,
// [*HTTPError] when something answered that is not an ACME answer (a load balancer, a captive portal, a cut-off body), and
// [*TransportError] when nothing did. [Classify] says what the caller must do about it, [Summary] says it to a person.
package acme
