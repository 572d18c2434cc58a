// Package http01 says which objects answer an HTTP-01 challenge (RFC 8555,
// section 8.3), and looks whether they do.
//
// There are two ways to answer: a pod that knows the answer, with a Service
// before it, for each challenge (Pod, Service); or the operator's own responder,
// to which a Service without a selector leads from each namespace
// (SharedService, SharedSlices). And there are three ways to lead the CA there:
// an Ingress, a path in an Ingress that exists (AddPath, RemovePath), and an
// HTTPRoute of the Gateway API. Any answer goes with any way. The builders are
// pure: the same challenge and options give the same objects, byte for byte.
//
// The Checker looks at a challenge in the way the CA will, so that the CA is
// told to look only when there is something to see. It has three outcomes: what
// it sees is right; what it sees is surely not what the CA wants; and it can not
// tell from where it is.
//
// The objects are those of the wire contract, section 2.8: labels, annotations,
// port and security settings are what network policies, admission policies and
// service meshes in existing clusters are made for.
package http01
