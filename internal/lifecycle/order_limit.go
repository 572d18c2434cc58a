package lifecycle

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// OrderLimit is how many orders of one account a CA takes: Count at once, and
// one more after each Count-th part of Period. Zero is no limit.
type OrderLimit struct {
	Count  int
	Period time.Duration
}

// every is the time after which the CA takes one more order.
func (l OrderLimit) every() time.Duration {
	if l.Count <= 0 {
		return 0
	}
	return l.Period / time.Duration(l.Count)
}

// burst is how many orders are placed at once: five sixths of what the CA takes.
// The rest is for what nobody here counts, such as orders whose answer was lost
// and those of another cluster with the same account. It is never less than one.
func (l OrderLimit) burst() int { return max(1, l.Count*5/6) }

// reserve is how many of those are kept back for what is urgent.
func (l OrderLimit) reserve() int { return l.burst() / 5 }

// OrderLimits are the limits of CAs, by the host of their directory. "*" is for
// the others.
type OrderLimits map[string]OrderLimit

// DefaultOrderLimits are those that Let's Encrypt publishes: new orders per
// account (its documentation of August 2026). Other CAs publish none.
var DefaultOrderLimits = []string{
	"acme-v02.api.letsencrypt.org=300/3h",
	"acme-staging-v02.api.letsencrypt.org=1500/3h",
}

// ParseOrderLimits reads limits such as "acme.example.com=300/3h"; count 0 is no
// limit. Of two for the same host the last one counts.
func ParseOrderLimits(texts []string) (OrderLimits, error) {
	limits := OrderLimits{}
	for _, text := range texts {
		host, limit, ok := strings.Cut(text, "=")
		count, period, ok2 := strings.Cut(limit, "/")
		n, err := strconv.Atoi(count)
		d, err2 := time.ParseDuration(period)
		if !ok || !ok2 || err != nil || err2 != nil || host == "" || strings.Contains(host, "/") || n < 0 || d <= 0 || (n > 0 && d/time.Duration(n) <= 0) {
			return nil, fmt.Errorf("%q is no limit such as acme.example.com=300/3h", text)
		}
		limits[strings.ToLower(host)] = OrderLimit{Count: n, Period: d}
	}
	return limits, nil
}

// For is the limit of the CA with a directory at a host, which may have a port.
func (l OrderLimits) For(host string) OrderLimit {
	host = strings.ToLower(host)
	name, _, _ := strings.Cut(host, ":")
	for _, known := range []string{host, name} {
		if limit, ok := l[known]; ok {
			return limit
		}
	}
	return l["*"]
}
