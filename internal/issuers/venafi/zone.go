package venafi

import (
	"context"
	"sync"
	"time"
)

// zoneLife is how long what a zone allows is not asked for again. Changes of a
// policy are rare, and the server has the last word.
const zoneLife = 10 * time.Minute

// zone keeps what is known of a zone.
type zone[T any] struct {
	read  func(ctx context.Context) (T, error)
	clock func() time.Time

	mu    sync.Mutex
	known T
	until time.Time // zero: nothing is known
}

// get gives what is known, and asks the server if that is nothing or old.
func (z *zone[T]) get(ctx context.Context) (T, error) {
	z.mu.Lock()
	known, until := z.known, z.until
	z.mu.Unlock()
	if z.clock().Before(until) {
		return known, nil
	}
	return z.fresh(ctx)
}

// fresh asks the server.
func (z *zone[T]) fresh(ctx context.Context) (T, error) {
	known, err := z.read(ctx)
	if err != nil {
		return known, err
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.known, z.until = known, z.clock().Add(zoneLife)
	return known, nil
}

// forget is when the server does not agree with what is known.
func (z *zone[T]) forget() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.until = time.Time{}
}
