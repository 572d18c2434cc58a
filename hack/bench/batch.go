package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

const (
	// creators is how many Certificates the user creates at the same time.
	creators = 8
	// stall is how long nothing may become ready before the run has failed.
	stall = time.Minute
)

// newCertificate is the i-th Certificate of a batch: what most people write, with one name.
func newCertificate(namespace, prefix string, i int, algorithm cmv1.PrivateKeyAlgorithm) *cmv1.Certificate {
	name := fmt.Sprintf("%s-%05d", prefix, i)
	return &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: cmv1.CertificateSpec{
			SecretName: name,
			DNSNames:   []string{name + ".example.com"},
			PrivateKey: &cmv1.CertificatePrivateKey{Algorithm: algorithm, RotationPolicy: cmv1.RotationPolicyAlways},
			IssuerRef:  cmmeta.IssuerReference{Name: issuerName},
		},
	}
}

// times are the moments of a batch.
type times struct {
	first     time.Time // the first create was sent
	last      time.Time // the last Certificate was seen to be ready
	latencies []time.Duration
}

// batchOf returns what makes the Certificates of a batch.
func batchOf(namespace, prefix string, algorithm cmv1.PrivateKeyAlgorithm) func(i int) *cmv1.Certificate {
	return func(i int) *cmv1.Certificate { return newCertificate(namespace, prefix, i, algorithm) }
}

// issueBatch creates n Certificates as fast as it can and watches them until all are ready.
func issueBatch(ctx context.Context, c client.WithWatch, namespace string, n int, certificate func(i int) *cmv1.Certificate, alive func() error) (times, error) {
	list := &cmv1.CertificateList{}
	if err := c.List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err != nil {
		return times{}, fmt.Errorf("list certificates: %w", err)
	}
	w, err := c.Watch(ctx, &cmv1.CertificateList{}, client.InNamespace(namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		return times{}, fmt.Errorf("watch certificates: %w", err)
	}
	defer w.Stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	created := make(chan creations, 1)
	first := time.Now()
	go func() { created <- createAll(ctx, c, n, certificate) }()

	ready, failed := waitReady(ctx, w, n, alive)
	if failed != nil {
		cancel()
	}
	made := <-created
	if err := errors.Join(made.err, failed); err != nil {
		return times{}, err
	}
	t := times{first: first}
	for name, accepted := range made.accepted {
		t.latencies = append(t.latencies, ready[name].Sub(accepted))
		if ready[name].After(t.last) {
			t.last = ready[name]
		}
	}
	return t, nil
}

// creations say when the API server accepted each Certificate.
type creations struct {
	accepted map[string]time.Time
	err      error
}

func createAll(ctx context.Context, c client.Client, n int, certificate func(i int) *cmv1.Certificate) creations {
	var mu sync.Mutex
	all := creations{accepted: map[string]time.Time{}}
	all.err = inParallel(ctx, creators, n, func(ctx context.Context, i int) error {
		crt := certificate(i)
		if err := c.Create(ctx, crt); err != nil {
			return fmt.Errorf("create certificate: %w", err)
		}
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		all.accepted[crt.Name] = now
		return nil
	})
	return all
}

// waitReady notes when each of n Certificates is first seen to be ready.
func waitReady(ctx context.Context, w watch.Interface, n int, alive func() error) (map[string]time.Time, error) {
	ready := make(map[string]time.Time, n)
	said := "nothing"
	progress := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for len(ready) < n {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
			if err := alive(); err != nil {
				return nil, err
			}
			if time.Since(progress) > stall {
				return nil, fmt.Errorf("wait for certificates: %d of %d are ready and none has become so for %s; one that is not says %s", len(ready), n, stall, said)
			}
		case e, open := <-w.ResultChan():
			if !open {
				return nil, errors.New("wait for certificates: the watch has ended")
			}
			crt, ok := e.Object.(*cmv1.Certificate)
			if !ok || e.Type == watch.Deleted {
				return nil, fmt.Errorf("wait for certificates: unexpected event %s %T", e.Type, e.Object)
			}
			isReady, message := readiness(crt)
			if !isReady {
				said = fmt.Sprintf("%q", message)
				continue
			}
			if _, seen := ready[crt.Name]; !seen {
				ready[crt.Name] = time.Now()
				progress = ready[crt.Name]
			}
		}
	}
	return ready, nil
}

// readiness says whether a Certificate is ready as it is now, and what it says about it.
func readiness(crt *cmv1.Certificate) (ready bool, message string) {
	for _, c := range crt.Status.Conditions {
		if c.Type == cmv1.CertificateConditionReady {
			return c.Status == cmmeta.ConditionTrue && c.ObservedGeneration == crt.Generation, c.Message
		}
	}
	return false, ""
}

// inParallel does n pieces of work, a number of them at the same time, and stops at the first error.
func inParallel(ctx context.Context, workers, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range work {
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := range n {
		select {
		case work <- i:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(work)
	group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
