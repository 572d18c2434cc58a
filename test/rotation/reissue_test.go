package rotation_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// campaign creates a Reissue.
func (w *world) campaign(spec v1alpha1.ReissueSpec) *v1alpha1.Reissue {
	w.t.Helper()
	r := &v1alpha1.Reissue{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "campaign"}, Spec: spec}
	w.check(w.Create(w.t.Context(), r))
	return r
}

// untilReissue waits until a campaign is in a phase, and what its status says
// besides holds.
func (w *world) untilReissue(phase v1alpha1.ReissuePhase, holds func(*v1alpha1.ReissueStatus) bool) v1alpha1.ReissueStatus {
	w.t.Helper()
	r := &v1alpha1.Reissue{}
	w.until("campaign "+string(phase), func(ctx context.Context) (string, error) {
		if err := w.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: "campaign"}, r); err != nil {
			return "", err
		}
		if r.Status.Phase == phase && (holds == nil || holds(&r.Status)) {
			return "", nil
		}
		return fmt.Sprintf("%+v", r.Status), nil
	})
	return r.Status
}

// leaves are the certificates in the Secrets, by name.
func (w *world) leaves(names []string) map[string]*x509.Certificate {
	w.t.Helper()
	out := map[string]*x509.Certificate{}
	for _, name := range names {
		chain, _, err := w.stored(w.t.Context(), name)
		w.check(err)
		out[name] = chain[0]
	}
	return out
}

// issueMany has Certificates issued by a CA, one after the other due to expire.
func (w *world) issueMany(n int, ca cmv1.CAIssuer, change func(*cmv1.CertificateSpec)) (names []string) {
	w.t.Helper()
	root := w.root("shop CA", nil)
	w.put("ca", root)
	w.issuer("ca", ca)
	w.start()
	for i := range n {
		name := fmt.Sprintf("web-%02d", (i*7+3)%n)
		w.certificate(name, cmmeta.IssuerReference{Name: "ca"}, time.Duration(30+i)*24*time.Hour, change)
		names = append(names, name)
	}
	w.untilHealed(func(string) *x509.Certificate { return root.cert })
	return names
}

// asked follows the Certificates of a campaign: how often each was asked for,
// and how many at the same time at most.
type asked struct {
	t     *testing.T
	watch watch.Interface
	over  chan struct{}
	now   map[string]bool
	begun map[string]int
	order []string
	most  int
}

func (w *world) followAsked() *asked {
	w.t.Helper()
	watching, err := w.Watch(w.t.Context(), &cmv1.CertificateList{}, client.InNamespace(w.namespace))
	w.check(err)
	a := &asked{t: w.t, watch: watching, over: make(chan struct{}), now: map[string]bool{}, begun: map[string]int{}}
	go func() {
		defer close(a.over)
		for e := range watching.ResultChan() {
			if crt, is := e.Object.(*cmv1.Certificate); is {
				a.see(crt)
			}
		}
	}()
	return a
}

func (a *asked) see(crt *cmv1.Certificate) {
	is, was := lifecycle.ReplacementAsked(&crt.Status), a.now[crt.Name]
	switch {
	case is && !was:
		a.now[crt.Name] = true
		a.begun[crt.Name]++
		a.order = append(a.order, crt.Name)
		a.most = max(a.most, len(a.now))
		message := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionIssuing).Message
		if !strings.Contains(message, `Reissue "`+crt.Namespace+`/campaign" asks for another certificate`) {
			a.t.Errorf("%s: Issuing says %q", crt.Name, message)
		}
	case !is:
		delete(a.now, crt.Name)
	}
}

func (a *asked) stop() {
	a.watch.Stop()
	<-a.over
}

