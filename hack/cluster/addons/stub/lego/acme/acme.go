// Package acme holds account types.
package acme

// Account is an ACME account; the cluster's ingress controller has none.
type Account struct{}

// ExtendedAccount is an account and where the CA keeps it.
type ExtendedAccount struct {
	Account
	Location string
}
