package pki

import (
	"strings"
	"testing"
)

// A name that can not be read is said by itself, so that a user finds it among many.
func TestUnreadableNameIsNamed(t *testing.T) {
	t.Parallel()
	for name, parse := range map[string]struct {
		good []string
		bad  string
		read func([]string) (int, error)
	}{
		"IP addresses": {[]string{"10.0.0.1", "2001:db8::1"}, "10.0.0.300", func(s []string) (int, error) { v, err := ParseIPAddresses(s); return len(v), err }},
		"URIs":         {[]string{"spiffe://cluster.local/ns/shop"}, "http://[::1", func(s []string) (int, error) { v, err := ParseURIs(s); return len(v), err }},
		"IP ranges":    {[]string{"10.0.0.0/8", "2001:db8::/32"}, "10.0.0.0", func(s []string) (int, error) { v, err := ParseIPRanges(s); return len(v), err }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if n, err := parse.read(parse.good); err != nil || n != len(parse.good) {
				t.Errorf("read %d, want %d; error %v", n, len(parse.good), err)
			}
			if _, err := parse.read(append(parse.good, parse.bad)); err == nil || !strings.Contains(err.Error(), parse.bad) {
				t.Errorf("error %v does not name %q", err, parse.bad)
			}
		})
	}
}