func TestCampaignIssuesAnewWithOtherKeysAtItsPaceOverARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := w.issueMany(30, cmv1.CAIssuer{SecretName: "ca"}, func(s *cmv1.CertificateSpec) { s.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever })
	before := w.leaves(names)
	follow := w.followAsked()
	w.campaign(v1alpha1.ReissueSpec{Selector: v1alpha1.ReissueSelector{IssuerRef: &cmmeta.IssuerReference{Name: "ca"}}, MaxInFlight: 5})
	// The status is written every five seconds, so the Certificates tell.
	w.until("a third", func(ctx context.Context) (string, error) {
		var list cmv1.CertificateList
		err := w.List(ctx, &list, client.InNamespace(w.namespace))
		n := 0
		for i := range list.Items {
			if list.Items[i].Status.Reissue != nil {
				n++
			}
		}
		if n < 10 {
			return fmt.Sprintf("%d begun", n), err
		}
		return "", err
	})
	w.start()
	s := w.untilReissue(v1alpha1.ReissueDone, nil)
	follow.stop()
	if s.Selected != 30 || s.Done != 30 || s.Failed != 0 || s.Remaining != 0 || s.InFlight != 0 || !meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ReissueReady) {
		t.Errorf("status %+v", s)
	}
	if follow.most > 5 {
		t.Errorf("%d under way at the same time", follow.most)
	}
	for i, name := range follow.order {
		if rank := rankOf(names, name); rank >= i+5 || i >= rank+5 {
			t.Errorf("%s is number %d by expiry and was begun as number %d", name, rank, i)
		}
	}
	for name, leaf := range w.leaves(names) {
		if follow.begun[name] != 1 {
			t.Errorf("%s was begun %d times", name, follow.begun[name])
		}
		if pki.SameKey(leaf.PublicKey, before[name].PublicKey) {
			t.Errorf("%s has its former key", name)
		}
		crt := &cmv1.Certificate{}
		w.check(w.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, crt))
		if *crt.Status.Revision != 2 {
			t.Errorf("%s has revision %d", name, *crt.Status.Revision)
		}
	}
	w.untilEvent("campaign", "Started", "30 certificates are to be issued anew")
	w.untilEvent("campaign", "Done", "30 certificates have been issued anew")

	// A campaign that is over costs nothing.
	r := &v1alpha1.Reissue{}
	w.check(w.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "campaign"}, r))
	version := r.ResourceVersion
	w.certificate("last", cmmeta.IssuerReference{Name: "ca"}, 24*time.Hour, nil)
	w.until("last certificate", func(ctx context.Context) (string, error) {
		crt := &cmv1.Certificate{}
		if err := w.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: "last"}, crt); err != nil {
			return "", err
		}
		return unhealed(crt), nil
	})
	w.check(w.Get(t.Context(), client.ObjectKeyFromObject(r), r))
	if r.ResourceVersion != version {
		t.Errorf("written after its end: %+v", r.Status)
	}
}

func rankOf(names []string, name string) int {
	for i, other := range names {
		if other == name {
			return i
		}
	}
	return -1
}

func TestCampaignRevokesWhatItHasReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := w.issueMany(6, cmv1.CAIssuer{SecretName: "ca", CRL: &cmv1.CAIssuerCRL{}}, nil)
	before := w.leaves(names)
	w.campaign(v1alpha1.ReissueSpec{
		Selector: v1alpha1.ReissueSelector{Labels: &metav1.LabelSelector{}},
		Revoke:   &v1alpha1.ReissueRevoke{Reason: v1alpha1.CessationOfOperation, Hold: &metav1.Duration{}},
	})
	s := w.untilReissue(v1alpha1.ReissueDone, nil)
	if s.Done != 6 || s.Revoked != 6 || s.Failed != 0 {
		t.Errorf("status %+v", s)
	}
	var list v1alpha1.RevocationList
	w.check(w.List(t.Context(), &list, client.InNamespace(w.namespace)))
	if len(list.Items) != 6 {
		t.Errorf("%d Revocations", len(list.Items))
	}
	var secret corev1.Secret
	w.check(w.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "ca-crl"}, &secret))
	revoked := map[string]int{}
	for key, der := range secret.Data {
		if !strings.HasSuffix(key, ".crl") {
			continue
		}
		crl, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		for i := range crl.RevokedCertificateEntries {
			revoked[crl.RevokedCertificateEntries[i].SerialNumber.String()] = crl.RevokedCertificateEntries[i].ReasonCode
		}
	}
	want := map[string]int{}
	for _, leaf := range before {
		want[leaf.SerialNumber.String()] = 5
	}
	if diff := cmp.Diff(want, revoked); diff != "" {
		t.Errorf("revoked serial numbers with reasons (-want +got):\n%s", diff)
	}
	for name, leaf := range w.leaves(names) {
		if leaf.Equal(before[name]) {
			t.Errorf("%s was not issued anew", name)
		}
	}
}

func TestDryRunSaysWhatWouldBeDoneAndCanBeMadeToDoIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := w.issueMany(4, cmv1.CAIssuer{SecretName: "ca"}, nil)
	before := w.leaves(names)
	leaked := names[2]
	hash, err := pki.KeyHash(before[leaked].PublicKey)
	w.check(err)
	r := w.campaign(v1alpha1.ReissueSpec{Selector: v1alpha1.ReissueSelector{PublicKeyHash: hash}, DryRun: true, PerHour: new(int32(60))})
	s := w.untilReissue(v1alpha1.ReissuePlanned, nil)
	want := []v1alpha1.ReissueCertificate{{Name: w.namespace + "/" + leaked, State: v1alpha1.ReissueNext}}
	if diff := cmp.Diff(want, s.Certificates); diff != "" || s.Selected != 1 || s.Remaining != 1 || s.StartedAt != nil {
		t.Errorf("status %+v\nlist (-want +got):\n%s", s, diff)
	}
	if message := meta.FindStatusCondition(s.Conditions, v1alpha1.ReissueReady).Message; message != "1 certificate would be issued anew" {
		t.Errorf("Ready says %q", message)
	}
	w.check(w.Patch(t.Context(), r, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"dryRun":false}}`))))
	if s = w.untilReissue(v1alpha1.ReissueDone, nil); s.Done != 1 {
		t.Errorf("status %+v", s)
	}
	for name, leaf := range w.leaves(names) {
		if leaf.Equal(before[name]) == (name == leaked) {
			t.Errorf("%s: issued anew is %v", name, !leaf.Equal(before[name]))
		}
	}
}
