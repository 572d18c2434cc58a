package shim

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

func simpleWant() Want {
	return Want{
		Name:        "web-tls",
		Labels:      map[string]string{"app": "web"},
		Annotations: map[string]string{"example.com/a~b": "c"},
		Spec: cmv1.CertificateSpec{
			SecretName: "web-tls",
			DNSNames:   []string{"web.example.com"},
			IssuerRef:  cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"},
			Usages:     cmv1.DefaultKeyUsages(),
		},
	}
}

func mustMerge(t *testing.T, existing *cmv1.Certificate, want Want) *cmv1.Certificate {
	t.Helper()
	merged, err := merge(existing, want)
	if err != nil {
		t.Fatal(err)
	}
	return merged
}

func TestCreatedCertificateHasWhatIsWantedAndIsThenLeftAlone(t *testing.T) {
	t.Parallel()
	want := simpleWant()
	crt, err := create(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Spec, crt.Spec); diff != "" {
		t.Errorf("spec differs (-want +got):\n%s", diff)
	}
	if crt.Labels["app"] != "web" || crt.Annotations["example.com/a~b"] != "c" {
		t.Errorf("labels %v, annotations %v", crt.Labels, crt.Annotations)
	}
	if again := mustMerge(t, crt, want); again != crt {
		t.Errorf("a second look changes it:\n%s", cmp.Diff(crt, again))
	}
}

func TestMergeSetsWhatIsWantedRemovesWhatItSetAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	first := simpleWant()
	first.Labels["tier"] = "front"
	first.Spec.Duration = &metav1.Duration{Duration: 720 * time.Hour}
	first.Spec.PrivateKey = &cmv1.CertificatePrivateKey{Algorithm: cmv1.ECDSAKeyAlgorithm, Size: 384}
	first.Spec.Subject = &cmv1.X509Subject{Organizations: []string{"Example"}}
	crt, err := create(first)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else adds what no annotation can say, and what one could.
	crt.Labels["theirs"] = "yes"
	crt.Annotations["example.com/theirs"] = "yes"
	crt.Spec.AdditionalOutputFormats = []cmv1.CertificateAdditionalOutputFormat{{Type: "DER"}}
	crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever
	crt.Status.Revision = new(int)
	crt.Finalizers = []string{"example.com/theirs"}

	second := simpleWant()
	second.Annotations = nil
	second.Spec.DNSNames = []string{"other.example.com"}
	second.Spec.PrivateKey = &cmv1.CertificatePrivateKey{Algorithm: cmv1.RSAKeyAlgorithm}
	before := crt.DeepCopy()
	got := mustMerge(t, crt, second)
	if diff := cmp.Diff(before, crt); diff != "" {
		t.Errorf("merge changed its input:\n%s", diff)
	}

	expect := before.DeepCopy()
	delete(expect.Labels, "tier")
	delete(expect.Annotations, "example.com/a~b")
	expect.Annotations[FieldsAnnotation] = got.Annotations[FieldsAnnotation]
	expect.Spec.DNSNames = []string{"other.example.com"}
	expect.Spec.Duration, expect.Spec.Subject = nil, nil
	expect.Spec.PrivateKey = &cmv1.CertificatePrivateKey{Algorithm: cmv1.RSAKeyAlgorithm, RotationPolicy: cmv1.RotationPolicyNever}
	if diff := cmp.Diff(expect, got); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	if want := `["/metadata/labels/app","/spec/dnsNames","/spec/issuerRef/group","/spec/issuerRef/kind","/spec/issuerRef/name","/spec/privateKey/algorithm","/spec/secretName","/spec/usages"]`; got.Annotations[FieldsAnnotation] != want {
		t.Errorf("set fields are %s, want %s", got.Annotations[FieldsAnnotation], want)
	}
}

func TestMergeSetsBackWhatSomebodyChanged(t *testing.T) {
	t.Parallel()
	crt, err := create(simpleWant())
	if err != nil {
		t.Fatal(err)
	}
	crt.Spec.DNSNames = nil
	if got := mustMerge(t, crt, simpleWant()); !cmp.Equal(got.Spec.DNSNames, []string{"web.example.com"}) {
		t.Errorf("names are %v", got.Spec.DNSNames)
	}
}

