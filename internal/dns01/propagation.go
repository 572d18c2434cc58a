package dns01

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Verdict is what a look at a TXT record says about what a CA will see.
type Verdict int

const (
	// Seen means that the value is at all servers that were to be asked.
	Seen Verdict = iota + 1
	// NotYet means that a server surely does not have it.
	NotYet
	// CannotTell means that servers could not be asked, and those that could
	// have the value.
	CannotTell
)

const (
	// lookTimeout bounds one look, whatever the servers do.
	lookTimeout = 12 * time.Second
	// lookers is how many servers are asked at the same time.
	lookers = 16
	// maxAuthorities and maxAddresses bound how many servers are asked at all:
	// the root, which has the most, has 13, with two addresses each.
	maxAuthorities = 16
	maxAddresses   = 8
	// maxTold is how many servers are named to people.
	maxTold = 5
)

// Look looks once whether the TXT record that proves a domain has a value: at
// every address of all servers that are authoritative for it, or at the
// recursive servers, if only they are to be asked. It follows CNAME records as
// the CA does. The text says what was seen, the same for the same sight; it is
// empty with Seen.
func (r *Resolver) Look(ctx context.Context, domain, value string) (Verdict, string) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	name, err := RecordName(domain)
	if err != nil {
		return NotYet, err.Error()
	}
	if r.recursiveOnly {
		var to []target
		for _, server := range r.servers {
			to = append(to, target{label: server, addresses: []string{server}})
		}
		return r.lookAt(ctx, to, Question{Name: name, Kind: KindTXT, Recursive: true}, value)
	}
	to, at, err := r.authorities(ctx, name)
	switch {
	case errors.As(err, new(*AliasError)), errors.As(err, new(*NoZoneError)):
		return NotYet, err.Error()
	case err != nil:
		return CannotTell, err.Error()
	}
	return r.lookAt(ctx, to, Question{Name: at, Kind: KindTXT}, value)
}

// target is a server to be asked, by the name that people know it by.
type target struct {
	label     string
	addresses []string // none if they are not known
}

// authorities finds the servers that answer for a name, and the name that they
// have to be asked for.
func (r *Resolver) authorities(ctx context.Context, name string) (to []target, at string, err error) {
	if at, err = r.Follow(ctx, name); err != nil {
		return nil, "", err
	}
	zone, err := r.Zone(ctx, at)
	if err != nil {
		return nil, "", err
	}
	answer, err := r.ask(ctx, zone, KindNS)
	if err != nil {
		return nil, "", err
	}
	slices.Sort(answer.NameServers)
	names := slices.Compact(answer.NameServers)
	if len(names) == 0 {
		return nil, "", &NoZoneError{Name: at}
	}
	to = make([]target, min(len(names), maxAuthorities))
	each(len(to), func(i int) { to[i] = target{label: names[i], addresses: r.addresses(ctx, names[i])} })
	return to, at, nil
}

// addresses are those of an authoritative server, the IPv4 ones first.
func (r *Resolver) addresses(ctx context.Context, host string) []string {
	var all []string
	for _, kind := range []Kind{KindA, KindAAAA} {
		answer, err := r.ask(ctx, host, kind)
		if err != nil {
			continue // of the server without any address it is told
		}
		for _, a := range answer.Addresses {
			all = append(all, net.JoinHostPort(a.String(), r.port))
		}
	}
	return all[:min(len(all), maxAddresses)]
}

// each calls do with the numbers below n, some at the same time.
func each(n int, do func(int)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, lookers)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	all.Wait()
}

// sight is what was seen at one server.
type sight struct {
	verdict Verdict
	why     string
}

// lookAt asks all servers and sums up.
func (r *Resolver) lookAt(ctx context.Context, to []target, q Question, value string) (Verdict, string) {
	sights := make([]sight, len(to))
	each(len(to), func(i int) { sights[i] = r.lookAtOne(ctx, to[i], q, value) })
	for _, verdict := range []Verdict{NotYet, CannotTell} {
		var servers []string
		for i, s := range sights {
			if s.verdict == verdict {
				servers = append(servers, fmt.Sprintf("%s (%s)", strings.TrimSuffix(to[i].label, "."), s.why))
			}
		}
		if len(servers) > 0 {
			return verdict, sum(verdict, q.Name, servers)
		}
	}
	return Seen, ""
}

func sum(verdict Verdict, name string, servers []string) string {
	if len(servers) > maxTold {
		servers = append(servers[:maxTold], fmt.Sprintf("and %d more", len(servers)-maxTold))
	}
	text := "the TXT record %q does not have the value yet at %s"
	if verdict == CannotTell {
		text = "it can not be told whether the TXT record %q has the value at %s"
	}
	return fmt.Sprintf(text, strings.TrimSuffix(name, "."), strings.Join(servers, ", "))
}

// lookAtOne asks one server, at all its addresses. Some of them may be out of
// reach, as IPv6 is in many clusters; one that answers is enough.
func (r *Resolver) lookAtOne(ctx context.Context, to target, q Question, value string) sight {
	result := sight{CannotTell, "its address is not known"}
	for _, address := range to.addresses {
		answer, err := r.exchanger.Exchange(ctx, address, q)
		if err != nil {
			if result.verdict != Seen {
				result = sight{CannotTell, asServerError(address, err).Why}
			}
			continue
		}
		if s := judge(answer, q, value); s.verdict != Seen {
			return s
		}
		result = sight{verdict: Seen}
	}
	return result
}

// judge says what an answer tells. A recursive server has followed CNAME records
// by itself, so that the owner is another.
func judge(answer Answer, q Question, value string) sight {
	others := false
	for owner, values := range answer.Texts {
		if !q.Recursive && owner != q.Name {
			continue
		}
		if slices.Contains(values, value) {
			return sight{verdict: Seen}
		}
		others = true
	}
	switch {
	case !q.Recursive && !answer.Authoritative:
		// Something on the way answers in the server's stead, from a cache, or
		// the server does not hold the zone.
		return sight{CannotTell, "the answer is not authoritative"}
	case others:
		return sight{NotYet, "other values"}
	}
	return sight{NotYet, "no TXT record"}
}
