package lifecycle

import (
	"testing"
	"time"
)

// restAllocations is what a look at a certificate that is as it should be may
// allocate: it is what the operator does most, at every resync and restart for
// every certificate there is. It was 38 when this was written, most of it for
// the comparison with the Secret.
const restAllocations = 60

func TestLookAtACertificateAtRestIsCheap(t *testing.T) { // not parallel: it counts
	w := newCertificateWorld()
	w.issue(t, 90*day)
	seen := w.see()
	if n := testing.AllocsPerRun(100, func() { NextCertificate(seen, w.now) }); n > restAllocations {
		t.Errorf("%v allocations, want at most %d", n, restAllocations)
	}
	w.crt.Spec.Renewal = windows(window("0 2 * * *", "Europe/Vienna", time.Hour), window("0 2 * * *", "UTC", time.Hour))
	w.settle(t)
	seen = w.see()
	if n := testing.AllocsPerRun(100, func() { NextCertificate(seen, w.now) }); n > restAllocations {
		t.Errorf("%v allocations with windows, want at most %d", n, restAllocations)
	}
}

func BenchmarkNext(b *testing.B) {
	for name, windowed := range map[string]bool{"plain": false, "windows": true} {
		b.Run(name, func(b *testing.B) {
			w := newCertificateWorld()
			if windowed {
				w.crt.Spec.Renewal = windows(window("0 2 * * *", "Europe/Vienna", time.Hour), window("0 2 * * *", "UTC", time.Hour))
			}
			w.issue(b, 90*day)
			seen := w.see()
			b.ReportAllocs()
			for b.Loop() {
				NextCertificate(seen, w.now)
			}
		})
	}
}
