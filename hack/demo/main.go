// Command demo shows Certwright at work: an Ingress with an annotation gets its
// certificate from an ACME CA, on a real Kubernetes, before your eyes.
//
//	go run ./hack/demo         a node of hack/cluster, or the cluster of KUBECONFIG;
//	                           without root, processes around a control plane
//	go run ./hack/demo down    removes what it left
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/certwright/certwright/hack/demo/site"
	"github.com/certwright/certwright/hack/demo/testbed"
)

const usage = `usage: demo [up|down] [flags]

Without KUBECONFIG the demo starts a node of hack/cluster. Where there can be
none (it needs Linux and root), or with --node=no, it tells the same story with
a control plane alone, and Certwright, an ACME CA and a small ingress controller
as processes on loopback: each time from the beginning.

With KUBECONFIG the demo uses that cluster, after asking, unless --node says
otherwise. A cluster that is not a node of hack/cluster needs an ingress
controller, and:

  --image, --app-image   images that it can pull (make image packs them)
  --https                where the ingress controller listens, host:port
  --server, --host       an ACME CA and a name that it can reach, unless there
                         is a Pebble in the cluster
  --ingress-class        of the ingress controller

`

// commandSite is the process behind the demo without a node; nobody types it.
const commandSite = "site"

// settings are what the command line says.
type settings struct {
	command      string
	yes          bool
	name         string
	runNode      string
	image        string
	appImage     string
	https        string
	server       string
	host         string
	ingressClass string
	roots        string
}

func parse(args []string, complaints io.Writer) (settings, error) {
	s := settings{command: "up"}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(complaints)
	flags.Usage = func() { _, _ = fmt.Fprint(complaints, usage); flags.PrintDefaults() }
	flags.BoolVar(&s.yes, "yes", false, "use the cluster of KUBECONFIG without asking")
	flags.StringVar(&s.name, "name", "demo", "name of the node of hack/cluster")
	flags.StringVar(&s.runNode, "node", os.Getenv(nodeVariable), "`yes` or no: whether to start a node (default: "+nodeVariable+" of the environment, or where it is possible)")
	flags.StringVar(&s.image, "image", "", "image of Certwright instead of this checkout's")
	flags.StringVar(&s.appImage, "app-image", testbed.AppImage, "image of the application")
	flags.StringVar(&s.https, "https", "", "address of the ingress controller, `host:port` (default of a node of hack/cluster: its own)")
	flags.StringVar(&s.server, "server", "", "`URL` of the ACME CA's directory (default: the cluster's Pebble)")
	flags.StringVar(&s.host, "host", "hello.certwright.test", "name of the web site")
	flags.StringVar(&s.ingressClass, "ingress-class", "traefik", "ingress class")
	flags.StringVar(&s.roots, "roots", "", "PEM `file` of the ACME CA's roots (default: Pebble's own, or this machine's if --server is set)")
	if len(args) > 0 && slices.Contains([]string{"up", "down", commandSite}, args[0]) {
		s.command, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		flags.Usage()
		return s, fmt.Errorf("there is no command %q", flags.Arg(0))
	}
	if !slices.Contains([]string{"", "yes", "no"}, s.runNode) {
		err := fmt.Errorf("--node, or %s, is %q: say yes or no", nodeVariable, s.runNode)
		_, _ = fmt.Fprintln(complaints, err)
		return s, err
	}
	return s, nil
}

func main() {
	s, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	log := &tail{}
	checkout, err := testbed.FindCheckout(log)
	if err != nil {
		return err
	}
	d := &demo{settings: s, checkout: checkout, screen: newScreen(os.Stdout), log: log}
	if !d.screen.terminal {
		log.through = os.Stderr // nothing else shows that something happens
	}
	if d.kubeconfig = os.Getenv("KUBECONFIG"); d.kubeconfig != "" && s.runNode == "" {
		if d.kubeconfig, err = filepath.Abs(d.kubeconfig); err != nil {
			return err
		}
		if testbed.SameFile(d.kubeconfig, d.site().Kubeconfig) {
			d.kubeconfig, d.runNode = "", "no" // of the demo itself
		}
	} else {
		d.kubeconfig = ""
	}
	switch s.command {
	case commandSite:
		return site.Run(ctx, d.site(), site.Held())
	case "down":
		return d.down(ctx)
	}
	return d.up(ctx)
}
