// Command cluster builds and runs a real Kubernetes from Go modules, for tests and for the demo: a control plane, or a
// whole node. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

const usage = `usage: cluster COMMAND [ARGUMENTS]

  build [control-plane|node] [--install]     build what is not in the cache yet
  up    [control-plane|node] [--name NAME]   start a cluster; the last line printed is the path of its kubeconfig
  down  [--name NAME | --all]                stop it and remove all of it
  status [--name NAME]                       its daemons and their health; exit status 1 if one is dead
  env    [--name NAME]                       its addresses, as shell variables
  image load FILE.tar [--name NAME]          import an OCI archive into a node
  image build --ref REF ... -o FILE.tar      make an OCI archive; image build --help tells more
  kubectl ARGUMENTS                          kubectl, with the cluster that $CERTWRIGHT_CLUSTER names
  helm ARGUMENTS                             helm, likewise

  Without a name: the kind where one is given, else $CERTWRIGHT_CLUSTER, else the only cluster there is, else "node".
  --state DIR puts a cluster's files elsewhere than in .cluster/NAME at the root of the checkout.
`

// errUsage says that the arguments were wrong and that the user has been told how.
var errUsage = errors.New("wrong arguments")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		stop()
		os.Exit(2)
	case errors.As(err, &exit) && errors.Is(err, errPassed):
		stop()
		os.Exit(exit.ExitCode())
	default:
		stop()
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errUsage
	}
	command, args := args[0], args[1:]
	switch command {
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	case "image":
		return image(ctx, args)
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("a cluster runs on Linux only, and this is %s", runtime.GOOS)
	}
	switch command {
	case "build":
		return build(ctx, args)
	case "up":
		return up(ctx, args)
	case "down":
		return down(ctx, args)
	case "status":
		return status(ctx, args)
	case "env":
		return printEnv(args)
	case "kubectl", "helm":
		return passThrough(ctx, command, args)
	case "forward":
		return forward(ctx, args)
	}
	fmt.Fprintf(os.Stderr, "cluster: there is no command %s\n\n%s", command, usage)
	return errUsage
}

// options are the arguments that the commands share.
type options struct {
	root    string // the checkout
	kind    string
	name    string
	dir     string
	all     bool
	install bool
	rest    []string
}

// parse reads the flags before and after the positional arguments. takesKind says that the first of these may be the
// kind of cluster.
func parse(command string, args []string, takesKind bool) (options, error) {
	var o options
	flags := flag.NewFlagSet("cluster "+command, flag.ContinueOnError)
	flags.StringVar(&o.name, "name", "", "name of the cluster")
	flags.StringVar(&o.dir, "state", "", "folder of its state (default .cluster/NAME)")
	switch command {
	case "build":
		flags.BoolVar(&o.install, "install", false, "install missing Debian packages; needs root")
	case "down":
		flags.BoolVar(&o.all, "all", false, "all clusters of this checkout")
	}
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return o, errUsage // flag has told the user
		}
		args = flags.Args()
		if len(args) > 0 {
			o.rest, args = append(o.rest, args[0]), args[1:]
		}
	}
	if takesKind && len(o.rest) > 0 {
		o.kind, o.rest = o.rest[0], o.rest[1:]
		if o.kind != kindControlPlane && o.kind != kindNode {
			return o, fmt.Errorf("%s: there is %s and %s, not %q", command, kindControlPlane, kindNode, o.kind)
		}
	}
	return o, o.resolve()
}

// resolve fills in the checkout, the name and the folder.
func (o *options) resolve() error {
	var err error
	if o.root, err = checkout(); err != nil {
		return err
	}
	if o.name == "" {
		o.name = o.kind
	}
	if o.name == "" {
		o.name = os.Getenv("CERTWRIGHT_CLUSTER")
	}
	if o.name == "" {
		o.name = o.onlyCluster()
	}
	if err := validName(o.name); err != nil {
		return err
	}
	if o.dir == "" {
		o.dir = filepath.Join(o.root, ".cluster", o.name)
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	return nil
}

// onlyCluster returns the name of the one cluster of this checkout, or else of the node.
func (o *options) onlyCluster() string {
	found, err := filepath.Glob(filepath.Join(o.root, ".cluster", "*", "state.json"))
	if err == nil && len(found) == 1 {
		return filepath.Base(filepath.Dir(found[0]))
	}
	return kindNode
}
