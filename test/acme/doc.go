// Package acme holds the journeys of the ACME client, internal/acme, against a real ACME server: Pebble, in the test's process.
//
// What stands around them is there for other tests too:
//
//	faultproxy/  makes a server misbehave: error answers, lost answers, refused nonces, altered bodies
//	testca/      Pebble behind such a proxy, with the DNS and web server that its validation asks
//
// It is a module of its own to keep Pebble out of the product's dependencies; its path below the root lets it import internal
// packages.
package acme
