// Package certificate reconciles Certificates: it gathers what one decision of
// lifecycle.NextCertificate needs, and carries the decision out.
//
// # What renewal information costs
//
// ACME CAs are asked when to renew (RFC 9773), about each certificate once per
// pause that the CA asks for: Let's Encrypt says six hours, and it is never
// less than one. Each answer is one request to the CA, which needs no account
// and no signature, and one status write, because status.acme.ari says when
// the CA is asked next: without that, all would be asked again after each
// restart. For 10,000 certificates that is 40,000 of each a day, or one in two
// seconds; they spread by themselves, as pauses differ by up to a tenth. If
// all are due at once, as after a long downtime, there are five a second, for
// half an hour.
//
// A CA without renewal information costs one look at its directory a day, and
// no write. One that is down is tried once in five minutes, whatever the number
// of its certificates; each of them notes that after 1, 2, 4 and then every 6
// hours.
//
// # What revocation costs
//
// Whether a key is one that others know is looked up by its hash, in memory, at
// every pass; which Certificates have a key, by an index of the Secrets in the
// cache. So a Certificate that nothing is the matter with costs no request more.
// What reading the lists of CAs costs is in package revocationlist.
package certificate
