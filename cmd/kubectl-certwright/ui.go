package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/cmd/kubectl-certwright/internal/page"
)

type uiFlags struct {
	address                   string
	port                      int
	open, viewerTokens        bool
	certificateFile, keysFile string
}

func (c *cli) ui() *cobra.Command {
	f := &uiFlags{}
	cmd := &cobra.Command{
		Use:   "ui",
		Short: "Show all Certificates in a browser: a timeline, those in trouble first, and the story of each",
		Long: "Show all Certificates in a browser: a timeline, those in trouble first, and the story of each.\n\n" +
			"The page is served to browsers of this computer that have opened the address that is printed, and shows what you may see. Nothing can be changed on it.\n" +
			"With --viewer-tokens it is for others too, and shows each what the bearer token may see that he signs in with, or that a proxy before it sends.",
		Example: "  kubectl certwright ui\n  kubectl certwright ui --port 8123 --open=false",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return c.runUI(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.address, "address", "127.0.0.1", "address to listen at; another than the loopback needs --viewer-tokens; empty: all")
	flags.IntVar(&f.port, "port", 0, "port to listen at; 0: one that is free")
	flags.BoolVar(&f.open, "open", true, "open a browser, if there is a terminal")
	flags.BoolVar(&f.viewerTokens, "viewer-tokens", false, "ask the API server with the token of who looks, never with your own")
	flags.StringVar(&f.certificateFile, "tls-certificate-file", "", "certificate to serve with, PEM; read anew when it changes")
	flags.StringVar(&f.keysFile, "tls-private-key-file", "", "its private key, PEM")
	return cmd
}

func (f *uiFlags) check() error {
	ip := net.ParseIP(f.address)
	switch {
	case ip == nil && f.address != "":
		return usage("--address %s: write an IP address", f.address)
	case !f.viewerTokens && !ip.IsLoopback():
		return usage("--address %q: everybody who reaches it would see what you may see; say --viewer-tokens, by which each sees his own", f.address)
	case (f.certificateFile == "") != (f.keysFile == ""):
		return usage("--tls-certificate-file and --tls-private-key-file go together")
	}
	return nil
}

func (c *cli) runUI(ctx context.Context, f *uiFlags) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(f.address, strconv.Itoa(f.port)))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	at := listener.Addr().(*net.TCPAddr)
	scheme := "http"
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	if f.certificateFile != "" {
		scheme = "https"
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(f.certificateFile, f.keysFile) // a few connections a minute, so it needs no cache
			return &pair, err
		}}
	}
	o := page.Options{Now: c.now, Version: version, Cluster: c.clusterName()}
	address := fmt.Sprintf("%s://%s/", scheme, at)
	if f.viewerTokens {
		o.Cluster = ""
		o.Enter = newGuests(ctx, api, c.now).enter
		c.tell("serving at %s; who looks signs in with a token of his own", address)
	} else {
		o.Local, o.Ticket = newViewer(ctx, api, c.now), rand.Text()
		o.Hosts = []string{at.String(), net.JoinHostPort("localhost", strconv.Itoa(at.Port))}
		address += "open?ticket=" + o.Ticket
		c.tell("open %s\nit is for you alone: whoever has it sees your Certificates. Interrupt with Ctrl-C", address)
		if f.open && c.live {
			if err := openBrowser(ctx, address); err != nil {
				c.tell("no browser could be opened: %v", err)
			}
		}
	}
	server.Handler = page.New(o)
	go func() {
		<-ctx.Done()
		_ = server.Close() // a page has nothing to lose
	}()
	if f.certificateFile != "" {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil // that is how it ends
	}
	return fmt.Errorf("serve: %w", err)
}

// clusterName is the context of the kubeconfig.
func (c *cli) clusterName() string {
	if c.overrides.CurrentContext != "" {
		return c.overrides.CurrentContext
	}
	config, err := c.kubeconfig.Load()
	if err != nil {
		return "" // connect has told
	}
	return config.CurrentContext
}

// as is the same cluster for the holder of a token. Nothing of the user of this
// process goes with it.
func (c *cluster) as(token string) (*cluster, error) {
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = token
	config.UserAgent, config.WarningHandler, config.QPS, config.Burst = c.config.UserAgent, rest.NoWarnings{}, 20, 100
	api, err := client.NewWithWatch(config, client.Options{Scheme: c.Scheme()})
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	return &cluster{WithWatch: api, config: config, namespace: c.namespace}, nil
}
