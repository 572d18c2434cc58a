// Command http01-solver answers the HTTP-01 validation of one ACME challenge,
// and nothing else. It runs in the solver pod that the operator creates for the
// time of the challenge.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/certwright/certwright/internal/http01/responder"
)

// goodbye is how long a request that is being answered may take once the pod
// is told to end.
const goodbye = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "http01-solver:", err)
		os.Exit(1) //nolint:gocritic // the process ends here; nothing is left to stop
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, log io.Writer) error {
	answer, port, err := parse(args, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen on port %d: %w", port, err)
	}
	server := responder.Server(responder.Handler(answer))
	_, _ = fmt.Fprintf(log, "http01-solver: answering for %s on port %d\n", answer.Domain, port)

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		return fmt.Errorf("end: %w", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// parse reads the flags, which are those of the solver image that is in use
// everywhere (contract, Appendix B), so that either image runs in the pod.
func parse(args []string, log io.Writer) (answer responder.Answer, port int, err error) {
	flags := flag.NewFlagSet("http01-solver", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&answer.Domain, "domain", "", "`name` that the CA validates")
	flags.StringVar(&answer.Token, "token", "", "`token` of the challenge")
	flags.StringVar(&answer.Key, "key", "", "key `authorization` to answer with")
	flags.IntVar(&port, "listen-port", 8089, "TCP `port` to listen on")
	if err := flags.Parse(args); err != nil {
		return responder.Answer{}, 0, err
	}
	switch {
	case flags.NArg() > 0:
		return responder.Answer{}, 0, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case answer.Domain == "", answer.Token == "", answer.Key == "":
		return responder.Answer{}, 0, errors.New("--domain, --token and --key are all required")
	case port < 0 || port > 65535:
		return responder.Answer{}, 0, fmt.Errorf("--listen-port %d is not a port", port)
	}
	return answer, port, nil
}
