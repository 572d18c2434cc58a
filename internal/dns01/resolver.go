package dns01

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// defaultPort is where DNS servers listen.
const defaultPort = "53"

// Config is what a Resolver needs from outside.
type Config struct {
	// Nameservers are recursive servers: host, host:port, or the URL of a DNS
	// over HTTPS server. Those of the system if there are none.
	Nameservers []string
	// RecursiveOnly leaves the authoritative servers alone, for networks in
	// which they can not be reached.
	RecursiveOnly bool
	// Exchanger asks the servers; NewClient(nil) if nil.
	Exchanger Exchanger
	// Port is where authoritative servers listen; 53 if empty.
	Port  string
	Clock func() time.Time
}

// Resolver finds out about names by asking recursive servers. It is safe for
// concurrent use.
type Resolver struct {
	*found
	exchanger     Exchanger
	servers       []string
	recursiveOnly bool
	port          string
}

// New makes a Resolver. It fails if a nameserver can not be understood.
func New(config Config) (*Resolver, error) {
	servers, err := ParseNameservers(config.Nameservers)
	if err != nil {
		return nil, err
	}
	if len(servers) == 0 {
		if servers, err = systemNameservers(); err != nil {
			return nil, err
		}
	}
	r := &Resolver{
		found:     &found{clock: config.Clock, zones: map[string]foundZone{}},
		exchanger: config.Exchanger, servers: servers, recursiveOnly: config.RecursiveOnly, port: config.Port,
	}
	if r.exchanger == nil {
		r.exchanger = NewClient(nil)
	}
	if r.port == "" {
		r.port = defaultPort
	}
	return r, nil
}

// With returns a Resolver that asks other recursive servers, and only those:
// who names them for a solver knows why. Without any, it is the same.
func (r *Resolver) With(nameservers []string) (*Resolver, error) {
	if len(nameservers) == 0 {
		return r, nil
	}
	servers, err := ParseNameservers(nameservers)
	if err != nil {
		return nil, err
	}
	other := *r
	other.servers, other.recursiveOnly = servers, true
	return &other, nil
}

// NoAnswerError tells that none of the recursive servers gave an answer: what
// was asked is not known.
type NoAnswerError struct {
	Name    string
	Servers []*ServerError
}

func (e *NoAnswerError) Error() string {
	texts := make([]string, len(e.Servers))
	for i, s := range e.Servers {
		texts[i] = s.Error()
	}
	return fmt.Sprintf("look up %q: no nameserver answers: %s", e.Name, strings.Join(texts, ", "))
}

// ask asks the recursive servers, one after the other, until one answers.
func (r *Resolver) ask(ctx context.Context, name string, kind Kind) (Answer, error) {
	none := &NoAnswerError{Name: name}
	for _, server := range r.servers {
		answer, err := r.exchanger.Exchange(ctx, server, Question{Name: name, Kind: kind, Recursive: true})
		if err == nil {
			return answer, nil
		}
		none.Servers = append(none.Servers, asServerError(server, err))
	}
	return Answer{}, none
}

func asServerError(server string, err error) *ServerError {
	if known := (*ServerError)(nil); errors.As(err, &known) {
		return known
	}
	return &ServerError{Server: server, Why: Cause(err)}
}

// found is what Resolvers remember. All that were made from one share it.
type found struct {
	clock func() time.Time

	mu    sync.Mutex
	zones map[string]foundZone
}

type foundZone struct {
	zone string
	till time.Time
}

const (
	// maxZones bounds what is remembered: about a megabyte.
	maxZones = 4096
	// maxZoneTTL is how long a zone is believed, however long its SOA record
	// may be kept: zones are split and moved, seldom and by hand.
	maxZoneTTL = time.Hour
)

func (r *Resolver) zoneKey(name string) string { return strings.Join(r.servers, " ") + " " + name }

func (r *Resolver) knownZone(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if z, ok := r.zones[r.zoneKey(name)]; ok && r.clock().Before(z.till) {
		return z.zone
	}
	return ""
}

func (r *Resolver) keepZone(name, zone string, ttl time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.zones) >= maxZones {
		clear(r.zones) // rare, and each costs one question to come back
	}
	r.zones[r.zoneKey(name)] = foundZone{zone: zone, till: r.clock().Add(min(ttl, maxZoneTTL))}
}
