// The few names of go-http-auth that Traefik's sources mention; the fork that they need does not resolve. No route of
// the cluster asks for a password: what would check one lets nobody in.
module github.com/abbot/go-http-auth

go 1.26.0
