package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// milestones are the API writes of one issuance through an Ingress, as they can
// be seen in the objects.
var milestones = []string{
	"Certificate created",
	"issuance begun",
	"next key created",
	"request created",
	"request approved",
	"order created",
	"order placed",
	"authorizations known",
	"challenge created",
	"pod created",
	"service created",
	"ingress created",
	"presented",
	"challenge valid",
	"order valid",
	"request issued",
	"Secret applied",
	"Certificate ready",
}

// reached names the writes that an object shows.
func reached(o client.Object) []string {
	switch o := o.(type) {
	case *cmv1.Certificate:
		return reachedByCertificate(o)
	case *cmv1.CertificateRequest:
		return reachedByRequest(o)
	case *acmev1.Order:
		return reachedByOrder(o)
	case *acmev1.Challenge:
		names := []string{"challenge created"}
		if o.Status.Presented {
			names = append(names, "presented")
		}
		if o.Status.State == acmev1.Valid {
			names = append(names, "challenge valid")
		}
		return names
	case *corev1.Secret:
		if o.Labels[cmv1.IsNextPrivateKeySecretLabelKey] == "true" {
			return []string{"next key created"}
		}
		if o.Name == siteSecret && len(o.Data[corev1.TLSCertKey]) > 0 {
			return []string{"Secret applied"}
		}
	}
	if o.GetLabels()[acmev1.SolverIdentificationLabelKey] != "true" {
		return nil
	}
	switch o.(type) {
	case *corev1.Pod:
		return []string{"pod created"}
	case *corev1.Service:
		return []string{"service created"}
	case *networkingv1.Ingress:
		return []string{"ingress created"}
	}
	return nil
}

func reachedByCertificate(c *cmv1.Certificate) []string {
	names := []string{"Certificate created"}
	if condition(c, cmv1.CertificateConditionIssuing).Status == cmmeta.ConditionTrue {
		names = append(names, "issuance begun")
	}
	if condition(c, cmv1.CertificateConditionReady).Status == cmmeta.ConditionTrue {
		names = append(names, "Certificate ready")
	}
	return names
}

func reachedByRequest(r *cmv1.CertificateRequest) []string {
	names := []string{"request created"}
	for _, c := range r.Status.Conditions {
		if c.Status != cmmeta.ConditionTrue {
			continue
		}
		switch c.Type {
		case cmv1.CertificateRequestConditionApproved:
			names = append(names, "request approved")
		case cmv1.CertificateRequestConditionReady:
			names = append(names, "request issued")
		default:
		}
	}
	return names
}

func reachedByOrder(o *acmev1.Order) []string {
	names := []string{"order created"}
	if o.Status.URL != "" {
		names = append(names, "order placed")
	}
	if len(o.Status.Authorizations) > 0 {
		names = append(names, "authorizations known")
	}
	if o.Status.State == acmev1.Valid {
		names = append(names, "order valid")
	}
	return names
}

// watchMilestones tells of the writes that are seen in the namespace, each
// once.
func (j *journey) watchMilestones(ctx context.Context) <-chan string {
	j.Helper()
	objects, err := cache.New(j.config, cache.Options{
		Scheme:            j.api.Scheme(),
		DefaultNamespaces: map[string]cache.Config{j.namespace: {}},
	})
	if err != nil {
		j.Fatal(err)
	}
	seen := make(chan string, 1000) // no object has that many versions
	tell := func(o any) {
		object, ok := o.(client.Object)
		if !ok {
			return
		}
		for _, name := range reached(object) {
			select {
			case seen <- name:
			case <-ctx.Done():
			}
		}
	}
	for _, kind := range []client.Object{
		&cmv1.Certificate{}, &cmv1.CertificateRequest{}, &acmev1.Order{}, &acmev1.Challenge{},
		&corev1.Secret{}, &corev1.Pod{}, &corev1.Service{}, &networkingv1.Ingress{},
	} {
		informer, err := objects.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			j.Fatal(err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    tell,
			UpdateFunc: func(_, o any) { tell(o) },
		}); err != nil {
			j.Fatal(err)
		}
	}
	go func() { _ = objects.Start(ctx) }() // ends with ctx
	if !objects.WaitForCacheSync(ctx) {
		j.Fatal("the watches did not start")
	}
	return seen
}

// Not parallel: it kills the operator, and counts all orders at the CA.
//
// Some writes follow each other faster than a process can be killed from
// outside, now and then many of them: then what was proved is true, but it is
// less than the test promises, and it is done again. The simulator of
// internal/lifecycle has every single write.
func TestOperatorKilledAfterEachWriteEndsInOneOrder(t *testing.T) {
	const tries = 3
	least := len(milestones) / 2
	kills := 0
	for range tries {
		if kills = issueUnderKills(t); kills >= least || t.Failed() {
			break
		}
	}
	if kills < least {
		t.Errorf("killed %d times in one issuance, want at least %d", kills, least)
	}
}

// issueUnderKills has a certificate issued, kills the operator after each write
// it sees, and says how often it did.
func issueUnderKills(t *testing.T) int {
	t.Helper()
	j := newJourney(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	before, err := j.ordersAtCA(ctx)
	if err != nil {
		t.Fatal(err)
	}
	running, err := j.operator(ctx)
	if err != nil {
		t.Fatal(err)
	}
	seen := j.watchMilestones(ctx)
	j.site()

	passed := map[string]bool{}
	kills := 0
	// Kills that may have come between the CA's answer to a new order and the
	// write of its URL. The order is placed again then, and Pebble, unlike
	// Boulder, makes another one of it: see internal/lifecycle/order.go.
	placing := 0
	for !passed["Certificate ready"] {
		select {
		case name := <-seen:
			if passed[name] {
				continue
			}
			if err := j.kill(ctx, running); err != nil {
				t.Fatalf("after %s: %v", name, err)
			}
			kills++
			// What was written between this write and the kill was not
			// followed by a kill of its own.
			together := []string{name}
			passed[name] = true
			if running, err = j.operator(ctx); err != nil {
				t.Fatalf("after %s: %v", name, err)
			}
			if !passed["order placed"] && passed["order created"] {
				placing++
			}
			for len(seen) > 0 {
				if name := <-seen; !passed[name] {
					passed[name] = true
					together = append(together, name)
				}
			}
			t.Logf("killed after %q", together)
		case <-ctx.Done():
			t.Fatalf("no certificate after %d kills; so far: %v", kills, passed)
		}
	}

	c := j.untilReady(siteSecret, issueLimit)
	answer := j.untilServed()
	j.untilClean()
	for _, name := range milestones {
		if !passed[name] {
			t.Errorf("never saw %q", name)
		}
	}
	after, err := j.ordersAtCA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if placed := after - before; placed < 1 || placed > 1+placing {
		t.Errorf("the CA has %d orders for one certificate, %d kills", after-before, kills)
	}
	if c.Status.Revision == nil || *c.Status.Revision != 1 {
		t.Errorf("the Certificate has revision %v, want 1", c.Status.Revision)
	}
	requests, err := j.names(t.Context(), &cmv1.CertificateRequestList{}, client.InNamespace(j.namespace))
	if err != nil || !slices.Equal(requests, []string{siteSecret + "-1"}) {
		t.Errorf("there are the requests %q: %v", requests, err)
	}
	if again := j.untilServed(); !again.Chain[0].Equal(answer.Chain[0]) {
		t.Error("another certificate is served after a while")
	}
	return kills
}
