package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

const (
	acmeNodeName    = "bench-acme"
	acmeIssuer      = "bench"
	pebbleDirectory = "https://pebble.pebble.svc:14000/dir"

	caRequestsMetric = "certmanager_http_acme_client_request_count"
)

// acmeLab is a real node with an ingress controller, Pebble and the operator.
type acmeLab struct {
	acmeOptions

	unlock   func()
	checkout testbed.Checkout
	node     testbed.Node
	images   testbed.Images
	own      bool // the node is ours to remove

	host  string // URL of the API server
	web   *http.Client
	admin client.WithWatch
	runs  int
	// slowness is that of the machine; see the function. 0 until it is measured.
	slowness float64
	pod      string // of the operator
	pid      int    // of its process
}

func newACMELab(ctx context.Context, o acmeOptions) (l *acmeLab, err error) {
	l = &acmeLab{acmeOptions: o}
	if l.checkout, err = testbed.FindCheckout(os.Stderr); err != nil {
		return nil, err
	}
	if l.unlock, err = lockCheckout(l.checkout.Root); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.tearDown())
		}
	}()
	if o.kubeconfig != "" {
		var ok bool
		if l.node, ok = testbed.NodeOf(o.kubeconfig); !ok {
			return l, errors.New("-kubeconfig is not of a running node of hack/cluster")
		}
	} else {
		l.own = true
		if l.node, err = l.checkout.Up(ctx, acmeNodeName); err != nil {
			return l, err
		}
	}
	if l.images, err = l.checkout.BuildImages(ctx); err != nil {
		return l, err
	}
	if err := l.checkout.Load(ctx, l.node, l.images); err != nil {
		return l, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", l.node.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	l.host = config.Host
	if l.web, err = rest.HTTPClientFor(config); err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	l.admin, err = newClient(config)
	return l, err
}

func (l *acmeLab) tearDown() error {
	defer l.unlock()
	if !l.own {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return l.checkout.Down(ctx, acmeNodeName)
}

// install brings the operator into a mode, warm: with its issuer ready and one certificate issued. The lease is renewed so
// seldom, every half minute, that it hardly counts among the requests.
func (l *acmeLab) install(ctx context.Context, mode solverMode) error {
	fmt.Fprintf(os.Stderr, "installing the operator, mode %s\n", mode)
	values := []string{"global.leaderElection.leaseDuration=60s", "global.leaderElection.renewDeadline=50s", "global.leaderElection.retryPeriod=30s"}
	if mode != podMode { // the chart's default
		values = append(values, "http01SolverMode="+string(mode))
	}
	if l.profile != "" {
		values = append(values, fmt.Sprintf("extraArgs={--enable-profiling,--profiler-address=0.0.0.0:%d}", profilerPort))
	}
	if err := l.checkout.Install(ctx, l.node.Kubeconfig, l.images.Ref(), true, values...); err != nil {
		return err
	}
	if l.slowness == 0 {
		if err := l.measureFloor(ctx); err != nil {
			return err
		}
	}
	if err := l.findOperator(ctx); err != nil {
		return err
	}
	if err := l.newIssuer(ctx); err != nil {
		return err
	}
	_, err := l.issue(ctx, 1)
	return err
}

// findOperator finds the one pod of the operator that runs, and its process on this machine.
func (l *acmeLab) findOperator(ctx context.Context) error {
	selector, err := labels.Parse(testbed.OperatorLabel)
	if err != nil {
		return fmt.Errorf("find operator: %w", err)
	}
	return poll(ctx, time.Minute, "one pod of the operator", func() (bool, error) {
		pods := &corev1.PodList{}
		if err := l.admin.List(ctx, pods, client.InNamespace(testbed.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
			return false, fmt.Errorf("list pods: %w", err)
		}
		if len(pods.Items) != 1 || pods.Items[0].Status.Phase != corev1.PodRunning {
			return false, nil
		}
		l.pod = pods.Items[0].Name
		var err error
		l.pid, err = testbed.ProcessOf(string(pods.Items[0].UID), "/certwright")
		return err == nil, nil //nolint:nilerr // it is about to start
	})
}

func (l *acmeLab) newIssuer(ctx context.Context) error {
	config := &corev1.ConfigMap{}
	if err := l.admin.Get(ctx, client.ObjectKey{Namespace: "pebble", Name: "pebble-ca"}, config); err != nil {
		return fmt.Errorf("read root of Pebble: %w", err)
	}
	class := "traefik"
	issuer := &cmv1.ClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: acmeIssuer},
		Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
			Server:     pebbleDirectory,
			CABundle:   []byte(config.Data["ca.crt"]),
			PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: acmeIssuer + "-account"}},
			Solvers: []acmev1.ACMEChallengeSolver{{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{
				Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{IngressClassName: &class},
			}}},
		}}},
	}
	if err := l.admin.Create(ctx, issuer); client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("create issuer: %w", err)
	}
	return nil
}

