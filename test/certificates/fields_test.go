package certificates

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"software.sslmate.com/src/go-pkcs12"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// outcome is what came of a Certificate.
type outcome struct {
	*testing.T

	crt    *cmv1.Certificate
	secret *corev1.Secret
	leaf   *x509.Certificate
	csr    *x509.CertificateRequest
	req    *cmv1.CertificateRequest
}

func (o *outcome) same(what string, want, got any) {
	o.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		o.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (o *outcome) annotation(key, want string) {
	o.Helper()
	if got, found := o.secret.Annotations["cert-manager.io/"+key]; !found || got != want {
		o.Errorf("annotation %s is %q, %v, want %q", key, got, found, want)
	}
}

// pemType is the type of the first PEM block.
func (o *outcome) pemType(key string) string {
	o.Helper()
	block, _ := pem.Decode(o.secret.Data[key])
	if block == nil {
		o.Fatalf("%s is no PEM", key)
	}
	return block.Type
}

func (o *outcome) extension(id ...int) []byte {
	for _, e := range o.leaf.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier(id)) {
			return e.Value
		}
	}
	return nil
}

// fieldCase is a Certificate that shows what a field of its spec does.
type fieldCase struct {
	field string // as in JSON, without "spec."
	name  string // besides the field
	set   func(*cmv1.Certificate)
	check func(*outcome)
}

func key(algorithm cmv1.PrivateKeyAlgorithm, size int, encoding cmv1.PrivateKeyEncoding) func(*cmv1.Certificate) {
	return func(c *cmv1.Certificate) {
		c.Spec.PrivateKey = &cmv1.CertificatePrivateKey{Algorithm: algorithm, Size: size, Encoding: encoding}
	}
}

func isKey(spec pki.KeySpec, block string) func(*outcome) {
	return func(o *outcome) {
		if err := pki.KeyFits(o.leaf.PublicKey, spec); err != nil {
			o.Error(err)
		}
		o.same("PEM block", block, o.pemType("tls.key"))
	}
}

