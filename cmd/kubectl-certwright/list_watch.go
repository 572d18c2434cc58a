package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// redrawPause is how long changes are gathered before the list is shown again:
// no eye follows more than a few in a second.
const redrawPause = 300 * time.Millisecond

// watchList shows the list, and shows it again when it has changed, until the
// command is interrupted. On a terminal it takes the place of the one before.
func (c *cli) watchList(ctx context.Context, api *cluster, f *listFlags) error {
	chosen, err := labels.Parse(f.selector)
	if err != nil {
		return usage("--selector: %w", err)
	}
	options := []client.ListOption{client.MatchingLabelsSelector{Selector: chosen}}
	if !f.allNamespaces {
		options = append(options, client.InNamespace(api.namespace))
	}
	for {
		var list cmv1.CertificateList
		if err := api.List(ctx, &list, options...); err != nil {
			return fmt.Errorf("list Certificates: %w", err)
		}
		all := map[client.ObjectKey]cmv1.Certificate{}
		for _, crt := range list.Items {
			all[client.ObjectKeyFromObject(&crt)] = crt
		}
		c.redraw(all, f)
		w, err := api.Watch(ctx, &list, append(options, from(list.ResourceVersion))...)
		if err != nil {
			return fmt.Errorf("watch Certificates: %w", err)
		}
		if err := c.redrawWhile(ctx, w, all, f); err != nil {
			return err
		}
	}
}

// redrawWhile follows a watch to its end.
func (c *cli) redrawWhile(ctx context.Context, w watch.Interface, all map[client.ObjectKey]cmv1.Certificate, f *listFlags) error {
	defer w.Stop()
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-due:
			due = nil
			c.redraw(all, f)
		case event, open := <-w.ResultChan():
			crt, ok := event.Object.(*cmv1.Certificate)
			if !open || !ok {
				return nil
			}
			if event.Type == watch.Deleted {
				delete(all, client.ObjectKeyFromObject(crt))
			} else {
				all[client.ObjectKeyFromObject(crt)] = *crt
			}
			if due == nil {
				due = time.After(redrawPause)
			}
		}
	}
}

func (c *cli) redraw(all map[client.ObjectKey]cmv1.Certificate, f *listFlags) {
	if c.live {
		_, _ = fmt.Fprint(c.out, "\x1b[H\x1b[2J") // to the corner, clear the screen
	}
	c.table(c.rows(f.shown(slices.Collect(maps.Values(all)), c.now()), f))
	if !c.live {
		c.say("")
	}
}
