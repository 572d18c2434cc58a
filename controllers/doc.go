// Package controllers puts the operator together: setup.go is its table of
// contents. Each controller has a folder of its own with the same files:
// controller.go (what it watches, one pass), observe.go (reads), act.go
// (writes), events.go. What is decided between reading and writing is in
// internal/lifecycle.
package controllers
