// Package ext holds the extensions of Traefik's dynamic configuration: none.
package ext

// HTTP extends the HTTP configuration.
type HTTP struct{}

// Router extends a router.
type Router struct{}

// DeepCopyInto copies nothing.
func (*HTTP) DeepCopyInto(*HTTP) {}

// DeepCopyInto copies nothing.
func (*Router) DeepCopyInto(*Router) {}