// issue measures n Certificates, each with a name of its own, in a namespace of their own.
func (l *acmeLab) issue(ctx context.Context, n int) (run acmeRun, err error) {
	l.runs++
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-"}}
	if err := l.admin.Create(ctx, namespace); err != nil {
		return run, fmt.Errorf("create namespace: %w", err)
	}
	defer func() {
		background := context.WithoutCancel(ctx)
		err = errors.Join(err, client.IgnoreNotFound(l.admin.Delete(background, namespace)))
	}()
	cpuTime := func() (time.Duration, error) { return cpuTime(l.pid) }
	if rest, err := waitIdle(ctx, cpuTime, l.sent); err != nil || rest.not {
		return run, errors.Join(errors.New("the operator is not idle before the measurement"), err)
	}
	before, err := l.counters(ctx)
	if err != nil {
		return run, err
	}
	cpu, err := cpuTime()
	if err != nil {
		return run, err
	}
	profiled := l.profileOf(ctx, n)
	t, err := issueBatch(ctx, l.admin, namespace.Name, n, func(i int) *cmv1.Certificate {
		crt := newCertificate(namespace.Name, "acme", i, cmv1.ECDSAKeyAlgorithm)
		crt.Spec.DNSNames = []string{fmt.Sprintf("%s.%s.certwright.test", crt.Name, namespace.Name)}
		crt.Spec.IssuerRef = cmmeta.IssuerReference{Kind: cmv1.ClusterIssuerKind, Name: acmeIssuer}
		return crt
	}, func() error { return nil })
	if err != nil {
		return run, err
	}
	rest, err := waitIdle(ctx, cpuTime, l.sent)
	if err != nil {
		return run, err
	}
	if rest.not {
		return run, errors.New("the operator does not come to rest after the last certificate")
	}
	if err := <-profiled; err != nil {
		return run, err
	}
	after, err := l.counters(ctx)
	if err != nil {
		return run, err
	}
	return acmeRun{
		Certificates: n,
		Last:         t.last.Sub(t.first),
		P50:          percentile(t.latencies, 50),
		CPU:          rest.cpu - cpu,
		Requests:     since(after.by(sentMetric, "method"), before.by(sentMetric, "method")),
		CA:           since(after.by(caRequestsMetric, "action"), before.by(caRequestsMetric, "action")),
	}, nil
}

// counters reads the operator's metrics through the API server.
func (l *acmeLab) counters(ctx context.Context) (samples, error) {
	url := fmt.Sprintf("%s/api/v1/namespaces/%s/pods/http:%s:9402/proxy/metrics", l.host, testbed.Namespace, l.pod)
	m, err := scrape(ctx, l.web, url)
	if err != nil {
		return nil, err
	}
	return m, m.has(sentMetric)
}

func (l *acmeLab) sent(ctx context.Context) (float64, error) {
	m, err := l.counters(ctx)
	return sum(m.by(sentMetric, "method")), err
}
