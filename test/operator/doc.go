// Package operator gives tests what the controllers run in: a manager, on a real
// API server, that works on one namespace, with the caches, indexes and Secrets
// of the real operator. A test adds the controllers that it is about.
//
// It is not in test/apiserver because internal/kube, which it is made of, is
// tested on an API server, too.
package operator
