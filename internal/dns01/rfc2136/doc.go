// Package rfc2136 writes TXT records by dynamic updates (RFC 2136) to the
// authoritative server itself, signed by TSIG (RFC 8945).
//
// An update adds or deletes one value and leaves the rest of the RRset alone
// (RFC 2136, sections 2.5.1 and 2.5.4). It has no prerequisites: adding what is
// there, and deleting what is not, is no error, so that an update whose answer
// was lost is repeated without harm.
package rfc2136