func TestTakingOverACertificateRemovesNothing(t *testing.T) {
	t.Parallel()
	crt := &cmv1.Certificate{Spec: simpleWant().Spec}
	crt.Spec.IssuerRef = cmmeta.IssuerReference{Name: "ca"} // the same issuer in fewer words
	crt.Spec.Duration = &metav1.Duration{Duration: 720 * time.Hour}
	got := mustMerge(t, crt, simpleWant())
	if diff := cmp.Diff(crt.Spec, got.Spec); diff != "" {
		t.Errorf("spec changed:\n%s", diff)
	}
	if got.Annotations[FieldsAnnotation] == "" {
		t.Error("the certificate does not say that it is taken over")
	}
}

func TestMergeRemovesNothingButItsOwnKindsOfFields(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{
		`not json`, `{"a":1}`, `["/metadata/ownerReferences","/metadata/name","/status/revision","/kind",""]`, `["/spec"]`, `["/spec/dnsNames/0","/spec/a/b/c"]`,
	} {
		crt, err := create(simpleWant())
		if err != nil {
			t.Fatal(err)
		}
		crt.Name, crt.Status.Revision = "web-tls", new(int)
		crt.Kind = "Certificate"
		crt.OwnerReferences = []metav1.OwnerReference{{Name: "web", UID: "1"}}
		expect := crt.DeepCopy()
		crt.Annotations[FieldsAnnotation] = mark
		if diff := cmp.Diff(expect, mustMerge(t, crt, simpleWant())); diff != "" {
			t.Errorf("mark %s (-want +got):\n%s", mark, diff)
		}
	}
}

func FuzzMergeConvergesWhateverTheMarkSays(f *testing.F) {
	f.Add(`["/spec/dnsNames","/metadata/labels/app"]`)
	f.Add(`["/spec/issuerRef/name/x","/spec//","/metadata/annotations/~1~0~"]`)
	f.Fuzz(func(t *testing.T, mark string) {
		crt := &cmv1.Certificate{Spec: simpleWant().Spec}
		crt.Annotations = map[string]string{FieldsAnnotation: mark}
		once := mustMerge(t, crt, simpleWant())
		if diff := cmp.Diff(simpleWant().Spec, once.Spec); diff != "" {
			t.Fatalf("spec differs from what is wanted:\n%s", diff)
		}
		if twice := mustMerge(t, once, simpleWant()); twice != once {
			t.Fatalf("a second merge changes it:\n%s", cmp.Diff(once, twice))
		}
	})
}

// A ListenerSet whose HTTPRoutes go to its own listeners again has a parent in
// its own namespace, and no namespace of another one beside it.
func TestParentNamespaceThatTheOperatorBeforeForgotIsRemoved(t *testing.T) {
	t.Parallel()
	want := simpleWant()
	want.Annotations = map[string]string{}
	parent{kind: "Gateway", name: "edge", namespace: "infra"}.annotate(want.Annotations)
	crt := mustMerge(t, &cmv1.Certificate{}, want)
	delete(crt.Annotations, FieldsAnnotation)

	parent{kind: "ListenerSet", name: "shop"}.annotate(want.Annotations)
	delete(want.Annotations, acmev1.ACMECertificateHTTP01ParentRefNamespace)
	got := mustMerge(t, crt, want).Annotations
	delete(got, FieldsAnnotation)
	if diff := cmp.Diff(want.Annotations, got); diff != "" {
		t.Errorf("annotations differ (-want +got):\n%s", diff)
	}

	// That of an Ingress' Certificate is somebody else's.
	crt.Annotations = map[string]string{acmev1.ACMECertificateHTTP01ParentRefNamespace: "infra"}
	if got := mustMerge(t, crt, simpleWant()).Annotations; got[acmev1.ACMECertificateHTTP01ParentRefNamespace] != "infra" {
		t.Errorf("annotations of an Ingress' Certificate: %v", got)
	}
}
