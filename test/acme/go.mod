module github.com/certwright/certwright/test/acme

go 1.26.0

replace github.com/certwright/certwright => ../..

require (
	github.com/certwright/certwright v0.0.0-00010101000000-000000000000
	github.com/google/go-cmp v0.7.0
	github.com/letsencrypt/challtestsrv v1.4.2
	github.com/letsencrypt/pebble/v2 v2.10.1
)

require (
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/miekg/dns v1.1.73 // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
)
