// Package orders tests the order and the challenge controller together: on a
// real API server, against Pebble as the CA, with a data plane that answers from
// nothing but the Ingress, Service and pod that it finds in the API. The
// issuer's account is made by the tests themselves.
//
// It is a module of its own because of Pebble.
package orders
