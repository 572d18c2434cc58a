// Package cyberark stands in for CyberArk Certificate Manager in tests: for the
// self-hosted one (Trust Protection Platform), the service and Next-Generation
// Trust Security, at once. It has the requests and answers of their APIs that
// issue certificates, refuses what they would refuse, and signs.
//
// No such server can be run here. What it takes and gives is what the vendor's
// own clients send and read.
package cyberark
