package certificates

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/controllers/certificate"
	"github.com/certwright/certwright/internal/pki"
)

// patch changes a Secret as other programs do.
func (w *world) patch(name string, change func(*corev1.Secret)) {
	w.Helper()
	secret := w.secret(name)
	before := secret.DeepCopy()
	change(secret)
	if err := w.Patch(w.Context(), secret, client.MergeFrom(before), client.FieldOwner("somebody")); err != nil {
		w.Fatal(err)
	}
}

func TestWhatSurroundsTheCertificateFollowsTheSpecWithoutANewOne(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	crt, first := w.issued("web", func(c *cmv1.Certificate) {
		c.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"a": "1", "b": "2"}, Annotations: map[string]string{"example.com/c": "3"}}
		c.Spec.AdditionalOutputFormats = []cmv1.CertificateAdditionalOutputFormat{{Type: cmv1.CertificateOutputFormatDER}}
		c.Spec.Keystores = &cmv1.CertificateKeystores{PKCS12: &cmv1.PKCS12Keystore{Create: true, Password: new("changeit")}}
	})
	w.patch("web", func(s *corev1.Secret) {
		s.Labels["theirs"], s.Annotations["theirs"], s.Data["theirs"] = "yes", "yes", []byte("yes")
	})
	steps := []struct {
		sentence string
		edit     func(*cmv1.Certificate)
		so       func(*corev1.Secret) bool
	}{
		{"a label that is gone from the template vanishes, the other follows", func(c *cmv1.Certificate) {
			c.Spec.SecretTemplate.Labels = map[string]string{"b": "3"}
		}, func(s *corev1.Secret) bool { _, found := s.Labels["a"]; return !found && s.Labels["b"] == "3" }},
		{"without a template nothing is left of it", func(c *cmv1.Certificate) {
			c.Spec.SecretTemplate = nil
		}, func(s *corev1.Secret) bool {
			_, label := s.Labels["b"]
			_, annotation := s.Annotations["example.com/c"]
			return !label && !annotation
		}},
		{"one format takes the place of another", func(c *cmv1.Certificate) {
			c.Spec.AdditionalOutputFormats[0].Type = cmv1.CertificateOutputFormatCombinedPEM
		}, func(s *corev1.Secret) bool { return s.Data["key.der"] == nil && s.Data["tls-combined.pem"] != nil }},
		{"one keystore takes the place of another", func(c *cmv1.Certificate) {
			c.Spec.Keystores = &cmv1.CertificateKeystores{JKS: &cmv1.JKSKeystore{Create: true, Password: new("changeit")}}
		}, func(s *corev1.Secret) bool {
			return s.Data["keystore.p12"] == nil && s.Data["truststore.p12"] == nil && s.Data["keystore.jks"] != nil && s.Data["truststore.jks"] != nil
		}},
		{"keystores that are not wanted any more go", func(c *cmv1.Certificate) {
			c.Spec.Keystores, c.Spec.AdditionalOutputFormats = nil, nil
		}, func(s *corev1.Secret) bool { return len(s.Data) == 4 }},
		{"the Certificate becomes the owner", func(c *cmv1.Certificate) {
			c.Spec.SecretDeletionPolicy = cmv1.SecretDeletionPolicyDelete
		}, func(s *corev1.Secret) bool { return metav1.IsControlledBy(s, crt) }},
		{"and gives it up", func(c *cmv1.Certificate) {
			c.Spec.SecretDeletionPolicy = cmv1.SecretDeletionPolicyRetain
		}, func(s *corev1.Secret) bool { return len(s.OwnerReferences) == 0 }},
	}
	for _, step := range steps {
		w.edit("web", step.edit)
		w.untilSecret("web", step.sentence, step.so)
	}
	now := w.secret("web")
	if !bytes.Equal(now.Data["tls.key"], first.Data["tls.key"]) || !bytes.Equal(now.Data["tls.crt"], first.Data["tls.crt"]) || *w.get("web").Status.Revision != 1 {
		t.Error("there is a new certificate")
	}
	if now.Labels["theirs"] != "yes" || now.Annotations["theirs"] != "yes" || string(now.Data["theirs"]) != "yes" {
		t.Error("what was somebody else's is gone")
	}

	w.patch("web", func(s *corev1.Secret) {
		delete(s.Annotations, "cert-manager.io/alt-names")
		s.Data["ca.crt"] = []byte("garbage")
	})
	w.untilSecret("web", "what somebody took away comes back", func(s *corev1.Secret) bool {
		return s.Annotations["cert-manager.io/alt-names"] == "web.example.com" && bytes.Equal(s.Data["ca.crt"], first.Data["ca.crt"])
	})
}

