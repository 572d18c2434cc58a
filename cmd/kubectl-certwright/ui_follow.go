package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/cmd/kubectl-certwright/internal/page"
)

const (
	// followIdle is how long Certificates are watched for a page that nobody
	// looks at: shorter than a pause, longer than a change of the tab.
	followIdle = 2 * time.Minute
	// watchLong is how long a watch lasts before the API server is asked anew
	// whether the viewer may see this: permissions that were taken away count
	// from then on.
	watchLong = 5 * time.Minute
	// listPart is how many Certificates a list takes in one request.
	listPart = 500
)

// follower has the rows of a namespace, or of all, kept up to date by a watch
// while somebody looks.
type follower struct {
	ctx       context.Context //nolint:containedctx // that of the command: the watch outlives the request that began it
	api       *cluster
	namespace string
	now       func() time.Time

	starting sync.Mutex // held while it lists
	mu       sync.Mutex
	rows     map[client.ObjectKey]page.Row
	running  bool
	turn     int // how often it has begun: what a watch that is over does counts no more
	asked    time.Time
}

// list returns the rows. Who comes first waits for the list.
func (f *follower) list(ctx context.Context) ([]page.Row, error) {
	f.starting.Lock()
	defer f.starting.Unlock()
	f.mu.Lock()
	f.asked = f.now()
	running := f.running
	f.mu.Unlock()
	if !running {
		version, err := f.begin(ctx)
		if err != nil {
			return nil, err
		}
		go f.follow(version)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]page.Row, 0, len(f.rows))
	for _, row := range f.rows {
		all = append(all, row)
	}
	return all, nil
}

// begin lists, part by part: only the rows stay in memory.
func (f *follower) begin(ctx context.Context) (version string, err error) {
	rows := map[client.ObjectKey]page.Row{}
	list := cmv1.CertificateList{}
	for {
		err := f.api.List(ctx, &list, client.InNamespace(f.namespace), client.Limit(listPart), client.Continue(list.Continue))
		if err != nil {
			return "", fmt.Errorf("list Certificates: %w", err)
		}
		for i := range list.Items {
			rows[client.ObjectKeyFromObject(&list.Items[i])] = rowOf(&list.Items[i])
		}
		if list.Continue == "" {
			break
		}
		list = cmv1.CertificateList{ListMeta: list.ListMeta}
	}
	f.mu.Lock()
	f.rows, f.running, f.turn = rows, true, f.turn+1
	f.mu.Unlock()
	return list.ResourceVersion, nil
}

// follow watches until the watch is over or nobody looks. What ends otherwise
// begins with a list again.
func (f *follower) follow(version string) {
	f.mu.Lock()
	turn := f.turn
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		if f.turn == turn {
			f.running = false
		}
		f.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(f.ctx, watchLong)
	defer cancel()
	w, err := f.api.Watch(ctx, &cmv1.CertificateList{}, client.InNamespace(f.namespace), from(version))
	if err != nil {
		return // the next list says why
	}
	defer w.Stop()
	look := time.NewTicker(followIdle / 4)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			f.mu.Lock()
			idle := f.now().Sub(f.asked) > followIdle
			if idle {
				f.rows, f.running = nil, false // together: nobody may take no rows for an empty list
			}
			f.mu.Unlock()
			if idle {
				return
			}
		case event, open := <-w.ResultChan():
			crt, ok := event.Object.(*cmv1.Certificate)
			if !open || !ok {
				return
			}
			f.mu.Lock()
			if event.Type == watch.Deleted {
				delete(f.rows, client.ObjectKeyFromObject(crt))
			} else {
				f.rows[client.ObjectKeyFromObject(crt)] = rowOf(crt)
			}
			f.mu.Unlock()
		}
	}
}
