// Package rotation tests what happens when the CA behind an issuer is replaced,
// on a real API server with the controllers of Certificates, requests and
// issuers together. It is a folder of its own because no controller may import
// another, and here three of them are needed.
package rotation
