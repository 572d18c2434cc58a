package request

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/lifecycle"
)

// hanging is the signer of a CA that takes connections and never answers.
type hanging struct {
	issuers.Signer

	asked atomic.Int32
}

func (h *hanging) Sign(ctx context.Context, _ issuers.Input) (lifecycle.Outcome, error) {
	h.asked.Add(1)
	<-ctx.Done()
	return nil, ctx.Err()
}

// Not parallel: it compares times, which other tests would change.
func TestIssuerThatHangsWithAThousandRequestsDoesNotHoldUpAnother(t *testing.T) {
	const (
		thousand = 1000
		few      = 15
		// noise is what the median of a few requests may vary by on a machine
		// that runs other tests.
		noise = 50 * time.Millisecond
	)
	broken := &hanging{}
	c := start(t, func(cfg *Config) { cfg.Signers.ACME = broken })
	c.ca(t, "ca")
	c.issuer(t, "healthy", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	c.issuer(t, "broken", cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
		Server:     "https://acme.example.com/directory",
		PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
	}})
	c.latency(t, "warm-up", 3)
	alone := c.latency(t, "alone", few)

	request := c.request(t, "", "broken", newKey(t), nil)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := worker; i < thousand; i += 8 {
				one := request.DeepCopy()
				one.Name = fmt.Sprintf("broken-%d", i)
				if err := c.Create(t.Context(), one); err != nil {
					t.Errorf("create request: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
	beside := c.latency(t, "beside", few)
	t.Logf("alone %s, beside %d requests of an issuer that hangs %s", alone, thousand, beside)
	if beside > 2*alone+noise {
		t.Errorf("a request takes %s beside an issuer that hangs, and %s without it", beside, alone)
	}
	if got, most := broken.asked.Load(), int32(defaultWorkers); got != most {
		t.Errorf("%d workers wait for the issuer that hangs, want %d", got, most)
	}
}

// latency makes requests of the healthy issuer, one after the other, and
// returns the median of how long they take.
func (c cluster) latency(t *testing.T, name string, n int) time.Duration {
	t.Helper()
	watching, err := client.NewWithWatch(c.config, client.Options{Scheme: c.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	request := c.request(t, "", "healthy", newKey(t), nil)
	var took []time.Duration
	for i := range n {
		one := request.DeepCopy()
		one.Name = fmt.Sprintf("%s-%d", name, i)
		w, err := watching.Watch(t.Context(), &cmv1.CertificateRequestList{}, client.InNamespace(c.namespace), client.MatchingFields{"metadata.name": one.Name})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		c.create(t, one)
		limit := time.After(30 * time.Second)
		for issued := false; !issued; {
			select {
			case e := <-w.ResultChan():
				req, ok := e.Object.(*cmv1.CertificateRequest)
				issued = ok && len(req.Status.Certificate) > 0
			case <-limit:
				t.Fatalf("request %s is not issued within 30 seconds", one.Name)
			}
		}
		took = append(took, time.Since(begin))
		w.Stop()
	}
	slices.Sort(took)
	return took[n/2]
}
