package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/certwright/certwright/hack/demo/testbed"
)

const (
	profilerPort = 6060
	// profileFor is about as long as a crowd takes.
	profileFor = 15 * time.Second
)

// profileOf begins a CPU profile of the operator if one was asked for and this is the batch for it. The channel says when it
// is written.
func (l *acmeLab) profileOf(ctx context.Context, n int) <-chan error {
	done := make(chan error, 1)
	if l.profile == "" || n != crowd {
		done <- nil
		return done
	}
	go func() { done <- l.fetchProfile(ctx) }()
	return done
}

func (l *acmeLab) fetchProfile(ctx context.Context) (err error) {
	url := fmt.Sprintf("%s/api/v1/namespaces/%s/pods/http:%s:%d/proxy/debug/pprof/profile?seconds=%.0f",
		l.host, testbed.Namespace, l.pod, profilerPort, profileFor.Seconds())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("fetch profile: %w", err)
	}
	resp, err := l.web.Do(req)
	if err != nil {
		return fmt.Errorf("fetch profile: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch profile: the answer is %s", resp.Status)
	}
	profile, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("fetch profile: %w", err)
	}
	if err := os.WriteFile(l.profile, profile, 0o600); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	return nil
}
