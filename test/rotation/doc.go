// Package rotation tests what happens when the CA behind an issuer is replaced,
// and campaigns that have many certificates replaced, on a real API server with
// the controllers of Certificates, requests and issuers together, and those of
// Reissues and Revocations. It is a folder of its own because no controller may
// import another, and here several of them are needed.
package rotation