func TestAnOrdinaryChangeIsOneWrite(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	_, before := w.issued("web", nil)
	w.edit("web", func(c *cmv1.Certificate) {
		c.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"a": "1"}}
	})
	after := w.untilSecret("web", "label", func(s *corev1.Secret) bool { return s.Labels["a"] == "1" })
	w.issued("later", nil) // all that was to come of the edit has come
	if again := w.secret("web"); again.ResourceVersion != after.ResourceVersion || after.ResourceVersion == before.ResourceVersion {
		t.Errorf("resource version %s, %s, %s", before.ResourceVersion, after.ResourceVersion, again.ResourceVersion)
	}
}

func TestTheInstallationMakesOwnersAndTheCertificateHasTheLastWord(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	w.run(nil)
	crt, secret := w.issued("web", nil)
	kept, _ := w.issued("kept", func(c *cmv1.Certificate) { c.Spec.SecretDeletionPolicy = cmv1.SecretDeletionPolicyRetain })
	if len(secret.OwnerReferences) > 0 {
		t.Errorf("owners %v", secret.OwnerReferences)
	}
	w.stop()
	w.run(func(c *certificate.Config) { c.OwnSecrets = true })
	w.untilSecret("web", "owned by the Certificate", func(s *corev1.Secret) bool { return metav1.IsControlledBy(s, crt) })
	w.issued("new", nil)
	if owners := w.secret(kept.Name).OwnerReferences; len(owners) > 0 {
		t.Errorf("owners %v of the one that is to be kept", owners)
	}
	w.stop()
	w.run(nil)
	w.untilSecret("web", "without owner", func(s *corev1.Secret) bool { return len(s.OwnerReferences) == 0 })
}

func TestWhoControlsTheSecretAlreadyStaysIt(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	app := &corev1.ConfigMap{ObjectMeta: w.named("app")}
	w.create(app)
	theirs := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "app", UID: app.UID, Controller: new(true)}
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web", OwnerReferences: []metav1.OwnerReference{theirs}}, Type: corev1.SecretTypeOpaque})
	w.create(w.certificate("web", func(c *cmv1.Certificate) { c.Spec.SecretDeletionPolicy = cmv1.SecretDeletionPolicyDelete }))
	w.says("web", cmmeta.ConditionTrue, `Secret "web" is controlled by ConfigMap "app" and is not deleted together with this Certificate`)
	if note := w.event("web", "SecretNotOurs"); !strings.Contains(note, `ConfigMap "app"`) {
		t.Errorf("event %q", note)
	}
	secret := w.secret("web")
	if diff := cmp.Diff([]metav1.OwnerReference{theirs}, secret.OwnerReferences); diff != "" {
		t.Error(diff)
	}
	if secret.Type != corev1.SecretTypeOpaque || len(secret.Data["tls.crt"]) == 0 {
		t.Errorf("type %s, keys %q", secret.Type, sortedKeys(secret.Data))
	}
}

func TestAForeignCABesideACertificateIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	// An issuer that tells no CA: an outside one, played by the test.
	w.create(w.certificate("web", func(c *cmv1.Certificate) {
		c.Spec.IssuerRef = cmmeta.IssuerReference{Name: "remote", Kind: "Deployment", Group: "apps"}
	}))
	w.sign("web", 1, nil)
	w.ready("web")
	w.patch("web", func(s *corev1.Secret) { s.Data["ca.crt"] = pki.EncodeCertificates(w.ca) })
	w.edit("web", func(c *cmv1.Certificate) {
		c.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"a": "1"}}
	})
	w.untilSecret("web", "label", func(s *corev1.Secret) bool { return s.Labels["a"] == "1" })
	w.renew("web")
	w.sign("web", 2, nil)
	w.revision("web", 2)
	if secret := w.secret("web"); !bytes.Equal(secret.Data["ca.crt"], pki.EncodeCertificates(w.ca)) {
		t.Error("the CA that somebody had put there is gone")
	}
	// One that the issuer tells takes its place, and goes with it.
	w.renew("web")
	w.sign("web", 3, pki.EncodeCertificates(w.ca))
	w.revision("web", 3)
	w.renew("web")
	w.sign("web", 4, nil)
	w.revision("web", 4)
	if secret := w.secret("web"); secret.Data["ca.crt"] != nil {
		// The one who had put it there owns it as well, as it is the same.
		if got := owners(secret, "f:ca.crt"); cmp.Diff([]string{"somebody"}, got) != "" {
			t.Errorf("ca.crt is of %q", got)
		}
	}
}

// owners are the field managers of a key of a Secret.
func owners(secret *corev1.Secret, field string) []string {
	var list []string
	for _, e := range secret.ManagedFields {
		if strings.Contains(e.FieldsV1.GetRawString(), `"`+field+`"`) {
			list = append(list, e.Manager)
		}
	}
	return list
}

// sign answers the request of a revision as an outside issuer.
func (w *world) sign(name string, revision int, ca []byte) {
	w.Helper()
	key := client.ObjectKey{Namespace: w.namespace, Name: name + "-" + string(rune('0'+revision))}
	req := &cmv1.CertificateRequest{}
	w.eventually("request "+key.Name, func() (bool, string) {
		err := w.Get(w.Context(), key, req)
		return err == nil, "nothing"
	})
	_, csr := w.request(name, revision)
	serial, err := pki.NewSerial(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	template, err := pki.Template(csr, pki.Profile{Duration: time.Hour}, serial, time.Now())
	if err != nil {
		w.Fatal(err)
	}
	cert, err := pki.Sign(rand.Reader, template, w.ca, csr.PublicKey, w.key)
	if err != nil {
		w.Fatal(err)
	}
	w.eventually("sign "+key.Name, func() (bool, string) {
		if err := w.Get(w.Context(), key, req); err != nil {
			w.Fatal(err)
		}
		req.Status.Certificate, req.Status.CA = pki.EncodeCertificates(cert), ca
		now := metav1.Now()
		req.Status.Conditions = append(req.Status.Conditions, cmv1.CertificateRequestCondition{
			Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateRequestReasonIssued, LastTransitionTime: &now,
		})
		return w.Status().Update(w.Context(), req) == nil, "conflicts"
	})
}

func TestASecretThatCanNotBeWrittenIsSaidAndHealsByItself(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.issued("web", nil)
	w.patch("web", func(s *corev1.Secret) { s.Immutable = new(true) })
	w.edit("web", func(c *cmv1.Certificate) {
		c.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Annotations: map[string]string{"a": "1"}}
	})
	const immutable = `Secret "web" can not be written: it is immutable; delete it, or name another one in spec.secretName`
	w.edit("web", func(c *cmv1.Certificate) {
		c.Spec.AdditionalOutputFormats = []cmv1.CertificateAdditionalOutputFormat{{Type: cmv1.CertificateOutputFormatDER}}
	})
	w.says("web", cmmeta.ConditionTrue, immutable)
	if note := w.event("web", "WriteRefused"); !strings.Contains(note, immutable) {
		t.Errorf("event %q", note)
	}
	w.edit("web", func(c *cmv1.Certificate) { c.Spec.DNSNames = []string{"other.example.com"} })
	said := w.says("web", cmmeta.ConditionFalse, "changed since the certificate was issued", immutable)
	w.issued("later", nil) // no loop: nothing has been written meanwhile
	if now := w.get("web"); now.ResourceVersion != said.ResourceVersion {
		t.Errorf("written again: %+v", now.Status)
	}
	if err := w.Delete(w.Context(), w.secret("web")); err != nil {
		t.Fatal(err)
	}
	w.ready("web")
	if names := leaf(t, w.secret("web")).DNSNames; names[0] != "other.example.com" {
		t.Errorf("names %q", names)
	}

	w.create(&corev1.Secret{ObjectMeta: w.named("full"), Data: map[string][]byte{"theirs": bytes.Repeat([]byte("x"), corev1.MaxSecretSize)}})
	w.create(w.certificate("full", nil))
	w.says("full", cmmeta.ConditionFalse, `Secret "full" can not be written: data: Too long`, "next attempt within 5 minutes")
	w.patch("full", func(s *corev1.Secret) { s.Data["theirs"] = []byte("less") })
	w.ready("full")
}

