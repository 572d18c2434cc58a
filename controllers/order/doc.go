// Package order takes Orders to the ACME CA: it places the order, has a
// Challenge made for every name that is not proved, finalizes, and fetches the
// certificate. What to do next is decided by lifecycle.NextOrder; here is only
// how to look and how to do it.
//
// What the CA said is remembered in memory between two passes. Losing it costs
// one request: the order's URL is stored.
package order
