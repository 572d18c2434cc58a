// Package noanswer says why a server gave no answer. The texts end up in
// conditions: they are for people, and the same for the same failure, without
// the addresses and ports that differ from one attempt to the next. The clients
// of ACME CAs, of Vault and of CyberArk share it and do not import each other,
// so it has a place of its own.
package noanswer
