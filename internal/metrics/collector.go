package metrics

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// scrapeTimeout bounds a scrape. Reads of a cache that has synced do not wait;
// Prometheus itself gives up after ten seconds unless told otherwise.
const scrapeTimeout = 5 * time.Second

// The labels of each metric, in the order of their names.
var (
	certificateLabels                       = []string{"issuer_group", "issuer_kind", "issuer_name", "name", "namespace"}
	certificateReady                        = describe("certmanager_certificate_ready_status", "Whether a Certificate is ready: 1 for the condition that it has, 0 for the others.", append([]string{"condition"}, certificateLabels...))
	certificateExpiry                       = describe("certmanager_certificate_expiration_timestamp_seconds", "When the certificate expires, in seconds since 1970; 0 if there is none.", certificateLabels)
	certificateAfter                        = describe("certmanager_certificate_not_after_timestamp_seconds", "Until when the certificate is valid, in seconds since 1970; 0 if there is none.", certificateLabels)
	certificateBefore                       = describe("certmanager_certificate_not_before_timestamp_seconds", "From when the certificate is valid, in seconds since 1970; 0 if there is none.", certificateLabels)
	certificateRenewal                      = describe("certmanager_certificate_renewal_timestamp_seconds", "When the certificate is renewed, in seconds since 1970; 0 if it is not.", certificateLabels)
	issuerReady                             = describe("certmanager_issuer_ready_status", "Whether an Issuer is ready: 1 for the condition that it has, 0 for the others.", []string{"condition", "name", "namespace"})
	clusterIssuerReady                      = describe("certmanager_clusterissuer_ready_status", "Whether a ClusterIssuer is ready: 1 for the condition that it has, 0 for the others.", []string{"condition", "name"})
	conditionStatuses                       = []cmmeta.ConditionStatus{cmmeta.ConditionTrue, cmmeta.ConditionFalse, cmmeta.ConditionUnknown}
	conditionPairs                          = newConditionPairs()
	nameLabel                               = new("name")
	namespaceLabel                          = new("namespace")
	issuerNameLabel                         = new("issuer_name")
	issuerKindLabel                         = new("issuer_kind")
	issuerGroupLabel                        = new("issuer_group")
	withoutCopy                             = []client.ListOption{client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency}
	_                  prometheus.Collector = (*objects)(nil)
)

func describe(name, help string, labels []string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func newConditionPairs() map[cmmeta.ConditionStatus]*dto.LabelPair {
	out := map[cmmeta.ConditionStatus]*dto.LabelPair{}
	for _, status := range conditionStatuses {
		out[status] = &dto.LabelPair{Name: new("condition"), Value: new(string(status))}
	}
	return out
}

// objects are the metrics of the objects in the manager's cache.
type objects struct {
	cache   client.Reader
	elected <-chan struct{}
}

// NewCollector returns the metrics of Certificates, their issuers, Challenges
// and CertificateRequests (contract, section 4, and what it lacks). They are read from the cache when they are asked for:
// nothing is kept, so nothing has to be brought up to date, and the samples of
// an object are gone with it.
//
// A replica that stands by, which is one whose channel is not closed, has none
// of them: each object is told of once.
func NewCollector(cache client.Reader, elected <-chan struct{}) prometheus.Collector {
	return &objects{cache: cache, elected: elected}
}

// Describe implements prometheus.Collector.
func (o *objects) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		certificateReady, certificateExpiry, certificateAfter, certificateBefore, certificateRenewal,
		issuerReady, clusterIssuerReady, challengeStatus, requestCount, requestOldest,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (o *objects) Collect(ch chan<- prometheus.Metric) {
	select {
	case <-o.elected:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	for _, kind := range []struct {
		desc    *prometheus.Desc
		collect func(context.Context, chan<- prometheus.Metric) error
	}{
		{certificateReady, o.certificates},
		{issuerReady, o.issuers},
		{clusterIssuerReady, o.clusterIssuers},
		{challengeStatus, o.challenges},
		{requestCount, o.requests},
	} {
		if err := kind.collect(ctx, ch); err != nil {
			// Samples that silently are not there would look like objects
			// that are not there.
			ch <- prometheus.NewInvalidMetric(kind.desc, err)
		}
	}
}

func (o *objects) certificates(ctx context.Context, ch chan<- prometheus.Metric) error {
	var list cmv1.CertificateList
	if err := o.cache.List(ctx, &list, withoutCopy...); err != nil {
		return fmt.Errorf("list certificates: %w", err)
	}
	for i := range list.Items {
		crt := &list.Items[i]
		ref := &crt.Spec.IssuerRef
		labels := pairs(label{issuerGroupLabel, &ref.Group}, label{issuerKindLabel, &ref.Kind}, label{issuerNameLabel, &ref.Name},
			label{nameLabel, &crt.Name}, label{namespaceLabel, &crt.Namespace})
		ready := cmmeta.ConditionUnknown
		for j := range crt.Status.Conditions {
			if c := &crt.Status.Conditions[j]; c.Type == cmv1.CertificateConditionReady {
				ready = c.Status
			}
		}
		readiness(ch, certificateReady, ready, labels)
		notAfter := seconds(crt.Status.NotAfter)
		ch <- newGauge(certificateExpiry, labels, notAfter)
		ch <- newGauge(certificateAfter, labels, notAfter)
		ch <- newGauge(certificateBefore, labels, seconds(crt.Status.NotBefore))
		ch <- newGauge(certificateRenewal, labels, seconds(crt.Status.RenewalTime))
	}
	return nil
}

func (o *objects) issuers(ctx context.Context, ch chan<- prometheus.Metric) error {
	var list cmv1.IssuerList
	if err := o.cache.List(ctx, &list, withoutCopy...); err != nil {
		return fmt.Errorf("list issuers: %w", err)
	}
	for i := range list.Items {
		issuer := &list.Items[i]
		labels := pairs(label{nameLabel, &issuer.Name}, label{namespaceLabel, &issuer.Namespace})
		readiness(ch, issuerReady, issuerStatus(&issuer.Status), labels)
	}
	return nil
}

func (o *objects) clusterIssuers(ctx context.Context, ch chan<- prometheus.Metric) error {
	var list cmv1.ClusterIssuerList
	if err := o.cache.List(ctx, &list, withoutCopy...); err != nil {
		return fmt.Errorf("list cluster issuers: %w", err)
	}
	for i := range list.Items {
		issuer := &list.Items[i]
		readiness(ch, clusterIssuerReady, issuerStatus(&issuer.Status), pairs(label{nameLabel, &issuer.Name}))
	}
	return nil
}

// readiness sends one sample for each status that Ready can have.
func readiness(ch chan<- prometheus.Metric, desc *prometheus.Desc, is cmmeta.ConditionStatus, labels []*dto.LabelPair) {
	for _, status := range conditionStatuses {
		value := 0.0
		if status == is {
			value = 1
		}
		all := make([]*dto.LabelPair, 0, len(labels)+1)
		all = append(append(all, conditionPairs[status]), labels...)
		ch <- newGauge(desc, all, value)
	}
}

func issuerStatus(status *cmv1.IssuerStatus) cmmeta.ConditionStatus {
	for i := range status.Conditions {
		if c := &status.Conditions[i]; c.Type == cmv1.IssuerConditionReady {
			return c.Status
		}
	}
	return cmmeta.ConditionUnknown
}

func seconds(t *metav1.Time) float64 {
	if t == nil {
		return 0
	}
	return float64(t.Unix())
}
