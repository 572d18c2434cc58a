package metrics

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

var (
	requestCount = describe("certwright_certificaterequests", "CertificateRequests of an issuer in a state.",
		[]string{"issuer_group", "issuer_kind", "issuer_name", "namespace", "state"})
	requestOldest = describe("certwright_certificaterequest_oldest_pending_timestamp_seconds",
		"When the oldest CertificateRequest of an issuer was created that is not decided yet, in seconds since 1970.",
		[]string{"issuer_group", "issuer_kind", "issuer_name", "namespace"})
	stateLabel = new("state")
)

// requestState is what has become of a CertificateRequest.
type requestState string

const (
	requestUnapproved requestState = "unapproved" // neither approved nor denied
	requestPending    requestState = "pending"    // approved; its issuer is at work, or in trouble
	requestIssued     requestState = "issued"
	requestFailed     requestState = "failed"
	requestDenied     requestState = "denied"
)

// requestSeries are the CertificateRequests that are counted together.
type requestSeries struct{ group, kind, name, namespace string }

func (s *requestSeries) labels() []label {
	return []label{{issuerGroupLabel, &s.group}, {issuerKindLabel, &s.kind}, {issuerNameLabel, &s.name}, {namespaceLabel, &s.namespace}}
}

// requests are counted: a sample for each would be thousands an hour where
// every workload has one of its own, each for seconds.
func (o *objects) requests(ctx context.Context, ch chan<- prometheus.Metric) error {
	var list cmv1.CertificateRequestList
	if err := o.cache.List(ctx, &list, withoutCopy...); err != nil {
		return fmt.Errorf("list certificate requests: %w", err)
	}
	type count struct {
		requestSeries

		state requestState
	}
	counts, oldest := map[count]int{}, map[requestSeries]float64{}
	for i := range list.Items {
		r := &list.Items[i]
		ref := r.Spec.IssuerRef
		series := requestSeries{ref.GroupOrDefault(), ref.KindOrDefault(), ref.Name, r.Namespace}
		state := stateOf(r)
		counts[count{series, state}]++
		if state != requestPending && state != requestUnapproved {
			continue
		}
		created := float64(r.CreationTimestamp.Unix())
		if before, ok := oldest[series]; !ok || created < before {
			oldest[series] = created
		}
	}
	for c, n := range counts {
		ch <- newGauge(requestCount, pairs(append(c.labels(), label{stateLabel, new(string(c.state))})...), float64(n))
	}
	for series, created := range oldest {
		ch <- newGauge(requestOldest, pairs(series.labels()...), created)
	}
	return nil
}

func stateOf(r *cmv1.CertificateRequest) requestState {
	state := requestUnapproved
	for i := range r.Status.Conditions {
		c := &r.Status.Conditions[i]
		switch {
		case c.Type == cmv1.CertificateRequestConditionDenied && c.Status == cmmeta.ConditionTrue:
			return requestDenied
		case c.Type == cmv1.CertificateRequestConditionInvalidRequest && c.Status == cmmeta.ConditionTrue,
			c.Type == cmv1.CertificateRequestConditionReady && c.Reason == cmv1.CertificateRequestReasonFailed:
			return requestFailed
		case c.Type == cmv1.CertificateRequestConditionReady && c.Status == cmmeta.ConditionTrue:
			return requestIssued
		case c.Type == cmv1.CertificateRequestConditionApproved && c.Status == cmmeta.ConditionTrue:
			state = requestPending
		}
	}
	return state
}
