// The few names of lego that Traefik's sources mention. Traefik terminates TLS here with the certificates that the
// cluster gives it and never asks a CA for one, so none of this runs; without it, Traefik would pull in the client
// libraries of some two hundred DNS providers, a few of which no longer resolve.
module github.com/go-acme/lego/v5

go 1.26.0
