// Package page is the page for people: every certificate on a timeline, those in
// trouble first, and the story of one as a picture. It knows nothing of
// Kubernetes: a Viewer reads what one person may see, and this package arranges
// and serves it. It needs no JavaScript to be read; with it the page keeps
// itself up to date.
//
// No private key, token or key authorization is part of its model.
package page
