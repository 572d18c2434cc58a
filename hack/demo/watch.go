package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// change is what a watch tells.
type change struct {
	object client.Object
	gone   bool
}

// watch shows the certificate's way until it is there, or has failed.
func (d *demo) watch(ctx context.Context) error {
	changes, err := d.changes(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	p := &progress{now: func() time.Duration { return time.Since(began) }}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	defer d.screen.keep()
	for {
		select {
		case c := <-changes:
			if line := p.take(c); line != "" && !d.screen.terminal {
				d.screen.line(line)
			}
		case <-tick.C:
		case <-ctx.Done():
			d.screen.draw(p.table())
			return errors.New(p.trouble(certificate))
		}
		d.screen.draw(p.table())
		switch {
		case p.failed != "":
			return fmt.Errorf("the Certificate %s says: %s", certificate, p.failed)
		case p.ready:
			return nil
		}
	}
}

// changes watches the four kinds in the demo's namespace until ctx ends.
func (d *demo) changes(ctx context.Context) (<-chan change, error) {
	ctrl.SetLogger(logr.Discard()) // the caches have nothing to say to a user
	objects, err := cache.New(d.config, cache.Options{
		Scheme:            d.api.Scheme(),
		DefaultNamespaces: map[string]cache.Config{namespace: {}},
	})
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	changes := make(chan change)
	tell := func(o any, gone bool) {
		if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
			o = last.Obj
		}
		object, ok := o.(client.Object)
		if !ok {
			return
		}
		select {
		case changes <- change{object, gone}:
		case <-ctx.Done():
		}
	}
	for _, kind := range []client.Object{&cmv1.Certificate{}, &cmv1.CertificateRequest{}, &acmev1.Order{}, &acmev1.Challenge{}} {
		informer, err := objects.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watch: %w", err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { tell(o, false) },
			UpdateFunc: func(_, o any) { tell(o, false) },
			DeleteFunc: func(o any) { tell(o, true) },
		}); err != nil {
			return nil, fmt.Errorf("watch: %w", err)
		}
	}
	go func() {
		// It ends with ctx, and has no other end: lost connections are made
		// again.
		_ = objects.Start(ctx)
	}()
	return changes, nil
}
