package lifecycle

import "time"

// Backoff doubles from Least with every failure up to Most.
type Backoff struct {
	Least, Most time.Duration
}

// IssuanceBackoff is the wait after a failed issuance (contract 2.1): the CAs
// that count failures allow about five an hour, and after a day and a half a
// person has to look anyway.
var IssuanceBackoff = Backoff{Least: time.Hour, Most: 32 * time.Hour}

// Delay is the wait after the given number of failures in a row; none if there
// was none.
func (b Backoff) Delay(failures int) time.Duration {
	if failures <= 0 {
		return 0
	}
	d := b.Least
	for i := 1; i < failures && d < b.Most; i++ {
		d *= 2
	}
	return min(d, b.Most)
}
