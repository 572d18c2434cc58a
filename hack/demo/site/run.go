package site

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Run keeps a site until it is asked to end, or its folder is gone. lock is passed on to
// the programs.
func Run(asked context.Context, c Config, lock *os.File) error {
	ctx, fail := context.WithCancelCause(asked)
	defer fail(nil)
	front, err := c.newFront()
	if err != nil {
		return err
	}
	plain, err := listen(ctx)
	if err != nil {
		return err
	}
	encrypted, err := listen(ctx)
	if err != nil {
		return err
	}
	names, shutdown, err := serveDNS(ctx, fail)
	if err != nil {
		return err
	}
	defer shutdown()
	for _, l := range []net.Listener{plain, tls.NewListener(encrypted, &tls.Config{
		GetCertificate: front.certificateFor, MinVersion: tls.VersionTLS12,
	})} {
		server := &http.Server{Handler: front, ReadHeaderTimeout: 10 * time.Second}
		defer func() { _ = server.Close() }() // the process ends
		go func() { fail(server.Serve(l)) }()
	}

	acme, management, app, health, err := fourAddresses(ctx)
	if err != nil {
		return err
	}
	pebbleConfig, err := c.configurePebble(acme, management, portOf(plain), portOf(encrypted))
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer fail(nil) // before that: the programs end
	for _, p := range []program{
		// What it has issued and to whom is only in its memory, so a second one
		// would be another CA.
		{name: Pebble, args: []string{"-strict", "-config", pebbleConfig, "-dnsserver", names}, env: []string{"PEBBLE_VA_NOSLEEP=1"}, once: true},
		{name: App, args: []string{"--listen", app}},
		{name: Operator, args: c.operatorArgs(health), env: []string{
			// Port 80, where the self-check looks, is not for everybody to
			// listen at. As its proxy the front gets the same requests. Go
			// connects to loopback, where all else is, without a proxy.
			"HTTP_PROXY=http://" + plain.Addr().String(), "NO_PROXY=", "no_proxy=",
		}},
	} {
		running.Go(func() { fail(c.keep(ctx, p, lock)) })
	}
	running.Go(func() { fail(c.whileThere(ctx)) })

	if err := c.whenServing(ctx, "https://"+acme+"/dir", "http://"+app+"/healthz", "http://"+health+"/readyz"); err != nil {
		return err
	}
	if err := c.publish(Addresses{
		HTTP: plain.Addr().String(), HTTPS: encrypted.Addr().String(), App: app,
		Directory: "https://" + acme + "/dir", Management: management,
	}); err != nil {
		return err
	}
	<-ctx.Done()
	if asked.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

func (c Config) operatorArgs(health string) []string {
	return []string{
		"--kubeconfig=" + c.Kubeconfig,
		"--leader-elect=false", // there is but one
		"--http01-solver-mode=Shared",
		"--http01-responder-listen-address=127.0.0.1:0",
		"--http01-responder-addresses=" + EndpointAddress,
		"--metrics-listen-address=0",
		"--health-listen-address=" + health,
	}
}

func (c Config) newFront() (*front, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1
	api, err := client.New(config, client.Options{Scheme: clientgoscheme.Scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	return &front{api: api, class: c.IngressClass}, nil
}

func listen(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

func portOf(l net.Listener) int {
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return port
}

// fourAddresses finds addresses for programs that open their ports themselves.
// All of them are taken at once, so they differ.
func fourAddresses(ctx context.Context) (a, b, c, d string, err error) {
	var found [4]string
	for i := range found {
		l, err := listen(ctx)
		if err != nil {
			return "", "", "", "", err
		}
		defer func() { _ = l.Close() }() // only its number was wanted
		found[i] = l.Addr().String()
	}
	return found[0], found[1], found[2], found[3], nil
}

// whileThere returns when the folder of the site has been removed.
func (c Config) whileThere(ctx context.Context) error {
	return wait.PollUntilContextCancel(ctx, time.Second, false, func(context.Context) (bool, error) {
		if _, err := os.Stat(c.lockFile()); err != nil {
			return false, fmt.Errorf("look after the site: %w", err)
		}
		return false, nil
	})
}

// whenServing returns when each of the URLs answers with status 200.
func (c Config) whenServing(ctx context.Context, urls ...string) error {
	text, err := os.ReadFile(c.PebbleCA())
	if err != nil {
		return fmt.Errorf("read Pebble's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	through := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
	defer through.CloseIdleConnections()
	for _, url := range urls {
		err := wait.PollUntilContextCancel(ctx, lookEvery, true, func(ctx context.Context) (bool, error) { return serves(ctx, through, url) })
		if err != nil {
			return fmt.Errorf("wait for %s: %w", url, errors.Join(err, context.Cause(ctx)))
		}
	}
	return nil
}

func serves(ctx context.Context, through *http.Client, url string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false, err
	}
	response, err := through.Do(request)
	if err != nil {
		return false, nil //nolint:nilerr // not yet
	}
	return response.StatusCode == http.StatusOK, response.Body.Close()
}
