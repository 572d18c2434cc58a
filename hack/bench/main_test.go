package main

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func TestFlags(t *testing.T) {
	t.Parallel()
	got, err := parse([]string{"-n", "50", "-scale", "0", "-key", "RSA", "-json", "/f.json", "-cpuprofile", "/p", "-keep"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := options{certificates: 50, key: cmv1.RSAKeyAlgorithm, json: "/f.json", profile: "/p", keep: true}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" {
		t.Error(diff)
	}
	for _, args := range [][]string{{"-n", "0"}, {"-scale", "-1"}, {"-key", "Ed25519"}, {"200"}, {"-what"}} {
		if o, err := parse(args, io.Discard); err == nil {
			t.Errorf("parse(%q) = %+v; want an error", args, o)
		}
	}
}

func TestParallelWorkIsDoneOnceAndEndsAtAnError(t *testing.T) {
	t.Parallel()
	var done [100]atomic.Int32
	var running, most atomic.Int32
	err := inParallel(t.Context(), 4, len(done), func(_ context.Context, i int) error {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		done[i].Add(1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range done {
		if n := done[i].Load(); n != 1 {
			t.Errorf("piece %d was done %d times", i, n)
		}
	}
	if most.Load() > 4 {
		t.Errorf("%d at the same time; want at most 4", most.Load())
	}

	failure := errors.New("no")
	var started atomic.Int32
	err = inParallel(t.Context(), 4, 1000, func(ctx context.Context, i int) error {
		started.Add(1)
		if i == 10 {
			return failure
		}
		if i > 10 {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	if !errors.Is(err, failure) {
		t.Errorf("inParallel = %v; want the first error", err)
	}
	if started.Load() > 20 {
		t.Errorf("%d pieces were started; want no more after the error", started.Load())
	}
}
