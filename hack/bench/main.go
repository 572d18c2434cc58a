package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// options are the arguments of the command.
type options struct {
	certificates int
	scale        int
	key          cmv1.PrivateKeyAlgorithm
	json         string
	profile      string
	keep         bool
}

func parse(args []string, output io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.IntVar(&o.certificates, "n", 200, "certificates of the run that most budgets are for")
	flags.IntVar(&o.scale, "scale", 2000, "certificates of the run that shows whether the cost of each stays flat; 0 for none")
	key := flags.String("key", string(cmv1.ECDSAKeyAlgorithm), "algorithm of the keys: ECDSA (P-256) or RSA (2048 bits)")
	flags.StringVar(&o.json, "json", "", "file that gets all figures")
	flags.StringVar(&o.profile, "cpuprofile", "", "file that gets a CPU profile of the operator during the last run")
	flags.BoolVar(&o.keep, "keep", false, "leave the control plane running and the operator's logs in place")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, path := range []*string{&o.json, &o.profile} {
		if *path == "" {
			continue
		}
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return o, fmt.Errorf("find %s: %w", *path, err)
		}
	}
	o.key = cmv1.PrivateKeyAlgorithm(*key)
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("there are no arguments but flags, and %q is none", flags.Arg(0))
	case o.key != cmv1.ECDSAKeyAlgorithm && o.key != cmv1.RSAKeyAlgorithm:
		return o, fmt.Errorf("-key is ECDSA or RSA, not %q", o.key)
	case o.certificates < 1:
		return o, errors.New("-n is at least 1")
	case o.scale < 0:
		return o, errors.New("-scale is at least 0")
	}
	return o, nil
}

// errBudget says that a budget is broken, which the table shows.
var errBudget = errors.New("a budget is broken")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctrllog.SetLogger(logr.Discard())
	err := dispatch(ctx, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// dispatch runs the command that the arguments name.
func dispatch(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "acme" {
		o, err := parseACME(args[1:], os.Stderr)
		if err != nil {
			return err
		}
		return runACME(ctx, o)
	}
	if len(args) > 0 && args[0] == "requests" {
		o, err := parseStorm(args[1:], os.Stderr)
		if err != nil {
			return err
		}
		return runStorm(ctx, o)
	}
	o, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	return run(ctx, o)
}

// run measures everything and prints it. What it started ends before it returns.
func run(ctx context.Context, o options) (err error) {
	l, err := setUp(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tearDown()) }()
	first, err := l.measure(ctx, round{}, everything)
	if err != nil {
		return err
	}
	rows := judge(o, first)
	final := first
	if again := toRepeat(rows); again != 0 {
		fmt.Fprintln(os.Stderr, "a time is over its budget, which the machine's other work may be to blame for: measuring once more")
		if final, err = l.measure(ctx, first, again); err != nil {
			return err
		}
		rows = mergeRows(rows, judge(o, final), again)
	}
	fmt.Print(report(o, final, rows))
	if o.json != "" {
		if err := writeJSON(o.json, o, first, final, rows); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if !r.OK {
			return errBudget
		}
	}
	return nil
}

func writeJSON(path string, o options, first, final round, rows []row) error {
	data, err := json.MarshalIndent(struct {
		Key     cmv1.PrivateKeyAlgorithm `json:"key"`
		First   round                    `json:"first"`
		Final   round                    `json:"final"`
		Budgets []row                    `json:"budgets"`
	}{o.key, first, final, rows}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil { //nolint:gosec // figures are no secret
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}
