// Command app is the web application of the demo: it greets. It knows nothing
// of TLS, which ends at the ingress controller.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	listen := flag.String("listen", ":8080", "address, `host:port`")
	flag.Parse()
	server := &http.Server{
		Addr:              *listen,
		Handler:           handler(),
		ReadHeaderTimeout: 5 * time.Second,
	}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "Hello from %s, served over %s.\n", r.Host, scheme(r)) //nolint:gosec // plain text, no markup
	})
	return mux
}

// scheme is how the client came: the ingress controller says so.
func scheme(r *http.Request) string {
	if r.Header.Get("X-Forwarded-Proto") == "https" {
		return "HTTPS"
	}
	return "plain HTTP"
}
