package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lab is where measurements are taken: an empty control plane, and the operator's program.
type lab struct {
	options

	unlock  func()
	temp    string
	plane   *controlPlane
	started bool

	program    string // the operator
	kubeconfig string // of the operator
	runs       int    // makes namespaces unique

	admin     client.WithWatch // the user, who makes Certificates
	plain     client.Client    // with the operator's identity
	server    *http.Client     // reads the API server's metrics
	serverURL string
}

// setUp builds the operator and starts a control plane with the CRDs and an identity for the operator.
func setUp(ctx context.Context, o options) (l *lab, err error) {
	root, err := checkout()
	if err != nil {
		return nil, err
	}
	l = &lab{options: o}
	if l.unlock, err = lockCheckout(root); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.tearDown())
		}
	}()
	if l.temp, err = os.MkdirTemp("", "certwright-bench-"); err != nil {
		return l, fmt.Errorf("make temporary folder: %w", err)
	}
	fmt.Fprintln(os.Stderr, "building the operator, starting a control plane")
	if l.program, err = buildOperator(ctx, root, l.temp, o.profile != ""); err != nil {
		return l, err
	}
	if l.plane, err = newControlPlane(ctx, root, l.temp); err != nil {
		return l, err
	}
	l.started = true
	adminKubeconfig, err := l.plane.up(ctx)
	if err != nil {
		return l, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", adminKubeconfig)
	if err != nil {
		return l, fmt.Errorf("read kubeconfig: %w", err)
	}
	if l.server, err = rest.HTTPClientFor(config); err != nil {
		return l, fmt.Errorf("make client: %w", err)
	}
	l.server.Timeout = time.Minute
	l.serverURL = config.Host + "/metrics"
	if err := applyCRDs(ctx, config, filepath.Join(root, "config", "crd")); err != nil {
		return l, err
	}
	if l.admin, err = newClient(config); err != nil {
		return l, err
	}
	operatorConfig, err := newIdentity(ctx, l.admin, config)
	if err != nil {
		return l, err
	}
	if l.plain, err = newClient(operatorConfig); err != nil {
		return l, err
	}
	l.kubeconfig = filepath.Join(l.temp, "operator.kubeconfig")
	if err := writeKubeconfig(l.kubeconfig, operatorConfig); err != nil {
		return l, err
	}
	return l, l.settle(ctx)
}

// tearDown ends everything that setUp started, however far it got.
func (l *lab) tearDown() error {
	defer l.unlock()
	if l.keep && l.started {
		fmt.Fprintf(os.Stderr, "kept: the control plane %s (go -C hack/cluster run . down --name %s) and %s\n", clusterName, clusterName, l.temp)
		return nil
	}
	var failed []error
	if l.started {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		failed = append(failed, l.plane.down(ctx))
	}
	if l.temp != "" {
		failed = append(failed, os.RemoveAll(l.temp)) //nolint:gosec // made by MkdirTemp
	}
	return errors.Join(failed...)
}

// settle waits until the control plane has noticed the new kinds: until its garbage collector watches them it asks for
// every owner that it does not know, over and over.
func (l *lab) settle(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "waiting for the garbage collector to know the new kinds")
	var last time.Time
	return poll(ctx, 3*time.Minute, "the garbage collector to watch Certificates and CertificateRequests", func() (bool, error) {
		if time.Since(last) < 2*time.Second { // the metrics are megabytes
			return false, nil
		}
		last = time.Now()
		m, err := scrape(ctx, l.server, l.serverURL)
		if err != nil {
			return false, err
		}
		watched := m.by("apiserver_longrunning_requests", "resource")
		return watched["certificates"] > 0 && watched["certificaterequests"] > 0, m.has("apiserver_longrunning_requests")
	})
}
