// Package cyberark stands in for CyberArk Certificate Manager in tests: for the
// self-hosted one (Trust Protection Platform), the service and Next-Generation
// Trust Security, at once. It has the requests and answers of their APIs that
// issue certificates, refuses what they would refuse, and signs.
//
// No such server can be run here. What it takes and gives is what the vendor's
// own clients send and read: vcert 5.12.3 gets certificates from it, by both of
// the APIs that it knows, with the same requests in the same order as the
// operator's client. There is no vcert with Next-Generation Trust Security to try.
package cyberark
