package lifecycle

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// String is an action as transcripts show it.
func (a CreateRevocation) String() string {
	text := fmt.Sprintf("{%s of %d: %s", a.Name, a.Certificate.SerialNumber, a.Reason)
	if a.Hold > 0 {
		text += fmt.Sprintf(", hold %s", a.Hold)
	}
	if a.ClusterNamespace {
		text += ", in the cluster resource namespace"
	}
	return text + "}"
}

func policyWorld(policy cmv1.RevocationPolicy) *certificateWorld {
	w := newCertificateWorld()
	w.crt.Spec.RevocationPolicy = policy
	return w
}

func (s *story) deleted() {
	s.tell("the Certificate is deleted")
	s.crt.DeletionTimestamp = stamp(s.now)
}

// Which certificates are revoked unasked, and when, as stories.
func TestRevocationPolicyTranscripts(t *testing.T) {
	t.Parallel()
	ofClusterIssuer := func(s *story) { s.crt.Spec.IssuerRef.Kind = cmv1.ClusterIssuerKind }
	for name, story := range map[string]struct {
		policy  cmv1.RevocationPolicy
		happens func(s *story)
		revoked int // Revocations in the end
	}{
		"never": {cmv1.RevocationPolicyNever, func(s *story) {
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.issued(90 * day)
			s.deleted()
			s.rest()
		}, 0},
		"replaced": {cmv1.RevocationPolicyOnReplace, func(s *story) {
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.issued(90 * day)
		}, 1},
		"replaced-and-kept-as-history": {cmv1.RevocationPolicyOnReplace, func(s *story) {
			s.crt.Spec.RevisionHistoryLimit = new(int32(3))
			s.pruned = true
			for range 3 {
				s.issued(90 * day)
				s.now = s.rest().Wake
			}
			s.issued(90 * day)
		}, 0},
		"replaced-when-expired": {cmv1.RevocationPolicyOnReplace, func(s *story) {
			s.crt.Spec.Renewal = &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyDisabled}
			s.issued(90 * day)
			s.now = s.now.Add(100 * day)
			s.crt.Spec.DNSNames = []string{"www.example.com"}
			s.issued(90 * day)
		}, 0},
		"replaced-and-refused": {cmv1.RevocationPolicyOnReplace, func(s *story) {
			s.refused = true
			s.issued(90 * day)
			s.crt.Spec.DNSNames = []string{"www.example.com"}
			s.issued(90 * day)
			s.crt.Spec.DNSNames = []string{"api.example.com"}
			s.issued(90 * day)
			s.refused = false
			s.tell("the quota is raised")
			s.now = s.now.Add(refusedRetry)
			s.rest()
		}, 2},
		"deleted": {cmv1.RevocationPolicyOnDelete, func(s *story) {
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.issued(90 * day)
			s.deleted()
			s.rest()
		}, 1},
		"deleted-soon-after-it-was-replaced": {cmv1.RevocationPolicyOnReplace, func(s *story) {
			s.issued(90 * day)
			s.refused = true
			s.crt.Spec.DNSNames = []string{"www.example.com"}
			s.issued(90 * day)
			s.refused = false
			s.deleted()
			s.rest()
		}, 2},
		"deleted-with-its-secret": {cmv1.RevocationPolicyOnDelete, func(s *story) {
			s.issued(90 * day)
			s.secret = nil
			s.deleted()
			s.rest()
		}, 1},
		"deleted-with-somebody-elses-certificate-in-its-secret": {cmv1.RevocationPolicyOnDelete, func(s *story) {
			s.issued(90 * day)
			other := newCertificateWorld()
			other.keySeed, other.serial = 7, 41
			other.issue(s.t, 90*day)
			s.secret = &storedObject{s.secret.labels, s.secret.annotations, map[string][]byte{TLSKey: s.secret.data[TLSKey], TLSCert: other.secret.data[TLSCert]}}
			s.deleted()
			s.rest()
		}, 1},
		"deleted-before-its-new-certificate-is-stored": {cmv1.RevocationPolicyOnDelete, func(s *story) {
			s.issued(90 * day)
			s.crt.Spec.DNSNames = []string{"www.example.com"}
			s.rest()
			s.sign(s.t, s.pending(), 90*day)
			s.deleted()
			s.rest()
		}, 2},
		"deleted-when-expired": {cmv1.RevocationPolicyOnDelete, func(s *story) {
			s.crt.Spec.Renewal = &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyDisabled}
			s.issued(90 * day)
			s.now = s.now.Add(100 * day)
			s.deleted()
			s.rest()
		}, 0},
		"deleted-and-refused": {cmv1.RevocationPolicyOnDelete, func(s *story) {
			s.issued(90 * day)
			s.refused = true
			s.deleted()
			for !s.finalized {
				s.now = s.rest().Wake
			}
		}, 0},
		"deleted-with-its-namespace": {cmv1.RevocationPolicyOnDelete, func(s *story) {
			s.issued(90 * day)
			s.terminating = true
			s.deleted()
			s.rest()
		}, 0},
		"deleted-with-its-namespace-but-not-its-issuer": {cmv1.RevocationPolicyOnDelete, func(s *story) {
			ofClusterIssuer(s)
			s.issued(90 * day)
			s.terminating = true
			s.deleted()
			s.rest()
		}, 1},
		"taken-back": {cmv1.RevocationPolicyOnReplace, func(s *story) {
			s.issued(90 * day)
			s.crt.Spec.RevocationPolicy = ""
			s.rest()
			s.deleted()
			s.rest()
		}, 0},
		"taken-back-during-the-deletion": {cmv1.RevocationPolicyOnDelete, func(s *story) {
			s.issued(90 * day)
			s.refused = true
			s.deleted()
			s.rest()
			s.crt.Spec.RevocationPolicy = cmv1.RevocationPolicyNever
			s.rest()
		}, 0},
		"not-installed": {cmv1.RevocationPolicyOnReplace, func(s *story) {
			s.absent = true
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.issued(90 * day)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, policyWorld(story.policy))
			story.happens(s)
			text := revocationNames.ReplaceAllString(strings.Join(s.lines, "\n")+"\n", "${1}web-(hash)")
			compareTranscript(t, "revocationpolicy-"+name, text)
			if len(s.revocations) != story.revoked {
				t.Errorf("%d Revocations, want %d", len(s.revocations), story.revoked)
			}
			if s.crt.DeletionTimestamp != nil && len(s.crt.Finalizers) > 0 {
				t.Error("the Certificate is kept for ever")
			}
		})
	}
}

