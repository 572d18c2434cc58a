package orders

import (
	"crypto/rand"
	"net/http"
	"net/url"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/controllers/certificate"
	"github.com/certwright/certwright/controllers/challenge"
	"github.com/certwright/certwright/controllers/issuer"
	"github.com/certwright/certwright/controllers/order"
	"github.com/certwright/certwright/controllers/request"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/test/operator"
)

// run runs all controllers that a certificate needs until the test ends, with
// the accounts of the issuers themselves, and further controllers.
func (w *world) run(further ...func(ctrl.Manager, issuers.Registry, *kube.Secrets) error) {
	w.t.Helper()
	o := operator.New(w.t, w.config, scheme(w.t), w.namespace)
	mgr, secrets := o.Manager, o.Secrets
	signers, accounts := o.Issuers(w.clock)
	checker, err := http01.NewChecker(http01.CheckerConfig{DialContext: w.dial, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, err := range []error{
		certificate.Setup(mgr, certificate.Config{
			Clock: w.clock, Random: rand.Reader, Secrets: secrets, ClusterResourceNamespace: w.namespace,
			CopiedAnnotations: lifecycle.DefaultCopiedAnnotations, RenewalInfo: accounts,
		}),
		request.Setup(mgr, request.Config{Signers: signers, Secrets: secrets, Clock: w.clock}),
		issuer.Setup(mgr, issuer.Config{Signers: signers, Secrets: secrets, Clock: w.clock, ClusterResourceNamespace: w.namespace, Lost: accounts.Lost}),
		order.Setup(mgr, order.Config{Clients: accounts, Clock: w.clock}),
		challenge.Setup(mgr, challenge.Config{Clients: accounts, Checker: checker, Solver: http01.DefaultOptions("solver:test"), Clock: w.clock}),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	for _, setup := range further {
		if err := setup(mgr, signers, secrets); err != nil {
			w.t.Fatal(err)
		}
	}
	o.Start()
}

// operator runs the order and the challenge controller, with the account that
// the test has registered, until it is stopped, or the test ends.
func (w *world) operator() (stop func()) {
	w.t.Helper()
	counted := rest.CopyConfig(w.config)
	counted.Wrap(w.writes.wrap)
	o := operator.New(w.t, counted, scheme(w.t), w.namespace, w.also...)
	look := http01.CheckerConfig{DialContext: w.dial, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	if w.nameservers != nil {
		look.DialContext, look.Nameservers = nil, w.nameservers
	}
	checker, err := http01.NewChecker(look)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, err := range []error{
		order.Setup(o.Manager, order.Config{Clients: w, SharedResponder: w.shared, Limits: w.limits}),
		challenge.Setup(o.Manager, challenge.Config{Clients: w, Checker: checker, Solver: http01.DefaultOptions("solver:test"), MaxConcurrent: w.slots, Shared: w.responder(), DNS01: w.dns01, Clock: w.clock, Namespaces: append([]string{w.namespace}, w.also...)}),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return o.Start()
}
