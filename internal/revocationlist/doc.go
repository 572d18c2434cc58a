// Package revocationlist finds out whether certificates are revoked by the list
// that their CA publishes (CRL, RFC 5280, section 5), at the distribution point
// that they name themselves.
//
// Lists are fetched in the background, one for all certificates of a CA that
// name the same address, and kept until they run out, but for an hour at least
// and a day at most. Look answers at once with what is known, and has whoever
// asked woken when it is known that the certificate is revoked.
//
// # Whom it believes
//
// A list counts only if the key of the certificate's own issuer has signed it.
// So an address that somebody else controls, or plain HTTP, can withhold news,
// and nothing more; a list that is older than the one before it is dropped. Not
// understood, and so refused, are lists of changes only (delta lists) and lists
// that also speak of other CAs' certificates (indirect lists).
//
// # What can be made of it
//
// The address stands in a certificate, so that whoever has a CA of their own may
// write any into it: the operator sends a GET there, from where it runs, with no
// credentials. It follows redirects on the same host only, reads at most 10 MiB
// for at most 30 seconds, and passes on neither the body nor anything of it
// but whether a list is one. Who must not reach a network through that closes it
// to the operator with a NetworkPolicy, or switches the checks off. Memory is
// bounded, too: what is beyond the limits is not checked, and that is logged.
//
// # What it costs
//
// One request per list and day, or per hour where a CA's lists are that
// short-lived; 32 bytes of memory per entry. A list with 300,000 entries, which
// is what 10 MiB hold, takes half a second to read, one at a time.
package revocationlist
