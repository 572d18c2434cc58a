package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/metrics"
)

// cached is a cache that shares its objects, as the manager's does when it is
// asked not to copy them.
type cached struct {
	client.Reader

	certificates   []cmv1.Certificate
	issuers        []cmv1.Issuer
	clusterIssuers []cmv1.ClusterIssuer
	challenges     []acmev1.Challenge
	requests       []cmv1.CertificateRequest
	err            error
}

func (c *cached) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	options := (&client.ListOptions{}).ApplyOptions(opts)
	if options.UnsafeDisableDeepCopy == nil || !*options.UnsafeDisableDeepCopy {
		return errors.New("asked for copies")
	}
	switch l := list.(type) {
	case *cmv1.CertificateList:
		l.Items = append(l.Items, c.certificates...)
	case *cmv1.IssuerList:
		l.Items = append(l.Items, c.issuers...)
	case *cmv1.ClusterIssuerList:
		l.Items = append(l.Items, c.clusterIssuers...)
	case *acmev1.ChallengeList:
		l.Items = append(l.Items, c.challenges...)
	case *cmv1.CertificateRequestList:
		l.Items = append(l.Items, c.requests...)
	}
	return c.err
}

func elected() <-chan struct{} {
	ch := make(chan struct{})
	close(ch)
	return ch
}

func at(seconds int64) *metav1.Time { return &metav1.Time{Time: time.Unix(seconds, 0)} }

func issuerIs(status cmmeta.ConditionStatus) cmv1.IssuerStatus {
	return cmv1.IssuerStatus{Conditions: []cmv1.IssuerCondition{{Type: "Other", Status: cmmeta.ConditionUnknown}, {Type: cmv1.IssuerConditionReady, Status: status}}}
}

func shop() cmv1.Certificate {
	return cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "www"},
		Spec:       cmv1.CertificateSpec{IssuerRef: cmmeta.IssuerReference{Name: "ca", Kind: "ClusterIssuer", Group: "cert-manager.io"}},
		Status: cmv1.CertificateStatus{
			Conditions: []cmv1.CertificateCondition{
				{Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue},
				{Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue},
			},
			NotBefore: at(1700000000), NotAfter: at(1707776000), RenewalTime: at(1705184000),
		},
	}
}

const help = `
# HELP certmanager_certificate_expiration_timestamp_seconds When the certificate expires, in seconds since 1970; 0 if there is none.
# TYPE certmanager_certificate_expiration_timestamp_seconds gauge
certmanager_certificate_expiration_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="none",name="new",namespace="shop"} 0
certmanager_certificate_expiration_timestamp_seconds{issuer_group="cert-manager.io",issuer_kind="ClusterIssuer",issuer_name="ca",name="www",namespace="shop"} 1.707776e+09
# HELP certmanager_certificate_not_after_timestamp_seconds Until when the certificate is valid, in seconds since 1970; 0 if there is none.
# TYPE certmanager_certificate_not_after_timestamp_seconds gauge
certmanager_certificate_not_after_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="none",name="new",namespace="shop"} 0
certmanager_certificate_not_after_timestamp_seconds{issuer_group="cert-manager.io",issuer_kind="ClusterIssuer",issuer_name="ca",name="www",namespace="shop"} 1.707776e+09
# HELP certmanager_certificate_not_before_timestamp_seconds From when the certificate is valid, in seconds since 1970; 0 if there is none.
# TYPE certmanager_certificate_not_before_timestamp_seconds gauge
certmanager_certificate_not_before_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="none",name="new",namespace="shop"} 0
certmanager_certificate_not_before_timestamp_seconds{issuer_group="cert-manager.io",issuer_kind="ClusterIssuer",issuer_name="ca",name="www",namespace="shop"} 1.7e+09
# HELP certmanager_certificate_ready_status Whether a Certificate is ready: 1 for the condition that it has, 0 for the others.
# TYPE certmanager_certificate_ready_status gauge
certmanager_certificate_ready_status{condition="False",issuer_group="",issuer_kind="",issuer_name="none",name="new",namespace="shop"} 0
certmanager_certificate_ready_status{condition="False",issuer_group="cert-manager.io",issuer_kind="ClusterIssuer",issuer_name="ca",name="www",namespace="shop"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="",issuer_name="none",name="new",namespace="shop"} 0
certmanager_certificate_ready_status{condition="True",issuer_group="cert-manager.io",issuer_kind="ClusterIssuer",issuer_name="ca",name="www",namespace="shop"} 1
certmanager_certificate_ready_status{condition="Unknown",issuer_group="",issuer_kind="",issuer_name="none",name="new",namespace="shop"} 1
certmanager_certificate_ready_status{condition="Unknown",issuer_group="cert-manager.io",issuer_kind="ClusterIssuer",issuer_name="ca",name="www",namespace="shop"} 0
# HELP certmanager_certificate_renewal_timestamp_seconds When the certificate is renewed, in seconds since 1970; 0 if it is not.
# TYPE certmanager_certificate_renewal_timestamp_seconds gauge
certmanager_certificate_renewal_timestamp_seconds{issuer_group="",issuer_kind="",issuer_name="none",name="new",namespace="shop"} 0
certmanager_certificate_renewal_timestamp_seconds{issuer_group="cert-manager.io",issuer_kind="ClusterIssuer",issuer_name="ca",name="www",namespace="shop"} 1.705184e+09
# HELP certmanager_clusterissuer_ready_status Whether a ClusterIssuer is ready: 1 for the condition that it has, 0 for the others.
# TYPE certmanager_clusterissuer_ready_status gauge
certmanager_clusterissuer_ready_status{condition="False",name="letsencrypt"} 0
certmanager_clusterissuer_ready_status{condition="True",name="letsencrypt"} 1
certmanager_clusterissuer_ready_status{condition="Unknown",name="letsencrypt"} 0
# HELP certmanager_issuer_ready_status Whether an Issuer is ready: 1 for the condition that it has, 0 for the others.
# TYPE certmanager_issuer_ready_status gauge
certmanager_issuer_ready_status{condition="False",name="ca",namespace="shop"} 1
certmanager_issuer_ready_status{condition="False",name="new",namespace="shop"} 0
certmanager_issuer_ready_status{condition="True",name="ca",namespace="shop"} 0
certmanager_issuer_ready_status{condition="True",name="new",namespace="shop"} 0
certmanager_issuer_ready_status{condition="Unknown",name="ca",namespace="shop"} 0
certmanager_issuer_ready_status{condition="Unknown",name="new",namespace="shop"} 1
`

