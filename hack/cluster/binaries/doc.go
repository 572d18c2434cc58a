// Package binaries builds the cluster's programs from the Go modules beside it and keeps them in a cache outside of the
// checkout, under a hash of everything that goes into them. A second checkout on the machine builds nothing.
package binaries