func TestAForbiddenWriteIsSaidWithTheWordsOfWhoForbids(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.issued("first", nil)
	quota := &corev1.ResourceQuota{ObjectMeta: w.named("none"), Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/secrets": resource.MustParse("0")}}}
	w.create(quota)
	w.eventually("quota in force", func() (bool, string) {
		if err := w.Get(w.Context(), client.ObjectKeyFromObject(quota), quota); err != nil {
			t.Fatal(err)
		}
		return len(quota.Status.Hard) > 0, "none"
	})
	w.create(w.certificate("web", nil))
	w.says("web", cmmeta.ConditionFalse, "for the next private key can not be created: ", "exceeded quota: none")
	if err := w.Delete(w.Context(), quota); err != nil {
		t.Fatal(err)
	}
	for n := 0; len(w.secret("web").Data) == 0; n++ { // the API server may take a moment to see that the quota is gone
		w.edit("web", func(c *cmv1.Certificate) { c.Labels = map[string]string{"look": strconv.Itoa(n)} })
		w.issued("next-"+strconv.Itoa(n), nil)
	}
	w.ready("web")
}

func TestASpecThatNoRequestCanExpressIsSaid(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.create(w.certificate("web", func(c *cmv1.Certificate) { c.Spec.DNSNames = []string{"bücher.example"} }))
	w.says("web", cmmeta.ConditionFalse, `CertificateRequest "web-1" can not be created: `, `DNS name "bücher.example" has characters outside ASCII`)
	w.edit("web", func(c *cmv1.Certificate) { c.Spec.DNSNames = []string{"xn--bcher-kva.example"} })
	w.ready("web")
}

func TestASecretOfAnUnusualTypeIsUsedAndTold(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.create(&corev1.Secret{ObjectMeta: w.named("web"), Type: "example.com/odd", Data: map[string][]byte{"theirs": []byte("yes")}})
	w.create(w.certificate("web", nil))
	w.says("web", cmmeta.ConditionTrue, `Secret "web" has the type example.com/odd, which can not be changed; delete it to have one of type kubernetes.io/tls`)
	if secret := w.secret("web"); string(secret.Data["theirs"]) != "yes" || len(secret.Data["tls.crt"]) == 0 {
		t.Errorf("keys %q", sortedKeys(secret.Data))
	}
}

func TestATemporaryCertificateStandsInUntilTheRealOneIsThere(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.create(w.certificate("web", func(c *cmv1.Certificate) {
		c.Annotations = map[string]string{cmv1.IssueTemporaryCertificateAnnotation: "true"}
		c.Spec.IssuerRef = cmmeta.IssuerReference{Name: "remote", Kind: "Deployment", Group: "apps"}
		c.Spec.Keystores = &cmv1.CertificateKeystores{JKS: &cmv1.JKSKeystore{Create: true, Password: new("changeit")}}
		c.Spec.AdditionalOutputFormats = []cmv1.CertificateAdditionalOutputFormat{{Type: cmv1.CertificateOutputFormatCombinedPEM}}
	}))
	secret := w.untilSecret("web", "temporary", func(s *corev1.Secret) bool { return len(s.Data["tls.crt"]) > 0 })
	temporary := leaf(t, secret)
	if !pki.IsTemporary(temporary) || temporary.DNSNames[0] != "web.example.com" {
		t.Errorf("certificate %s of %s", temporary.Subject, temporary.Issuer)
	}
	if diff := cmp.Diff([]string{"keystore.jks", "tls-combined.pem", "tls.crt", "tls.key"}, sortedKeys(secret.Data)); diff != "" {
		t.Error(diff)
	}
	if secret.Annotations["cert-manager.io/alt-names"] != "web.example.com" || secret.Annotations["cert-manager.io/issuer-name"] != "remote" {
		t.Errorf("annotations %v", secret.Annotations)
	}
	if crt := w.says("web", cmmeta.ConditionFalse); crt.Status.NotAfter != nil {
		t.Errorf("status %+v", crt.Status)
	}
	w.sign("web", 1, nil)
	w.ready("web")
	issued := w.secret("web")
	if pki.IsTemporary(leaf(t, issued)) || !bytes.Equal(issued.Data["tls.key"], secret.Data["tls.key"]) {
		t.Error("the real certificate is not there, or has another key than the temporary one")
	}
}

func TestRenewalKeepsOrChangesTheKeyAsAskedAndOldRequestsGo(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	_, always := w.issued("always", nil)
	_, never := w.issued("never", func(c *cmv1.Certificate) {
		c.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever
		c.Spec.RevisionHistoryLimit = new(int32(2))
	})
	for n := 2; n <= 3; n++ {
		w.renew("always")
		w.renew("never")
		w.revision("always", n)
		w.revision("never", n)
	}
	if bytes.Equal(always.Data["tls.key"], w.secret("always").Data["tls.key"]) {
		t.Error("the key is the same")
	}
	if now := w.secret("never"); !bytes.Equal(never.Data["tls.key"], now.Data["tls.key"]) || bytes.Equal(never.Data["tls.crt"], now.Data["tls.crt"]) {
		t.Error("the key is not the same, or the certificate is")
	}
	w.eventually("requests", func() (bool, string) {
		var list cmv1.CertificateRequestList
		if err := w.List(w.Context(), &list, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for i := range list.Items {
			names[list.Items[i].Name] = true
		}
		return maps.Equal(names, map[string]bool{"always-3": true, "never-2": true, "never-3": true}), strings.Join(sortedKeys(names), " ")
	})
}

func TestTwoCertificatesOfOneSecretSayWhoHasItAndOneHealsWhenTheOtherGoes(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.issued("first", func(c *cmv1.Certificate) { c.Spec.SecretName = "shared" })
	w.create(w.certificate("second", func(c *cmv1.Certificate) { c.Spec.SecretName = "shared" }))
	w.says("second", cmmeta.ConditionFalse, `Secret "shared" belongs to Certificate "first"`)
	w.says("first", cmmeta.ConditionTrue, `Certificate "second" names the same Secret "shared"`)
	w.event("first", "SecretConflict")
	w.event("second", "SecretConflict")
	if err := w.Delete(w.Context(), w.get("first")); err != nil {
		t.Fatal(err)
	}
	w.ready("second")
	if secret := w.secret("shared"); secret.Annotations["cert-manager.io/certificate-name"] != "second" || leaf(t, secret).DNSNames[0] != "second.example.com" {
		t.Errorf("annotations %v", secret.Annotations)
	}
}

func TestASecretAsThePeerLeavesItIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	text, err := pki.CreateRequest(rand.Reader, pki.Request{DNSNames: []string{"web.example.com"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.DecodeRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	template, err := pki.Template(csr, pki.Profile{Duration: 90 * 24 * time.Hour}, w.ca.SerialNumber, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pki.Sign(rand.Reader, template, w.ca, key.Public(), w.key)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := pki.EncodeKey(key, pki.PKCS1)
	if err != nil {
		t.Fatal(err)
	}
	chain, ca := []*x509.Certificate{cert}, []*x509.Certificate{w.ca}
	p12, err := pki.PKCS12(rand.Reader, pki.LegacyRC2, "changeit", key, chain, ca)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := pki.PKCS12TrustStore(rand.Reader, pki.LegacyRC2, "changeit", ca)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"controller.cert-manager.io/fao": "true", "gone": "from-the-spec"}
	data := map[string][]byte{
		"tls.key": keyPEM, "tls.crt": pki.EncodeCertificates(cert), "ca.crt": pki.EncodeCertificates(w.ca), "keystore.p12": p12, "truststore.p12": trust,
	}
	apply := func() *corev1.Secret {
		peer := applycorev1.Secret("web", w.namespace).WithType(corev1.SecretTypeTLS).WithLabels(labels).WithData(data).
			WithAnnotations(map[string]string{
				"cert-manager.io/alt-names": "web.example.com", "cert-manager.io/certificate-name": "web", "cert-manager.io/common-name": "",
				"cert-manager.io/ip-sans": "", "cert-manager.io/issuer-group": "", "cert-manager.io/issuer-kind": "Issuer", "cert-manager.io/issuer-name": "ca", "cert-manager.io/uri-sans": "",
			})
		if err := w.Apply(w.Context(), peer, client.FieldOwner("cert-manager-certificates-issuing"), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
		return w.secret("web")
	}
	apply()
	// Without its requests and its status, as after a restore.
	w.create(w.certificate("web", func(c *cmv1.Certificate) {
		c.Spec.Keystores = &cmv1.CertificateKeystores{PKCS12: &cmv1.PKCS12Keystore{Create: true, Password: new("changeit")}}
	}))
	w.run(nil)
	w.ready("web")
	secret := w.untilSecret("web", "without what the spec no longer has", func(s *corev1.Secret) bool { return s.Labels["gone"] == "" })
	for key, bytesBefore := range data {
		if !bytes.Equal(secret.Data[key], bytesBefore) {
			t.Errorf("%s is new", key)
		}
	}
	w.stop()
	delete(labels, "gone")
	before := apply()
	w.run(nil)
	w.issued("later", nil)
	if after := w.secret("web"); after.ResourceVersion != before.ResourceVersion {
		t.Error("a Secret that is right was written")
	}
	var list cmv1.CertificateRequestList
	if err := w.List(t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if strings.HasPrefix(list.Items[i].Name, "web-") {
			t.Errorf("request %s", list.Items[i].Name)
		}
	}
}

func TestARestoredSecretIsClaimedSoThatItFollowsTheSpec(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	_, issued := w.issued("web", func(c *cmv1.Certificate) {
		c.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"a": "1"}}
	})
	// A backup tool writes everything in its own name.
	w.stop()
	if err := w.Delete(w.Context(), w.secret("web")); err != nil {
		t.Fatal(err)
	}
	restored := &corev1.Secret{ObjectMeta: w.named("web"), Type: issued.Type, Data: issued.Data}
	restored.Labels, restored.Annotations = issued.Labels, issued.Annotations
	w.create(restored)
	w.run(nil)
	w.untilSecret("web", "ours as well", func(s *corev1.Secret) bool { return len(owners(s, "f:tls.crt")) == 2 })
	if got := w.get("web"); *got.Status.Revision != 1 {
		t.Errorf("revision %d", *got.Status.Revision)
	}
}
