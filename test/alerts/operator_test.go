package alerts

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/metrics"
)

// start is when the operator of these tests is asked for its metrics.
var start = time.Unix(1_800_000_000, 0)

// lister has one object of each kind that the metrics tell of.
type lister struct{ client.Reader }

func (lister) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	meta := metav1.ObjectMeta{Namespace: "shop", Name: "www", CreationTimestamp: metav1.NewTime(start.Add(-2 * time.Hour))}
	issuer := cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}
	after := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: start.Add(d)} }
	switch l := list.(type) {
	case *cmv1.CertificateList:
		l.Items = []cmv1.Certificate{{ObjectMeta: meta, Spec: cmv1.CertificateSpec{IssuerRef: issuer}, Status: cmv1.CertificateStatus{
			NotBefore: after(-5 * time.Hour), RenewalTime: after(-time.Hour), NotAfter: after(time.Hour),
		}}}
	case *cmv1.IssuerList:
		l.Items = []cmv1.Issuer{{ObjectMeta: meta}}
	case *cmv1.ClusterIssuerList:
		l.Items = []cmv1.ClusterIssuer{{ObjectMeta: metav1.ObjectMeta{Name: "all"}}}
	case *acmev1.ChallengeList:
		l.Items = []acmev1.Challenge{{ObjectMeta: meta, Spec: acmev1.ChallengeSpec{DNSName: "www.example.com", Type: "HTTP-01"}}}
	case *cmv1.CertificateRequestList:
		l.Items = []cmv1.CertificateRequest{{ObjectMeta: meta, Spec: cmv1.CertificateRequestSpec{IssuerRef: issuer}}}
	}
	return nil
}

// work does what an operator does, as far as metrics come of it that are not
// ours: it asks an API server, waits for a lease, and makes a pass that fails.
func work(t *testing.T) {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	clients, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clients.Discovery().ServerVersion(); err == nil {
		t.Fatal("a server that knows nothing has a version")
	}
	if _, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name:          "cert-manager-controller",
		LeaseDuration: 3 * time.Minute, RenewDeadline: 2 * time.Minute, RetryPeriod: time.Minute,
		Lock:      &resourcelock.LeaseLock{Client: clients.CoordinationV1(), LeaseMeta: metav1.ObjectMeta{Namespace: "x", Name: "x"}, LockConfig: resourcelock.ResourceLockConfig{Identity: "x"}},
		Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) {}, OnStoppedLeading: func() {}},
	}); err != nil {
		t.Fatal(err)
	}
	passed := make(chan struct{})
	var once sync.Once
	c, err := controller.NewTypedUnmanaged("certificate", controller.TypedOptions[reconcile.Request]{
		Reconciler: metrics.Counted("certificate", reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
			once.Do(func() { close(passed) })
			return reconcile.Result{}, http.ErrServerClosed
		})),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Watch(source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		queue.Add(ctrl.Request{})
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Start(ctx) }()
	<-passed
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// registered are the metrics of an operator that works, once.
var registered sync.Once

// scrape asks the operator for its metrics, as text, and reads them as two
// scrapes a minute apart: counters have grown in between.
func scrape(t *testing.T) (memory, map[string]bool) {
	t.Helper()
	registered.Do(func() {
		elected := make(chan struct{})
		close(elected)
		ctrlmetrics.Registry.MustRegister(metrics.NewCollector(lister{}, elected), metrics.NewClock(func() time.Time { return start }))
		metrics.ObserveACME(acme.Request{Scheme: "https", Host: "ca.example", Action: "new_order", Method: "POST", Status: 429, Duration: time.Second, Problem: "rateLimited"})
		work(t)
	})
	families, err := ctrlmetrics.Registry.(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&page, family); err != nil {
			t.Fatal(err)
		}
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	read, err := parser.TextToMetricFamilies(&page)
	if err != nil {
		t.Fatal(err)
	}
	var out memory
	names := map[string]bool{}
	for _, family := range read {
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnix(start.Unix())}, family)
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range samples {
			builder := labels.NewBuilder(labels.EmptyLabels())
			for name, value := range sample.Metric {
				builder.Set(string(name), string(value))
			}
			builder.Set("job", "certwright").Set("instance", "a")
			name := string(sample.Metric[model.MetricNameLabel])
			names[name] = true
			s := series{labels: builder.Labels()}
			growth := 0.0
			if strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_sum") {
				growth = 1
			}
			for minutes := int64(125); minutes >= 0; minutes-- {
				s.times = append(s.times, start.UnixMilli()-minutes*60_000)
				s.values = append(s.values, float64(sample.Value)-growth*float64(minutes))
			}
			out = append(out, s)
		}
	}
	return out, names
}
