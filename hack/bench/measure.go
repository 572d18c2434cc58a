package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// operatorRun are the figures of one batch of Certificates, issued by an operator that has just been started on an
// empty cluster.
type operatorRun struct {
	Certificates int           `json:"certificates"`
	Took         time.Duration `json:"took"` // from the first create until idle, in ns
	Rate         float64       `json:"rate"` // certificates per second, from the first create to the last ready
	P50          time.Duration `json:"p50"`  // from a create being accepted to ready being seen, in ns
	P99          time.Duration `json:"p99"`
	CPU          time.Duration `json:"cpu"` // of all certificates, until idle, in ns
	IdleAfter    time.Duration `json:"idleAfter"`
	NotIdle      bool          `json:"notIdle,omitempty"`
	PeakRSS      int64         `json:"peakRSS"` // bytes

	Requests requests `json:"requests"`
	// StartRequests is what the operator sent before the measurement: discovery, lists, watches, an issuer, and one
	// certificate, after which nothing is done for the first time any more.
	StartRequests float64            `json:"startRequests"`
	Reconciles    map[string]float64 `json:"reconciles"` // by controller
	Errors        float64            `json:"errors"`     // reconciles that ended in one
}

func (r operatorRun) cpuEach() time.Duration { return r.CPU / time.Duration(r.Certificates) }

// each is a count per certificate.
func (r operatorRun) each(n float64) float64 { return n / float64(r.Certificates) }

// Metrics of the operator. The first counts what the client library sent, retries included.
const (
	sentMetric       = "rest_client_requests_total"
	reconcilesMetric = "controller_runtime_reconcile_total"
	errorsMetric     = "controller_runtime_reconcile_errors_total"
	servedMetric     = "apiserver_request_total"
)

// issue measures the operator with n Certificates.
func (l *lab) issue(ctx context.Context, n int) (run operatorRun, err error) {
	fmt.Fprintf(os.Stderr, "operator: %d certificates\n", n)
	namespace, err := l.newNamespace(ctx, "operator")
	if err != nil {
		return run, err
	}
	ca, err := newAuthority(time.Now())
	if err != nil {
		return run, err
	}
	if err := ca.install(ctx, l.admin, namespace); err != nil {
		return run, err
	}
	o, err := l.startOperator(ctx, filepath.Join(l.temp, namespace+".log"))
	if err != nil {
		return run, err
	}
	run, err = l.issueWith(ctx, o, namespace, n)
	o.stop()
	if err != nil {
		return run, o.explain(ctx, err)
	}
	return run, l.removeNamespace(ctx, namespace)
}

func (l *lab) issueWith(ctx context.Context, o *operator, namespace string, n int) (run operatorRun, err error) {
	if err := l.waitIssuer(ctx, o, namespace); err != nil {
		return run, err
	}
	if _, err := issueBatch(ctx, l.admin, namespace, 1, batchOf(namespace, "warm-up", l.key), o.alive); err != nil {
		return run, err
	}
	sent := func(ctx context.Context) (float64, error) {
		m, err := scrape(ctx, http.DefaultClient, o.metrics)
		return sum(m.by(sentMetric, "method")), errors.Join(err, m.has(sentMetric))
	}
	if rest, err := waitIdle(ctx, o.cpuTime, sent); err != nil || rest.not {
		return run, errors.Join(errors.New("the operator is not idle before the measurement"), err)
	}
	before, err := l.account(ctx, o)
	if err != nil {
		return run, err
	}
	if err := l.toggleProfile(o); err != nil {
		return run, err
	}
	cpu, err := o.cpuTime()
	if err != nil {
		return run, err
	}
	t, err := issueBatch(ctx, l.admin, namespace, n, batchOf(namespace, "bench", l.key), o.alive)
	if err != nil {
		return run, err
	}
	rest, err := waitIdle(ctx, o.cpuTime, sent)
	if err != nil {
		return run, err
	}
	if err := l.toggleProfile(o); err != nil {
		return run, err
	}
	after, err := l.account(ctx, o)
	if err != nil {
		return run, err
	}
	run = operatorRun{
		Certificates:  n,
		Took:          rest.since.Sub(t.first),
		Rate:          float64(n) / t.last.Sub(t.first).Seconds(),
		P50:           percentile(t.latencies, 50),
		P99:           percentile(t.latencies, 99),
		CPU:           rest.cpu - cpu,
		IdleAfter:     max(rest.since.Sub(t.last), 0),
		NotIdle:       rest.not,
		StartRequests: sum(before.sent),
		Reconciles:    since(after.reconciles, before.reconciles),
		Errors:        sum(since(after.errors, before.errors)),
	}
	own := map[kind]float64{{Verb: http.MethodPost, Resource: "certificates"}: float64(n)}
	if run.Requests, err = attribute(since(after.sent, before.sent), since(after.served, before.served), own); err != nil {
		return run, err
	}
	run.PeakRSS, err = o.peakRSS()
	return run, err
}