var fieldCases = []fieldCase{
	{"secretName", "", func(c *cmv1.Certificate) { c.Spec.SecretName = "elsewhere" }, func(o *outcome) {
		o.same("name", "elsewhere", o.secret.Name)
		o.same("type", corev1.SecretTypeTLS, o.secret.Type)
		o.same("label", "true", o.secret.Labels["controller.cert-manager.io/fao"])
		o.annotation("certificate-name", o.crt.Name)
		for _, list := range []string{"common-name", "ip-sans", "uri-sans"} {
			o.annotation(list, "") // always there
		}
		o.same("keys", []string{"ca.crt", "tls.crt", "tls.key"}, sortedKeys(o.secret.Data))
	}},
	{"issuerRef", "", nil, func(o *outcome) {
		o.annotation("issuer-name", "ca")
		o.annotation("issuer-kind", "Issuer")
		o.annotation("issuer-group", "")
		o.same("issuer", "CN=root", o.leaf.Issuer.String())
		ca, err := pki.DecodeCertificates(o.secret.Data["ca.crt"])
		if err != nil {
			o.Fatal(err)
		}
		if err := o.leaf.CheckSignatureFrom(ca[0]); err != nil {
			o.Error(err)
		}
	}},
	{"commonName", "", func(c *cmv1.Certificate) { c.Spec.CommonName = "shop" }, func(o *outcome) {
		o.same("subject", "CN=shop", o.leaf.Subject.String())
		o.annotation("common-name", "shop")
		o.annotation("alt-names", "")
	}},
	{"subject", "", func(c *cmv1.Certificate) {
		c.Spec.CommonName = "shop"
		c.Spec.Subject = &cmv1.X509Subject{
			Organizations: []string{"Shop, Inc."}, OrganizationalUnits: []string{"web", "ops"}, Countries: []string{"NL"},
			Localities: []string{"Delft"}, Provinces: []string{"ZH"}, StreetAddresses: []string{"Main St 1"}, PostalCodes: []string{"2611"}, SerialNumber: "42",
		}
	}, func(o *outcome) {
		s := o.leaf.Subject
		o.same("organization", []string{"Shop, Inc."}, s.Organization)
		o.same("units", []string{"ops", "web"}, s.OrganizationalUnit) // as DER sorts them
		o.same("rest", []string{"NL", "Delft", "ZH", "Main St 1", "2611", "42"},
			slices.Concat(s.Country, s.Locality, s.Province, s.StreetAddress, s.PostalCode, []string{s.SerialNumber}))
		o.annotation("subject-organizations", `"Shop, Inc."`)
		o.annotation("subject-organizationalunits", "ops,web")
		for name, want := range map[string]string{"countries": "NL", "localities": "Delft", "provinces": "ZH", "streetaddresses": "Main St 1", "postalcodes": "2611", "serialnumber": "42"} {
			o.annotation("subject-"+name, want)
		}
	}},
	{"literalSubject", "", func(c *cmv1.Certificate) {
		c.Spec.LiteralSubject = `CN=shop+UID=7,OU=web\, shop,DC=example,DC=com`
	}, func(o *outcome) {
		want, err := pki.ParseLiteralSubject(o.crt.Spec.LiteralSubject)
		if err != nil {
			o.Fatal(err)
		}
		if !bytes.Equal(o.leaf.RawSubject, want) {
			o.Errorf("subject %s", o.leaf.Subject)
		}
		o.annotation("common-name", "shop")
	}},
	{"dnsNames", "", func(c *cmv1.Certificate) {
		c.Spec.DNSNames = []string{"shop.example.com", "*.shop.example.com"}
	}, func(o *outcome) {
		o.same("names", o.crt.Spec.DNSNames, o.leaf.DNSNames)
		o.annotation("alt-names", "shop.example.com,*.shop.example.com")
		o.same("subject", "", o.leaf.Subject.String())
	}},
	{"ipAddresses", "", func(c *cmv1.Certificate) { c.Spec.IPAddresses = []string{"192.0.2.7", "2001:db8::7"} }, func(o *outcome) {
		o.annotation("ip-sans", "192.0.2.7,2001:db8::7")
		if len(o.leaf.IPAddresses) != 2 || o.leaf.IPAddresses[1].String() != "2001:db8::7" {
			o.Errorf("addresses %v", o.leaf.IPAddresses)
		}
	}},
	{"uris", "", func(c *cmv1.Certificate) { c.Spec.URIs = []string{"spiffe://example.com/a,b"} }, func(o *outcome) {
		o.annotation("uri-sans", `"spiffe://example.com/a,b"`)
		o.same("URI", "spiffe://example.com/a,b", o.leaf.URIs[0].String())
	}},
	{"emailAddresses", "", func(c *cmv1.Certificate) { c.Spec.EmailAddresses = []string{"ops@example.com"} }, func(o *outcome) {
		o.annotation("email-sans", "ops@example.com")
		o.same("addresses", []string{"ops@example.com"}, o.leaf.EmailAddresses)
	}},
	{"otherNames", "", func(c *cmv1.Certificate) {
		c.Spec.OtherNames = []cmv1.OtherName{{OID: "1.3.6.1.4.1.311.20.2.3", UTF8Value: "üser@example.com"}}
	}, func(o *outcome) {
		if !bytes.Contains(o.extension(2, 5, 29, 17), []byte("üser@example.com")) {
			o.Error("not among the alternative names")
		}
	}},
	{"duration", "", func(c *cmv1.Certificate) { c.Spec.Duration = &metav1.Duration{Duration: 36 * time.Hour} }, func(o *outcome) {
		o.same("lifetime", 36*time.Hour, o.leaf.NotAfter.Sub(o.leaf.NotBefore))
		o.same("status.notAfter", o.leaf.NotAfter.Unix(), o.crt.Status.NotAfter.Unix())
		o.same("status.notBefore", o.leaf.NotBefore.Unix(), o.crt.Status.NotBefore.Unix())
		o.same("renewal", o.leaf.NotAfter.Add(-12*time.Hour).Unix(), o.crt.Status.RenewalTime.Unix())
	}},
	{"renewBefore", "", func(c *cmv1.Certificate) { c.Spec.RenewBefore = &metav1.Duration{Duration: 7 * time.Hour} }, func(o *outcome) {
		o.same("renewal", o.leaf.NotAfter.Add(-7*time.Hour).Unix(), o.crt.Status.RenewalTime.Unix())
	}},
	{"renewBeforePercentage", "", func(c *cmv1.Certificate) { c.Spec.RenewBeforePercentage = new(int32(25)) }, func(o *outcome) {
		o.same("renewal", o.leaf.NotAfter.Add(-o.leaf.NotAfter.Sub(o.leaf.NotBefore)/4).Unix(), o.crt.Status.RenewalTime.Unix())
	}},
	{"renewal", "policy", func(c *cmv1.Certificate) {
		c.Spec.Renewal = &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyDisabled}
	}, func(o *outcome) {
		if o.crt.Status.RenewalTime != nil {
			o.Errorf("renewal at %s", o.crt.Status.RenewalTime)
		}
	}},
	{"renewal", "windows", func(c *cmv1.Certificate) {
		c.Spec.Renewal = &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyRenewBefore, Windows: []cmv1.CertificateRenewalWindows{
			{Cron: "30 3 * * *", Timezone: "Europe/Amsterdam", WindowDuration: &metav1.Duration{Duration: time.Second}},
		}}
	}, func(o *outcome) {
		zone, err := time.LoadLocation("Europe/Amsterdam")
		if err != nil {
			o.Fatal(err)
		}
		o.same("renewal", "03:30:00", o.crt.Status.RenewalTime.In(zone).Format(time.TimeOnly))
	}},
	{"privateKey", "default", func(c *cmv1.Certificate) { c.Spec.PrivateKey = nil }, isKey(pki.KeySpec{Algorithm: pki.RSA, Size: 2048}, "RSA PRIVATE KEY")},
	{"privateKey", "rsa-pkcs8", key(cmv1.RSAKeyAlgorithm, 3072, cmv1.PKCS8), isKey(pki.KeySpec{Algorithm: pki.RSA, Size: 3072}, "PRIVATE KEY")},
	{"privateKey", "ecdsa", key(cmv1.ECDSAKeyAlgorithm, 0, ""), isKey(pki.KeySpec{Algorithm: pki.ECDSA, Size: 256}, "EC PRIVATE KEY")},
	{"privateKey", "ecdsa-384", key(cmv1.ECDSAKeyAlgorithm, 384, cmv1.PKCS8), isKey(pki.KeySpec{Algorithm: pki.ECDSA, Size: 384}, "PRIVATE KEY")},
	{"privateKey", "ecdsa-521", key(cmv1.ECDSAKeyAlgorithm, 521, cmv1.PKCS1), isKey(pki.KeySpec{Algorithm: pki.ECDSA, Size: 521}, "EC PRIVATE KEY")},
	{"privateKey", "ed25519", key(cmv1.Ed25519KeyAlgorithm, 0, cmv1.PKCS1), isKey(pki.KeySpec{Algorithm: pki.Ed25519}, "PRIVATE KEY")},
	{"usages", "", func(c *cmv1.Certificate) {
		c.Spec.Usages = []cmv1.KeyUsage{cmv1.UsageKeyAgreement, cmv1.UsageClientAuth, cmv1.UsageServerAuth}
	}, func(o *outcome) {
		o.same("usage", x509.KeyUsageKeyAgreement, o.leaf.KeyUsage)
		o.same("extended usage", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, o.leaf.ExtKeyUsage)
	}},
	{"usages", "default", nil, func(o *outcome) {
		o.same("usage", x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, o.leaf.KeyUsage)
	}},
	{"encodeUsagesInRequest", "", func(c *cmv1.Certificate) { c.Spec.EncodeUsagesInRequest = new(false) }, func(o *outcome) {
		for _, e := range o.csr.Extensions {
			if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 15}) {
				o.Error("the request has key usages")
			}
		}
		o.same("usage", x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, o.leaf.KeyUsage)
	}},
	{"isCA", "", func(c *cmv1.Certificate) { c.Spec.IsCA, c.Spec.CommonName = true, "between" }, func(o *outcome) {
		if !o.leaf.IsCA || o.leaf.KeyUsage&x509.KeyUsageCertSign == 0 {
			o.Errorf("CA %v, usage %b", o.leaf.IsCA, o.leaf.KeyUsage)
		}
	}},
	{"nameConstraints", "", func(c *cmv1.Certificate) {
		c.Spec.IsCA, c.Spec.CommonName = true, "between"
		c.Spec.NameConstraints = &cmv1.NameConstraints{
			Critical:  true,
			Permitted: &cmv1.NameConstraintItem{DNSDomains: []string{"example.com"}, IPRanges: []string{"192.0.2.0/24"}},
			Excluded:  &cmv1.NameConstraintItem{EmailAddresses: []string{"example.org"}, URIDomains: []string{"example.net"}},
		}
	}, func(o *outcome) {
		o.same("critical", true, o.leaf.PermittedDNSDomainsCritical)
		o.same("domains", []string{"example.com"}, o.leaf.PermittedDNSDomains)
		o.same("networks", "192.0.2.0/24", o.leaf.PermittedIPRanges[0].String())
		o.same("addresses", []string{"example.org"}, o.leaf.ExcludedEmailAddresses)
		o.same("URIs", []string{"example.net"}, o.leaf.ExcludedURIDomains)
	}},
	{"signatureAlgorithm", "", func(c *cmv1.Certificate) { c.Spec.SignatureAlgorithm = cmv1.ECDSAWithSHA512 }, func(o *outcome) {
		o.same("of the request", x509.ECDSAWithSHA512, o.csr.SignatureAlgorithm)
	}},
	{"additionalOutputFormats", "", func(c *cmv1.Certificate) {
		c.Spec.AdditionalOutputFormats = []cmv1.CertificateAdditionalOutputFormat{{Type: cmv1.CertificateOutputFormatDER}, {Type: cmv1.CertificateOutputFormatCombinedPEM}}
	}, func(o *outcome) {
		der, err := x509.ParseECPrivateKey(o.secret.Data["key.der"])
		if err != nil {
			o.Fatal(err)
		}
		if !der.PublicKey.Equal(o.leaf.PublicKey) {
			o.Error("key.der is another key")
		}
		o.same("tls-combined.pem", string(o.secret.Data["tls.key"])+"\n"+string(o.secret.Data["tls.crt"]), string(o.secret.Data["tls-combined.pem"]))
	}},
	{"keystores", "", func(c *cmv1.Certificate) {
		c.Spec.Keystores = &cmv1.CertificateKeystores{
			JKS:    &cmv1.JKSKeystore{Create: true, Alias: new("shop"), Password: new("changeit")},
			PKCS12: &cmv1.PKCS12Keystore{Create: true, Profile: cmv1.Modern2023PKCS12Profile, Password: new("changeit")},
		}
	}, func(o *outcome) {
		k, chain, ca := material(o.T, o.secret)
		if !pki.SameJKS(o.secret.Data["keystore.jks"], "shop", "changeit", k, chain, ca) || !pki.SameJKSTrustStore(o.secret.Data["truststore.jks"], "changeit", ca) {
			o.Error("Java keystores are not as asked for")
		}
		_, cert, others, err := pkcs12.DecodeChain(o.secret.Data["keystore.p12"], "changeit")
		if err != nil || !cert.Equal(o.leaf) || len(others) != 1 || !others[0].Equal(ca[0]) {
			o.Errorf("PKCS#12 keystore: %v, %v", others, err)
		}
		trusted, err := pkcs12.DecodeTrustStore(o.secret.Data["truststore.p12"], "changeit")
		if err != nil || len(trusted) != 1 || !trusted[0].Equal(ca[0]) {
			o.Errorf("PKCS#12 truststore: %v, %v", trusted, err)
		}
	}},
	{"secretTemplate", "", func(c *cmv1.Certificate) {
		c.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{
			Labels:      map[string]string{"team": "shop"},
			Annotations: map[string]string{"example.com/copy": "yes", "cert-manager.io/allow-direct-injection": "true"},
		}
	}, func(o *outcome) {
		o.same("label", "shop", o.secret.Labels["team"])
		o.same("annotation", "yes", o.secret.Annotations["example.com/copy"])
		o.annotation("allow-direct-injection", "true")
	}},
	{"secretDeletionPolicy", "", func(c *cmv1.Certificate) { c.Spec.SecretDeletionPolicy = cmv1.SecretDeletionPolicyDelete }, func(o *outcome) {
		if !metav1.IsControlledBy(o.secret, o.crt) {
			o.Errorf("owners %v", o.secret.OwnerReferences)
		}
	}},
	{"revocationPolicy", "", func(c *cmv1.Certificate) { c.Spec.RevocationPolicy = cmv1.RevocationPolicyOnDelete }, func(o *outcome) {
		// That it is kept is in the tests of revocation.
		if len(o.secret.OwnerReferences) > 0 || o.crt.DeletionTimestamp != nil {
			o.Errorf("owners %v, deleted %v", o.secret.OwnerReferences, o.crt.DeletionTimestamp)
		}
	}},
	{"revisionHistoryLimit", "", func(c *cmv1.Certificate) { c.Spec.RevisionHistoryLimit = new(int32(2)) }, func(o *outcome) {
		o.same("request", o.crt.Name+"-1", o.req.Name) // more in the tests of renewals
	}},
}

func TestEachFieldIsSeenInWhatIsIssued(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	for i := range fieldCases {
		c := &fieldCases[i]
		w.create(w.certificate(c.certificateName(), c.set))
	}
	for i := range fieldCases {
		c := &fieldCases[i]
		t.Run(c.certificateName(), func(t *testing.T) {
			crt := w.ready(c.certificateName())
			secret := w.secret(crt.Spec.SecretName)
			req, csr := w.request(crt.Name, 1)
			c.check(&outcome{T: t, crt: crt, secret: secret, leaf: leaf(t, secret), csr: csr, req: req})
		})
	}
}

func (c *fieldCase) certificateName() string {
	return strings.TrimSuffix(strings.ToLower(c.field)+"-"+c.name, "-")
}

// A field without a case here would be one that nobody has seen work.
func TestEveryFieldOfTheSpecHasACase(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, c := range fieldCases {
		tested[c.field] = true
	}
	spec := reflect.TypeFor[cmv1.CertificateSpec]()
	for field := range spec.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !tested[name] {
			t.Errorf("spec.%s has no case", name)
		}
		delete(tested, name)
	}
	for name := range tested {
		t.Errorf("there is no spec.%s", name)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
