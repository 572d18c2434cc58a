package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

const (
	// stormHands is how many requests are created at the same time at most, and how many are deleted: more than it takes, so
	// that a slow answer does not lower the rate.
	stormHands = 32
	// signingRequests is how many different ones there are. Making one costs more than all the rest that the user of the
	// storm does, and whether they are the same makes no difference to the operator.
	signingRequests = 64
)

// storm is a user like a service mesh: it makes requests at a rate, takes each certificate when it is there, and deletes
// the request.
type storm struct {
	api       client.WithWatch
	namespace string
	operator  *operator
	signing   [][]byte // PEM
}

// stormTimes are the moments of a storm, and the operator's memory in it.
type stormTimes struct {
	first, created   time.Time // the first create was sent, the last was answered
	last             time.Time // the last request was seen to be issued
	latencies        []time.Duration
	begin, half, end int64
}

func newStorm(api client.WithWatch, namespace string) (*storm, error) {
	s := &storm{api: api, namespace: namespace}
	for i := range signingRequests {
		key, err := generateKey(cmv1.ECDSAKeyAlgorithm)
		if err != nil {
			return nil, fmt.Errorf("generate key: %w", err)
		}
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{fmt.Sprintf("workload-%d.example.com", i)}}, key)
		if err != nil {
			return nil, fmt.Errorf("create signing request: %w", err)
		}
		s.signing = append(s.signing, encodePEM("CERTIFICATE REQUEST", der))
	}
	return s, nil
}

// blow makes requests at a rate, and returns when all of them have been issued and deleted.
func (s *storm) blow(ctx context.Context, prefix string, rate, seconds int) (t stormTimes, err error) {
	n := rate * seconds
	list := &cmv1.CertificateRequestList{}
	if err := s.api.List(ctx, list, client.InNamespace(s.namespace), client.Limit(1)); err != nil {
		return t, fmt.Errorf("list requests: %w", err)
	}
	// The API server ends a watch that does not keep up, which happens on a busy machine; this one goes on where it was.
	w, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, watcher(func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		return s.api.Watch(ctx, &cmv1.CertificateRequestList{}, client.InNamespace(s.namespace), &client.ListOptions{Raw: &o})
	}))
	if err != nil {
		return t, fmt.Errorf("watch requests: %w", err)
	}
	defer w.Stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if t.begin, err = s.operator.rss(); err != nil {
		return t, err
	}
	t.first = time.Now()
	type answer struct {
		accepted map[string]time.Time
		half     int64
		err      error
	}
	made := make(chan answer, 1)
	go func() {
		accepted, half, err := s.create(ctx, prefix, n, rate)
		made <- answer{accepted, half, err}
	}()
	issued, failed := s.take(ctx, w, n)
	if failed != nil {
		cancel()
	}
	all := <-made
	if err := errors.Join(all.err, failed); err != nil {
		return t, err
	}
	t.half = all.half
	for name, accepted := range all.accepted {
		if accepted.After(t.created) {
			t.created = accepted
		}
		if issued[name].After(t.last) {
			t.last = issued[name]
		}
		t.latencies = append(t.latencies, max(issued[name].Sub(accepted), 0))
	}
	t.end, err = s.operator.rss()
	return t, err
}

// watcher makes a function a cache.WatcherWithContext.
type watcher func(context.Context, metav1.ListOptions) (watch.Interface, error)

// WatchWithContext implements cache.WatcherWithContext.
func (w watcher) WatchWithContext(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	return w(ctx, o)
}

// create makes the requests at their times, and notes when each was accepted, and the operator's memory when half of
// them were made.
func (s *storm) create(ctx context.Context, prefix string, n, rate int) (accepted map[string]time.Time, half int64, err error) {
	var mu sync.Mutex
	accepted = make(map[string]time.Time, n)
	start := time.Now()
	err = inParallel(ctx, stormHands, n, func(ctx context.Context, i int) error {
		due := time.NewTimer(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		defer due.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-due.C:
		}
		req := &cmv1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: fmt.Sprintf("%s-%05d", prefix, i)},
			Spec: cmv1.CertificateRequestSpec{
				Request:   s.signing[i%len(s.signing)],
				IssuerRef: cmmeta.IssuerReference{Name: issuerName},
				Duration:  &metav1.Duration{Duration: 24 * time.Hour},
			},
		}
		if err := s.api.Create(ctx, req); err != nil {
			return fmt.Errorf("create request: %w", err)
		}
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		accepted[req.Name] = now
		if i == n/2 {
			if half, err = s.operator.rss(); err != nil {
				return err
			}
		}
		return nil
	})
	return accepted, half, err
}

// take notes when each of n requests is seen to be issued, and deletes it.
func (s *storm) take(ctx context.Context, w watch.Interface, n int) (map[string]time.Time, error) {
	issued := make(map[string]time.Time, n)
	finished := make(chan string, n)
	deleted := make(chan error, 1)
	go func() {
		deleted <- inParallel(ctx, stormHands, n, func(ctx context.Context, _ int) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case name := <-finished:
				req := &cmv1.CertificateRequest{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}
				if err := s.api.Delete(ctx, req); err != nil {
					return fmt.Errorf("delete request: %w", err)
				}
				return nil
			}
		})
	}()
	progress := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for len(issued) < n {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-deleted:
			return nil, errors.Join(errors.New("the deletions have ended early"), err)
		case <-tick.C:
			if err := s.operator.alive(); err != nil {
				return nil, err
			}
			if time.Since(progress) > stall {
				return nil, fmt.Errorf("wait for requests: %d of %d are issued and none has become so for %s", len(issued), n, stall)
			}
		case e, open := <-w.ResultChan():
			if !open {
				return nil, errors.New("wait for requests: the watch has ended")
			}
			req, ok := e.Object.(*cmv1.CertificateRequest)
			if !ok {
				return nil, fmt.Errorf("wait for requests: unexpected event %s %v", e.Type, e.Object)
			}
			if _, seen := issued[req.Name]; seen || len(req.Status.Certificate) == 0 || e.Type == watch.Deleted {
				continue
			}
			progress = time.Now()
			issued[req.Name] = progress
			finished <- req.Name
		}
	}
	return issued, <-deleted
}

// rss is the physical memory that the operator has now, in bytes.
func (o *operator) rss() (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", o.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return parseStatm(data, os.Getpagesize())
}

// parseStatm reads the second number of /proc/PID/statm, in pages (proc(5)).
func parseStatm(data []byte, page int) (int64, error) {
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0, errors.New("read memory: too few fields")
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return pages * int64(page), nil
}