// revocationNames are those of Revocations, which have the hash of a certificate,
// whose key is another one at every run.
var revocationNames = regexp.MustCompile(`(CreateRevocation\{|Revocation:|Revocation ")web-[a-z2-7]{10}`)

func newStory(t *testing.T, w *certificateWorld) *story {
	return &story{certificateWorld: w, t: t}
}

// The process may die at every write, before and after: each replaced
// certificate gets its Revocation, once, and never before its successor is
// stored.
func TestReplacedCertificatesAreRevokedThroughCrashesAtEveryWrite(t *testing.T) {
	t.Parallel()
	for _, crash := range []crashPoint{crashBeforeAction, crashBeforeStatus, crashBeforeEvents} {
		for at := range 24 {
			w := policyWorld(cmv1.RevocationPolicyOnReplace)
			w.issue(t, 90*day)
			w.crt.Spec.DNSNames = []string{"www.example.com"}
			replaced := map[string]bool{string(w.readSecret().Leaf().Raw): true}
			for pass := range 80 {
				c := noCrash
				if pass == at {
					c = crash
				}
				w.stepOn(t, w.see(), c)
				if req := w.pending(); req != nil {
					w.sign(t, req, 90*day)
				}
				if pass == 12 { // in the middle of what there is to do
					if leaf := w.readSecret().Leaf(); leaf != nil {
						replaced[string(leaf.Raw)] = true
					}
					w.crt.Spec.DNSNames = []string{"api.example.com"}
				}
			}
			delete(replaced, string(w.readSecret().Leaf().Raw))
			for _, a := range w.revocations {
				if !replaced[string(a.Certificate.Raw)] {
					t.Errorf("crash %d at pass %d: a certificate is revoked that was not replaced", crash, at)
				}
				delete(replaced, string(a.Certificate.Raw))
			}
			if len(replaced) > 0 {
				t.Errorf("crash %d at pass %d: %d certificates were forgotten", crash, at, len(replaced))
			}
		}
	}
}

// Whatever the API server does, a Certificate is gone ten minutes after it was
// deleted.
func TestDeletionIsNeverHeldUpForLongerThanTenMinutes(t *testing.T) {
	t.Parallel()
	for _, ready := range []func(w *certificateWorld){
		func(w *certificateWorld) { w.refused = true },
		func(w *certificateWorld) { w.terminating = true },
		func(w *certificateWorld) { w.absent = true },
		func(w *certificateWorld) { w.terminating, w.crt.Spec.SecretName = true, "lost" },
	} {
		for _, policy := range []cmv1.RevocationPolicy{cmv1.RevocationPolicyOnDelete, cmv1.RevocationPolicyOnReplace} {
			w := policyWorld(policy)
			w.issue(t, 90*day)
			ready(w)
			w.crt.DeletionTimestamp = stamp(w.now)
			end := w.now.Add(10 * time.Minute)
			for !w.finalized {
				d, _ := w.step(t)
				switch {
				case w.finalized:
				case !d.Wake.After(w.now):
					t.Fatalf("%s: not woken: %+v", policy, d)
				default:
					w.now = d.Wake
				}
				if w.now.After(end) {
					t.Fatalf("%s: held up until %s", policy, w.now)
				}
			}
		}
	}
}

