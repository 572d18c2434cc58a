package rotation_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// many is how many certificates a rotation concerns: two and a half rounds.
const many = 25

// referee watches the Certificates while they are issued anew, and holds them
// to the rules. It sees every write in the order in which the API server made
// them.
type referee struct {
	t     *testing.T
	watch watch.Interface
	over  chan struct{}

	rank    map[string]int // 0 expires first
	issuing map[string]bool
	begun   map[string]int
	done    int
	most    int
	reached map[int]chan struct{} // closed when so many are done
}

func (w *world) referee(byExpiry []string) *referee {
	w.t.Helper()
	var list cmv1.CertificateList
	watching, err := w.Watch(w.t.Context(), &list, client.InNamespace(w.namespace))
	w.check(err)
	r := &referee{
		t: w.t, watch: watching, over: make(chan struct{}),
		rank: map[string]int{}, issuing: map[string]bool{}, begun: map[string]int{},
		reached: map[int]chan struct{}{5: make(chan struct{}), len(byExpiry): make(chan struct{})},
	}
	for i, name := range byExpiry {
		r.rank[name] = i
	}
	go r.run()
	return r
}

func (r *referee) run() {
	defer close(r.over)
	for e := range r.watch.ResultChan() {
		crt, ok := e.Object.(*cmv1.Certificate)
		if !ok {
			continue
		}
		if _, known := r.rank[crt.Name]; known {
			r.see(crt)
		}
	}
}

func (r *referee) see(crt *cmv1.Certificate) {
	is := lifecycle.IsIssuing(&crt.Status)
	switch was := r.issuing[crt.Name]; {
	case is && !was:
		r.begun[crt.Name]++
		r.issuing[crt.Name] = true
		r.most = max(r.most, len(r.issuing))
		if reason := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionIssuing).Reason; reason != cmv1.CertificateReasonCARotated {
			r.t.Errorf("%s is issued because of %s", crt.Name, reason)
		}
		if !isMarked(crt) {
			r.t.Errorf("%s is issued anew and not marked", crt.Name)
		}
		// When so many are done, only the next ten may have begun.
		if r.rank[crt.Name] >= r.done+lifecycle.MaxReissues {
			r.t.Errorf("%s is number %d by expiry and begins when %d are done", crt.Name, r.rank[crt.Name], r.done)
		}
	case !is && was:
		delete(r.issuing, crt.Name)
		r.done++
		if c, found := r.reached[r.done]; found {
			close(c)
		}
	}
}

// await waits until so many are done.
func (r *referee) await(w *world, n int) {
	w.t.Helper()
	select {
	case <-r.reached[n]:
	case <-time.After(90 * time.Second):
		w.t.Fatalf("%d certificates were not issued anew in time", n)
	}
}

func (r *referee) verdict() {
	r.t.Helper()
	r.watch.Stop()
	<-r.over
	if r.most > lifecycle.MaxReissues {
		r.t.Errorf("%d under way at the same time", r.most)
	}
	for name := range r.rank {
		if r.begun[name] != 1 {
			r.t.Errorf("%s was issued anew %d times", name, r.begun[name])
		}
	}
}

func TestCertificatesOfAFormerCAAreIssuedAnewTenAtATime(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"by one operator": false, "by an operator that is restarted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rotate(t, restart)
		})
	}
}

func rotate(t *testing.T, restart bool) {
	w := newWorld(t)
	former, present := w.root("shop CA", nil), w.root("shop CA", nil)
	w.put("ca", former)
	w.issuer("ca", cmv1.CAIssuer{SecretName: "ca", ReissueOnRotation: true})
	w.start()
	var byExpiry []string
	for i := range many {
		name := fmt.Sprintf("web-%02d", (i*7+3)%many) // names say nothing about the order
		w.certificate(name, cmmeta.IssuerReference{Name: "ca"}, time.Duration(30+i)*24*time.Hour, nil)
		byExpiry = append(byExpiry, name)
	}
	w.untilHealed(func(string) *x509.Certificate { return former.cert })
	w.ahead.Store(int64(10 * time.Minute)) // no Certificate is issued twice within five

	r := w.referee(byExpiry)
	w.put("ca", present)
	if restart {
		r.await(w, 5)
		w.start()
	}
	r.await(w, many)
	w.untilHealed(func(string) *x509.Certificate { return present.cert })
	r.verdict()
	w.untilEvent("ca", "CARotated", "The CA has changed. Certificates are signed by \"CN=shop CA\"")

	// Whatever is still to come would come before the next certificate is
	// issued, of a Secret that has changed without its CA.
	before := w.versions()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "ca"}}
	w.check(w.Patch(t.Context(), secret, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"seen":"by hand"}}}`))))
	w.certificate("last", cmmeta.IssuerReference{Name: "ca"}, 24*time.Hour, nil)
	w.untilHealed(func(string) *x509.Certificate { return present.cert })
	after := w.versions()
	for name := range after {
		if strings.Contains(name, "last") {
			delete(after, name)
		}
	}
	delete(before, "secret ca")
	delete(after, "secret ca")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("writes after the rotation:\n%s", diff)
	}
}

// issuer creates an Issuer with a CA.
func (w *world) issuer(name string, ca cmv1.CAIssuer) {
	w.t.Helper()
	w.check(w.Create(w.t.Context(), &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &ca}},
	}))
}

// untilEvent waits for an event of an object.
func (w *world) untilEvent(name, reason, text string) {
	w.t.Helper()
	w.until("event "+reason, func(ctx context.Context) (string, error) {
		var list eventsv1.EventList
		// Those about what has no namespace are in the namespace "default".
		if err := w.List(ctx, &list); err != nil {
			return "", err
		}
		for i := range list.Items {
			if e := &list.Items[i]; e.Regarding.Name == name && e.Reason == reason && strings.Contains(e.Note, text) {
				return "", nil
			}
		}
		return "not there", nil
	})
}

func TestCertificatesOfAFormerCAAreKeptAndMarkedWithoutTheOption(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	former, present := w.root("shop CA", nil), w.root("shop CA", nil)
	w.put("ca", former)
	w.issuer("ca", cmv1.CAIssuer{SecretName: "ca"})
	w.start()
	w.certificate("web", cmmeta.IssuerReference{Name: "ca"}, 30*24*time.Hour, nil)
	w.untilHealed(func(string) *x509.Certificate { return former.cert })
	w.ahead.Store(int64(10 * time.Minute))
	before, _, err := w.stored(t.Context(), "web")
	w.check(err)

	w.put("ca", present)
	crt := &cmv1.Certificate{}
	key := client.ObjectKey{Namespace: w.namespace, Name: "web"}
	w.until("mark", func(ctx context.Context) (string, error) {
		if err := w.Get(ctx, key, crt); err != nil || isMarked(crt) {
			return "", err
		}
		return "not marked", nil
	})
	if ready := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionReady); ready.Status != cmmeta.ConditionTrue {
		t.Errorf("Ready %+v", ready)
	}
	after, _, err := w.stored(t.Context(), "web")
	w.check(err)
	if !after[0].Equal(before[0]) {
		t.Error("issued anew")
	}
	// The option, set later, heals it.
	issuer := &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "ca"}}
	w.check(w.Patch(t.Context(), issuer, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"ca":{"reissueOnRotation":true}}}`))))
	w.untilHealed(func(string) *x509.Certificate { return present.cert })
}

