package testca

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// serverLog keeps what Pebble logs. Some of what it does after an answer shows nowhere else.
type serverLog struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{} // closed with the next line
}

func newServerLog() *serverLog { return &serverLog{changed: make(chan struct{})} }

// Write implements io.Writer.
func (l *serverLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(line)
}

// WaitForLog waits until the server has logged the text.
func (c *CA) WaitForLog(ctx context.Context, text string) error {
	for {
		c.log.mu.Lock()
		found, changed := strings.Contains(c.log.text.String(), text), c.log.changed
		c.log.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %q in the server's log: %w", text, ctx.Err())
		}
	}
}