func TestRevocationOfAPolicyHasNoOwnerAndNamesItsCertificate(t *testing.T) {
	t.Parallel()
	w := policyWorld(cmv1.RevocationPolicyOnReplace)
	w.issue(t, 90*day)
	cert := w.readSecret().Leaf()
	a := CreateRevocation{
		RevocableCertificate: RevocableCertificate{Certificate: cert, IssuerRef: cmmeta.IssuerReference{Name: "ca", Kind: cmv1.ClusterIssuerKind}},
		Name:                 RevocationName(strings.Repeat("w", 253), cert), Reason: v1alpha1.Superseded, Policy: cmv1.RevocationPolicyOnReplace, Hold: DefaultRevocationHold,
	}
	rev := BuildRevocation(w.crt, a, "shop")
	if len(rev.OwnerReferences) != 0 || rev.Annotations[cmv1.CertificateNameKey] != "web" || rev.Labels[RevocationPolicyLabel] != "OnReplace" || len(rev.Name) > 253 {
		t.Errorf("metadata %+v", rev.ObjectMeta)
	}
	certs, err := pki.DecodeCertificates([]byte(rev.Spec.Target.PEM))
	if err != nil || !certs[0].Equal(cert) || rev.Spec.Target.IssuerRef.Kind != cmv1.ClusterIssuerKind {
		t.Errorf("target %+v, %v", rev.Spec.Target, err)
	}
	if rev.Spec.Reissue != v1alpha1.ReissueNo || rev.Spec.Hold.Duration != 5*time.Minute || rev.Spec.Reason != v1alpha1.Superseded {
		t.Errorf("spec %+v", rev.Spec)
	}
}

// What a namespace's Revocations say about the certificate in the Secret.
func TestSeeRevocations(t *testing.T) {
	t.Parallel()
	at := metav1.NewTime(simStart)
	over := func(kind string) []metav1.Condition {
		return []metav1.Condition{{Type: kind, Status: metav1.ConditionTrue}}
	}
	rows := []struct {
		sentence string
		rev      v1alpha1.Revocation
		want     RevokedSeen
	}{
		{"that it was asked to end", v1alpha1.Revocation{Spec: v1alpha1.RevocationSpec{Reissue: v1alpha1.ReissueNo}}, RevokedSeen{Ended: &EndedSeen{Name: "r"}}},
		{"that it has ended", v1alpha1.Revocation{Status: v1alpha1.RevocationStatus{RevokedAt: &at, Conditions: over(v1alpha1.RevocationRevoked)}}, RevokedSeen{Ended: &EndedSeen{Name: "r", At: simStart}}},
		{"nothing if it was given up", v1alpha1.Revocation{Status: v1alpha1.RevocationStatus{Conditions: over(v1alpha1.RevocationFailed)}}, RevokedSeen{}},
		{"nothing while the replacement is awaited", v1alpha1.Revocation{Spec: v1alpha1.RevocationSpec{Reissue: v1alpha1.ReissueFirst}}, RevokedSeen{}},
		{"that it is revoked, if it is there again after that", v1alpha1.Revocation{
			Spec: v1alpha1.RevocationSpec{Reissue: v1alpha1.ReissueFirst, Reason: v1alpha1.KeyCompromise}, Status: v1alpha1.RevocationStatus{RevokedAt: &at},
		}, RevokedSeen{Known: true, Revoked: true, At: simStart, Reason: "keyCompromise", Compromise: true}},
		{"that it is revoked, if a policy asked for that", v1alpha1.Revocation{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{RevocationPolicyLabel: "OnDelete"}},
			Spec:       v1alpha1.RevocationSpec{Reissue: v1alpha1.ReissueNo, Reason: v1alpha1.CessationOfOperation}, Status: v1alpha1.RevocationStatus{RevokedAt: &at},
		}, RevokedSeen{Known: true, Revoked: true, At: simStart, Reason: "cessationOfOperation"}},
	}
	for _, row := range rows {
		row.rev.Name = "r"
		got := SeeRevocations([]v1alpha1.Revocation{row.rev})
		if (got.Ended == nil) != (row.want.Ended == nil) || (got.Ended != nil && *got.Ended != *row.want.Ended) {
			t.Errorf("%s: ended %+v", row.sentence, got.Ended)
		}
		got.Ended, row.want.Ended = nil, nil
		if got != row.want {
			t.Errorf("%s: %+v, want %+v", row.sentence, got, row.want)
		}
	}
}
