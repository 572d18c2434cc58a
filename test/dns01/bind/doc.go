// Package bind runs BIND 9, the DNS server of the Debian package bind9, for
// tests: on loopback, with zones and TSIG keys made for the test.
//
// Where it is not installed the test is skipped, except if the variable CI is
// set: .ci/run installs it.
package bind
