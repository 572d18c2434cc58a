package revocationlist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxSize bounds a list, in bytes. That of a large public CA is divided so
	// that each part is far below.
	maxSize = 10 << 20
	// fetchTimeout bounds fetching one, the body included.
	fetchTimeout = 30 * time.Second
	// maxRedirects is enough for a server that adds a slash or changes to
	// https.
	maxRedirects = 3
)

var errRedirect = errors.New("it leads to another host")

// newClient sends no credentials and keeps no connections: the next request
// to the same host is in an hour at the earliest.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	transport.MaxResponseHeaderBytes = 64 << 10
	return &http.Client{
		Transport: transport,
		Timeout:   fetchTimeout,
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if next.URL.Hostname() != via[0].URL.Hostname() || !isHTTP(next.URL) {
				return errRedirect
			}
			if len(via) > maxRedirects {
				return errors.New("it leads on and on")
			}
			return nil
		},
	}
}

// fetch gets what is at an address. Errors say nothing of what is there.
func fetch(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address is none")
	}
	req.Header.Set("Accept", "application/pkix-crl, */*;q=0.5")
	req.Header.Set("User-Agent", "certwright")
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("it can not be fetched: %w", cause(err))
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it can not be fetched: status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("it can not be fetched: %w", cause(err))
	}
	if len(body) > maxSize {
		return nil, fmt.Errorf("it has more than %d MiB", maxSize>>20)
	}
	return body, nil
}

// cause leaves out the address, which is said by who passes the error on.
func cause(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// addresses are those of a certificate's distribution points that can be
// fetched from.
func addresses(points []string) []string {
	var usable []string
	for _, point := range points {
		if u, err := url.Parse(point); err == nil && isHTTP(u) && len(point) <= maxAddress && len(usable) < maxAddresses {
			usable = append(usable, point)
		}
	}
	return usable
}

func isHTTP(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

const (
	maxAddress   = 2048
	maxAddresses = 4
)
