// Package dns01webhook tests the webhook protocol of DNS-01 against an API
// server that is built, as the community's solvers are, from the public webhook
// library, and that a real kube-apiserver aggregates.
//
// It is a module of its own because of that library.
package dns01webhook