// waitIssuer waits until the operator has found the CA to be good.
func (l *lab) waitIssuer(ctx context.Context, o *operator, namespace string) error {
	return poll(ctx, time.Minute, "the issuer to be ready", func() (bool, error) {
		issuer := &cmv1.Issuer{}
		if err := l.admin.Get(ctx, types.NamespacedName{Namespace: namespace, Name: issuerName}, issuer); err != nil {
			return false, fmt.Errorf("get issuer: %w", err)
		}
		for _, c := range issuer.Status.Conditions {
			if c.Type == cmv1.IssuerConditionReady && c.Status == cmmeta.ConditionTrue {
				return true, nil
			}
		}
		return false, o.alive()
	})
}

// account is the state of all counters at one time.
type account struct {
	sent       map[string]float64 // requests of the operator by HTTP method
	reconciles map[string]float64 // by controller
	errors     map[string]float64 // reconciles that failed, by controller
	served     map[kind]float64   // requests that the API server answered
}

func (l *lab) account(ctx context.Context, o *operator) (account, error) {
	operator, err := scrape(ctx, http.DefaultClient, o.metrics)
	if err != nil {
		return account{}, err
	}
	server, err := scrape(ctx, l.server, l.serverURL)
	if err != nil {
		return account{}, err
	}
	return account{
		sent:       operator.by(sentMetric, "method"),
		reconciles: operator.by(reconcilesMetric, "controller"),
		errors:     operator.by(errorsMetric, "controller"),
		served:     served(server),
	}, errors.Join(operator.has(sentMetric, reconcilesMetric, errorsMetric), server.has(servedMetric))
}

// round are all measurements, of which each is the latest there is.
type round struct {
	Small operatorRun `json:"small"`
	Floor floorRun    `json:"floor"`
	Large operatorRun `json:"large,omitzero"`
}

// measurements is a set of parts of a round.
type measurements uint8

const (
	measureSmall measurements = 1 << iota // and the floor, whose rate is compared with it
	measureLarge

	everything = measureSmall | measureLarge
)

// measure takes measurements and leaves the rest of a round as it is.
func (l *lab) measure(ctx context.Context, r round, which measurements) (round, error) {
	var err error
	if which&measureSmall != 0 {
		// Half of the floor before and half after: what else the machine does changes by the minute, and the two rates are
		// compared.
		half := (l.certificates + 1) / 2
		r.Floor = floorRun{}
		if err := l.floor(ctx, half, &r.Floor); err != nil {
			return r, err
		}
		if r.Small, err = l.issue(ctx, l.certificates); err != nil {
			return r, err
		}
		if err := l.floor(ctx, half, &r.Floor); err != nil {
			return r, err
		}
	}
	if which&measureLarge != 0 && l.scale > 0 {
		if r.Large, err = l.issue(ctx, l.scale); err != nil {
			return r, err
		}
	}
	return r, nil
}
