// Package compat holds no code, only tests: that the API of this project is
// that of cert-manager v1.21, whose public Go types and CRDs they compare it
// with. The package is a module of its own, so that the product does not
// depend on it.
package compat
