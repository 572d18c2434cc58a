package certificates

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

func inSecret(name, key string) cmmeta.SecretKeySelector {
	return cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name}, Key: key}
}

// bothStores asks for a keystore of each format with passwords in a Secret.
func bothStores(c *cmv1.Certificate) {
	c.Spec.Keystores = &cmv1.CertificateKeystores{
		JKS:    &cmv1.JKSKeystore{Create: true, PasswordSecretRef: inSecret("password", "jks")},
		PKCS12: &cmv1.PKCS12Keystore{Create: true, PasswordSecretRef: inSecret("password", "p12")},
	}
}

var storeKeys = []string{"keystore.jks", "keystore.p12", "truststore.jks", "truststore.p12"}

func sameStores(a, b *corev1.Secret) map[string]bool {
	same := map[string]bool{}
	for _, key := range storeKeys {
		same[key] = len(a.Data[key]) > 0 && bytes.Equal(a.Data[key], b.Data[key])
	}
	return same
}

func TestKeystoresAreWrittenAnewOnlyWhenWhatTheyAreMadeOfChanges(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	passwords := &corev1.Secret{ObjectMeta: w.named("password"), StringData: map[string]string{"jks": "first-one", "p12": "first-two"}}
	w.create(passwords)
	_, before := w.issued("web", bothStores)
	right := func(secret *corev1.Secret, alias, jks string, profile pki.PKCS12Profile, p12 string) bool {
		key, chain, ca := material(t, secret)
		return pki.SameJKS(secret.Data["keystore.jks"], alias, jks, key, chain, ca) && pki.SameJKSTrustStore(secret.Data["truststore.jks"], jks, ca) &&
			pki.SamePKCS12(rand.Reader, secret.Data["keystore.p12"], profile, p12, key, chain, ca) && pki.SamePKCS12TrustStore(rand.Reader, secret.Data["truststore.p12"], profile, p12, ca)
	}
	if !right(before, "", "first-one", pki.LegacyRC2, "first-two") {
		t.Error("the first stores are not as asked for")
	}
	for _, step := range []struct {
		sentence string
		do       func()
		so       func(*corev1.Secret) bool
		same     []string
	}{
		{"a label", func() {
			w.edit("web", func(c *cmv1.Certificate) {
				c.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"a": "1"}}
			})
		}, func(s *corev1.Secret) bool { return s.Labels["a"] == "1" }, storeKeys},
		{"the Secret of the passwords, but not they", func() {
			w.patch("password", func(s *corev1.Secret) { s.Annotations = map[string]string{"look": "again"} })
			w.edit("web", func(c *cmv1.Certificate) { c.Spec.SecretTemplate.Labels["a"] = "2" })
		}, func(s *corev1.Secret) bool { return s.Labels["a"] == "2" }, storeKeys},
		{"a restart", func() {
			w.stop()
			w.run(nil)
			w.edit("web", func(c *cmv1.Certificate) { c.Spec.SecretTemplate.Labels["a"] = "3" })
		}, func(s *corev1.Secret) bool { return s.Labels["a"] == "3" }, storeKeys},
		{"the password of one", func() {
			w.patch("password", func(s *corev1.Secret) { s.Data["jks"] = []byte("second-one") })
		}, func(s *corev1.Secret) bool { return right(s, "", "second-one", pki.LegacyRC2, "first-two") }, []string{"keystore.p12", "truststore.p12"}},
		{"the alias", func() {
			w.edit("web", func(c *cmv1.Certificate) { c.Spec.Keystores.JKS.Alias = new("web") })
		}, func(s *corev1.Secret) bool { return right(s, "web", "second-one", pki.LegacyRC2, "first-two") }, storeKeys[1:]},
		{"the profile", func() {
			w.edit("web", func(c *cmv1.Certificate) { c.Spec.Keystores.PKCS12.Profile = cmv1.Modern2023PKCS12Profile })
		}, func(s *corev1.Secret) bool { return right(s, "web", "second-one", pki.Modern2023, "first-two") }, []string{"keystore.jks", "truststore.jks"}},
		{"somebody who breaks one", func() {
			w.patch("web", func(s *corev1.Secret) { s.Data["keystore.p12"] = []byte("garbage") })
		}, func(s *corev1.Secret) bool { return right(s, "web", "second-one", pki.Modern2023, "first-two") }, []string{"keystore.jks", "truststore.jks", "truststore.p12"}},
		{"a new certificate", func() { w.renew("web"); w.revision("web", 2) },
			func(s *corev1.Secret) bool { return right(s, "web", "second-one", pki.Modern2023, "first-two") }, []string{"truststore.jks", "truststore.p12"}},
	} {
		step.do()
		after := w.untilSecret("web", "after a change of "+step.sentence, step.so)
		same := sameStores(before, after)
		for _, key := range step.same {
			if !same[key] {
				t.Errorf("a change of %s has written %s anew", step.sentence, key)
			}
		}
		before = after
	}
}

