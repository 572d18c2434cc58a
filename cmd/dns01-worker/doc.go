// Command dns01-worker does one operation at one DNS provider: it adds the TXT
// record of a DNS-01 challenge (RFC 8555, section 8.4), or removes it. The
// operator starts one per operation; see internal/dns01/worker for that side.
//
// It is a module of its own, since the library that knows the providers (lego)
// brings 676 modules with it, none of which the operator shall carry.
//
// # Protocol
//
// One JSON Request is read from the standard input, one JSON Answer is written
// to the standard output, and the process ends: with 0 if there is an answer,
// be it a good one or not. Nothing is written elsewhere.
//
// # Credentials
//
// They come with the request. lego reads most of its settings from the
// environment, so the worker sets variables in its own environment just before
// it makes the provider. The parent does not put them into the environment of
// the process it starts: that one can be read from outside for as long as the
// process lives. A process serves one issuer and ends, so no setting of one
// issuer meets that of another.
//
// Only variables that are known for the provider are taken (see internal/table), none
// that names a file: who writes an Issuer must not be able to have the
// operator's own files read. Where lego wants the path of a file, the variable
// holds the content here (see files.go).
//
// # What is asked of the DNS
//
// Nothing. The operator has found zone and FQDN already, CNAMEs followed; lego
// wants to find both itself. The worker gives it a resolver of its own, on a
// loopback socket, that knows just these two answers (see resolver.go).
//
// # Own providers
//
// Five providers are not lego's, since those would remove the values of other
// challenges or could not remove a value that another process has added:
// gcloud and azuredns delete the whole RRset, cloudflare and digitalocean know
// a record only by an ID that Present has left in memory, acmedns registers
// accounts of its own when it meets a domain without one. The rest of those
// that keep an ID in memory (about 70 of 217) hand it out in Answer.State, and
// get it back in Request.State; see internal/remember.
package main
