// The extension points of Traefik's configuration. Upstream keeps them in a module that is not published; without
// extensions both are empty.
module github.com/traefik/traefik/dynamic/ext

go 1.26.0