func TestAMissingPasswordIsSaidAndNothingElseWaitsForIt(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.create(w.certificate("web", bothStores))
	const missing = `keystore.jks is not up to date: Secret "password" with its password does not exist`
	said := w.says("web", cmmeta.ConditionTrue, "Certificate is up to date and has not expired; "+missing, `keystore.p12 is not up to date: Secret "password"`)
	if note := w.event("web", "keystorePasswordSecretNotFound"); !strings.Contains(note, missing) {
		t.Errorf("event %q", note)
	}
	if secret := w.secret("web"); len(secret.Data) != 3 {
		t.Errorf("keys %q", sortedKeys(secret.Data))
	}
	w.issued("later", nil) // no loop meanwhile
	if now := w.get("web"); now.ResourceVersion != said.ResourceVersion {
		t.Errorf("written again: %+v", now.Status)
	}
	w.create(&corev1.Secret{ObjectMeta: w.named("password"), StringData: map[string]string{"jks": "changeit"}})
	w.says("web", cmmeta.ConditionTrue, `keystore.p12 is not up to date: Secret "password" has no key "p12" with its password`)
	w.untilSecret("web", "with one", func(s *corev1.Secret) bool { return s.Data["keystore.jks"] != nil && s.Data["keystore.p12"] == nil })
	w.patch("password", func(s *corev1.Secret) { s.Data["jks"], s.Data["p12"] = []byte("пароль"), []byte("changeit") })
	before := w.untilSecret("web", "with both", func(s *corev1.Secret) bool { return s.Data["keystore.p12"] != nil })
	w.says("web", cmmeta.ConditionTrue, "keystore.jks is not up to date: create Java keystore: the password has characters outside Latin-1")
	if now := w.get("web"); strings.Contains(fmt.Sprint(now.Status), "пароль") {
		t.Error("the password is in the Certificate")
	}

	// What is there stays while its password is gone, also over a renewal.
	if err := w.Delete(w.Context(), &corev1.Secret{ObjectMeta: w.named("password")}); err != nil {
		t.Fatal(err)
	}
	w.says("web", cmmeta.ConditionTrue, missing)
	w.renew("web")
	w.revision("web", 2)
	for key, same := range sameStores(before, w.secret("web")) {
		if !same {
			t.Errorf("%s is gone or new", key)
		}
	}
}

// The programs that people use have the last word on what is in the Secret.
func TestJavaAndOpenSSLReadTheSecret(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	_, secret := w.issued("web", func(c *cmv1.Certificate) {
		c.Spec.Keystores = &cmv1.CertificateKeystores{
			JKS:    &cmv1.JKSKeystore{Create: true, Password: new("changeit")},
			PKCS12: &cmv1.PKCS12Keystore{Create: true, Profile: cmv1.Modern2023PKCS12Profile, Password: new("changeit")},
		}
		c.Spec.AdditionalOutputFormats = []cmv1.CertificateAdditionalOutputFormat{{Type: cmv1.CertificateOutputFormatDER}, {Type: cmv1.CertificateOutputFormatCombinedPEM}}
	})
	dir := t.TempDir()
	for key, data := range secret.Data {
		if err := os.WriteFile(filepath.Join(dir, key), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ command, want string }{
		{"openssl verify -CAfile ca.crt tls.crt", "tls.crt: OK"},
		{"openssl x509 -in tls-combined.pem -noout -checkend 60", "will not expire"},
		{"openssl pkey -in tls-combined.pem -noout -check", "is valid"},
		{"openssl pkey -in key.der -inform DER -noout -check", "is valid"},
		{"openssl pkcs12 -in keystore.p12 -passin pass:changeit -nokeys -info", "AES-256-CBC"},
		{"keytool -list -keystore keystore.jks -storepass changeit", "certificate, "},
		{"keytool -list -keystore truststore.jks -storepass changeit", "trustedCertEntry"},
		{"keytool -list -keystore keystore.p12 -storetype PKCS12 -storepass changeit", "PrivateKeyEntry"},
		{"keytool -list -keystore truststore.p12 -storetype PKCS12 -storepass changeit", "trustedCertEntry"},
	} {
		words := strings.Fields(row.command)
		if _, err := exec.LookPath(words[0]); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is needed: %v", words[0], err)
			}
			t.Logf("%s is not installed", words[0])
			continue
		}
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), row.want) {
			t.Errorf("%s: %v\n%s", row.command, err, out)
		}
	}
}
