// Package http01 says which objects answer an HTTP-01 challenge (RFC 8555,
// section 8.3): a pod that knows the answer, a Service before it, and a path in
// an Ingress that leads there. The builders are pure: the same challenge and
// options give the same objects, byte for byte.
//
// It also looks at a challenge in the way the CA will (Checker), so that the
// CA is told to look only when there is something to see.
//
// The objects are those of the wire contract, section 2.8: labels, annotations,
// port and security settings are what network policies, admission policies and
// service meshes in existing clusters are made for.
package http01