func TestCAThatIsRenewedWithItsKeyIsBroughtIntoTheSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	former := w.root("shop CA", nil)
	renewed := w.root("shop CA", former.key)
	w.put("ca", former)
	w.issuer("ca", cmv1.CAIssuer{SecretName: "ca", ReissueOnRotation: true})
	w.start()
	w.certificate("web", cmmeta.IssuerReference{Name: "ca"}, 30*24*time.Hour, nil)
	w.untilHealed(func(string) *x509.Certificate { return former.cert })
	w.ahead.Store(int64(10 * time.Minute))
	before, _, err := w.stored(t.Context(), "web")
	w.check(err)

	w.put("ca", renewed)
	w.until("ca.crt", func(ctx context.Context) (string, error) {
		_, ca, err := w.stored(ctx, "web")
		if err == nil && !ca[0].Equal(renewed.cert) {
			return "still the former one", nil
		}
		return "", err
	})
	after, _, err := w.stored(t.Context(), "web")
	w.check(err)
	if !slices.EqualFunc(before, after, (*x509.Certificate).Equal) {
		t.Error("tls.crt has changed")
	}
	w.untilHealed(func(string) *x509.Certificate { return renewed.cert })
}

// A root behind a ClusterIssuer, an intermediate, and leaves of that: when the
// root is replaced, so is everything below, level by level, and then no more.
func TestRotationOfARootGoesDownAChainOfCAs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	former, present := w.root("root", nil), w.root("root", nil)
	w.put("root-"+w.namespace, former)
	// The name of the namespace is not in use by other tests.
	cluster := &cmv1.ClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "root-" + w.namespace, ReissueOnRotation: true}}},
	}
	w.check(w.Create(t.Context(), cluster))
	t.Cleanup(func() {
		if err := w.Delete(context.Background(), cluster); err != nil {
			t.Error(err)
		}
	})
	w.issuer("int", cmv1.CAIssuer{SecretName: "int", ReissueOnRotation: true})
	w.start()
	w.certificate("int", cmmeta.IssuerReference{Name: w.namespace, Kind: cmv1.ClusterIssuerKind}, 300*24*time.Hour,
		func(s *cmv1.CertificateSpec) { s.IsCA, s.CommonName = true, "int" })
	for i := range 3 {
		w.certificate(fmt.Sprintf("web-%d", i), cmmeta.IssuerReference{Name: "int"}, 30*24*time.Hour, nil)
	}
	// intermediate is the one that is in its Secret now.
	signers := func(root authority) func(string) *x509.Certificate {
		return func(name string) *x509.Certificate {
			if name == "int" {
				return root.cert
			}
			chain, _, err := w.stored(t.Context(), "int")
			w.check(err)
			return chain[0]
		}
	}
	w.untilHealed(signers(former))
	w.ahead.Store(int64(10 * time.Minute))
	w.put("root-"+w.namespace, present)
	w.untilHealed(signers(present))
	for i := range 3 {
		chain, ca, err := w.stored(t.Context(), fmt.Sprintf("web-%d", i))
		w.check(err)
		if len(chain) != 2 || chain[1].CheckSignatureFrom(present.cert) != nil || !ca[0].Equal(present.cert) {
			t.Errorf("chain of %d certificates, ca.crt of %s", len(chain), ca[0].SerialNumber)
		}
		crt := &cmv1.Certificate{}
		w.check(w.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: fmt.Sprintf("web-%d", i)}, crt))
		if *crt.Status.Revision != 2 {
			t.Errorf("revision %d, want 2", *crt.Status.Revision)
		}
	}
}