func world() *cached {
	return &cached{
		certificates: []cmv1.Certificate{shop(), {
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "new"},
			Spec:       cmv1.CertificateSpec{IssuerRef: cmmeta.IssuerReference{Name: "none"}},
		}},
		issuers: []cmv1.Issuer{
			{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ca"}, Status: issuerIs(cmmeta.ConditionFalse)},
			{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "new"}},
		},
		clusterIssuers: []cmv1.ClusterIssuer{{ObjectMeta: metav1.ObjectMeta{Name: "letsencrypt"}, Status: issuerIs(cmmeta.ConditionTrue)}},
	}
}

func TestEachObjectHasItsSamples(t *testing.T) {
	t.Parallel()
	if err := testutil.CollectAndCompare(metrics.NewCollector(world(), elected()), strings.NewReader(help)); err != nil {
		t.Error(err)
	}
}

func TestNamesAndLabelsAreAsPrometheusWantsThem(t *testing.T) {
	t.Parallel()
	// A pedantic registry refuses samples that are not as described, or
	// whose labels are out of order.
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(metrics.NewCollector(world(), elected())); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Error(err)
	}
	if len(families) != 7 {
		t.Errorf("%d metrics, want 7", len(families))
	}
}

func TestSamplesAreGoneWithTheirObject(t *testing.T) {
	t.Parallel()
	w := world()
	c := metrics.NewCollector(w, elected())
	if got := testutil.CollectAndCount(c); got != 2*7+2*3+3 {
		t.Errorf("%d samples", got)
	}
	w.certificates, w.issuers = w.certificates[:1], nil
	if got := testutil.CollectAndCount(c); got != 7+3 {
		t.Errorf("%d samples after objects were deleted, want 10", got)
	}
}

func TestReplicaThatStandsByHasNoSamples(t *testing.T) {
	t.Parallel()
	lease := make(chan struct{})
	c := metrics.NewCollector(world(), lease)
	if got := testutil.CollectAndCount(c); got != 0 {
		t.Errorf("%d samples before it is elected", got)
	}
	close(lease)
	if got := testutil.CollectAndCount(c); got == 0 {
		t.Error("no samples after it was elected")
	}
}

func TestCacheThatCanNotBeReadFailsTheScrape(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(&cached{err: errors.New("the cache is closed")}, elected()))
	_, err := registry.Gather()
	if err == nil || !strings.Contains(err.Error(), "list certificates: the cache is closed") {
		t.Errorf("error %v", err)
	}
}

// What one scrape of 10,000 Certificates costs, without and with what the
// registry adds: 120,000 and 260,000 allocations.
func BenchmarkScrape(b *testing.B) {
	w := &cached{}
	for i := range 10_000 {
		crt := shop()
		crt.Name = fmt.Sprintf("www-%d", i)
		w.certificates = append(w.certificates, crt)
	}
	c := metrics.NewCollector(w, elected())
	b.Run("collect", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ch := make(chan prometheus.Metric, 1000)
			go func() {
				c.Collect(ch)
				close(ch)
			}()
			samples := 0
			for range ch {
				samples++
			}
			if samples != 70_000 {
				b.Fatal(samples)
			}
		}
	})
	b.Run("gather", func(b *testing.B) {
		registry := prometheus.NewRegistry()
		registry.MustRegister(c)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := registry.Gather(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The budget of the benchmark, where every test run sees it.
func TestScrapeAllocatesLittle(t *testing.T) {
	w := &cached{}
	for i := range 1000 {
		crt := shop()
		crt.Name = fmt.Sprintf("www-%d", i)
		w.certificates = append(w.certificates, crt)
	}
	c := metrics.NewCollector(w, elected())
	ch := make(chan prometheus.Metric, 8000)
	allocations := testing.AllocsPerRun(5, func() {
		c.Collect(ch)
		for len(ch) > 0 {
			<-ch
		}
	})
	if perCertificate := allocations / 1000; perCertificate > 12.5 {
		t.Errorf("%.1f allocations for each Certificate, want 12", perCertificate)
	}
}
