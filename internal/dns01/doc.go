// Package dns01 is what DNS-01 (RFC 8555, section 8.4) needs to know of the DNS:
// where the TXT record of a name has to be written, and whether it can be seen
// at the servers that answer for it. How it is written is the business of the
// providers, each in a package of its own.
//
// Everything here asks, once, and tells what it saw. Nothing waits or repeats;
// the caller looks again when it is time.
package dns01
