// Package site is what the demo has instead of a node: processes on this
// machine, all on loopback, around a control plane of hack/cluster. They are
// Certwright, which answers HTTP-01 challenges itself; Pebble, an ACME CA; the
// demo's application; and a front, which does an ingress controller's work from
// nothing but the Ingresses, Services, EndpointSlices and Secrets that it finds
// in the API. None of them needs root.
//
// One process, started by Start and ended by Stop, keeps the others: Run is its
// life. All of them hold the same lock on a file, by which Stop knows for sure
// whether there is one of them left.
package site
