// Package kube is how the controllers read and write the Kubernetes API.
//
// Reads come from caches: whole objects of our own kinds, of the solvers' pods
// and Services, and of the Secrets that carry our label; only the metadata of
// every other Secret, so that memory grows with our own objects and not with
// the cluster. Each look-up that is not by name has an index. The client waits
// for its own writes to arrive in the cache, so a decision is never taken on
// the state before the last action.
//
// Writes go through the few functions here: a status is stored with the
// resource version it was computed from, a Secret by server-side apply as the
// one owner of our fields.
package kube
