// Package apirules holds no code, only tests: of the rules that the CRDs of
// this project carry, against a real API server.
package apirules
