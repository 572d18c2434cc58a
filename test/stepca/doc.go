// Package stepca holds journeys of the ACME client, internal/acme, against step-ca, in the test's process: a CA of another make than
// Pebble, which has no renewal information, no profiles and no change of an account's key, and which honours notAfter.
//
// It is a module of its own to keep step-ca out of the product's dependencies.
package stepca
