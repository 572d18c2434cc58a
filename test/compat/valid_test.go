package compat

import (
	"fmt"
	"math/rand"
	"strings"
	"time"

	theirsacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	theirs "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	theirsmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/randfill"
)

// valid returns a filler that makes objects of theirs that their validation
// accepts, with every field set that the others allow.
func valid(seed int64) *randfill.Filler {
	funcs := append(leaves(), enumerations()...)
	funcs = append(funcs, fragments()...)
	funcs = append(funcs, specs()...)
	return randfill.NewWithSeed(seed).NilChance(0).NumElements(1, 3).MaxDepth(20).Funcs(funcs...)
}

// oneOf makes a function that picks one of the values.
func oneOf[T any](values ...T) func(*T, randfill.Continue) {
	return func(v *T, c randfill.Continue) { *v = values[c.Intn(len(values))] }
}

// name returns a name that Kubernetes accepts for any object.
func name(r *rand.Rand) string { return fmt.Sprintf("name-%d", r.Int31()) }

func enumerations() []any {
	return []any{
		oneOf(theirsmeta.ConditionTrue, theirsmeta.ConditionFalse, theirsmeta.ConditionUnknown),
		oneOf(theirs.UsageSigning, theirs.UsageDigitalSignature, theirs.UsageContentCommitment, theirs.UsageKeyEncipherment,
			theirs.UsageKeyAgreement, theirs.UsageDataEncipherment, theirs.UsageCertSign, theirs.UsageCRLSign,
			theirs.UsageEncipherOnly, theirs.UsageDecipherOnly, theirs.UsageAny, theirs.UsageServerAuth,
			theirs.UsageClientAuth, theirs.UsageCodeSigning, theirs.UsageEmailProtection, theirs.UsageSMIME,
			theirs.UsageIPsecEndSystem, theirs.UsageIPsecTunnel, theirs.UsageIPsecUser, theirs.UsageTimestamping,
			theirs.UsageOCSPSigning, theirs.UsageMicrosoftSGC, theirs.UsageNetscapeSGC),
		oneOf(theirs.RotationPolicyAlways, theirs.RotationPolicyNever),
		oneOf(theirs.PKCS1, theirs.PKCS8),
		oneOf(theirs.LegacyRC2PKCS12Profile, theirs.LegacyDESPKCS12Profile, theirs.Modern2023PKCS12Profile, theirs.Modern2026PKCS12Profile),
		oneOf(theirsacme.HS256, theirsacme.HS384, theirsacme.HS512),
		oneOf[theirsacme.CNAMEStrategy](theirsacme.NoneStrategy, theirsacme.FollowStrategy),
		oneOf(theirsacme.AzurePublicCloud, theirsacme.AzureChinaCloud, theirsacme.AzureGermanCloud, theirsacme.AzureUSGovernmentCloud),
		oneOf(theirsacme.PublicAzureZone, theirsacme.PrivateAzureZone),
		oneOf(theirsacme.RFC2136UpdateProtocolTCP, theirsacme.RFC2136UpdateProtocolUDP),
		oneOf(theirsacme.ACMEChallengeTypeDNS01, theirsacme.ACMEChallengeTypeHTTP01),
		oneOf(theirsacme.Valid, theirsacme.Ready, theirsacme.Pending, theirsacme.Processing, theirsacme.Invalid, theirsacme.Expired, theirsacme.Errored),
		oneOf(corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort),
		oneOf(corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore),
	}
}

// fragments are the small types that several specs share.
func fragments() []any {
	return []any{
		func(v *metav1.ObjectMeta, c randfill.Continue) { *v = metav1.ObjectMeta{Name: name(c.Rand)} },
		func(v *metav1.Duration, c randfill.Continue) { v.Duration = time.Duration(c.Intn(100)+2) * time.Hour },
		func(v *intstr.IntOrString, c randfill.Continue) { *v = intstr.FromInt32(c.Int31n(100)) },
		func(v *theirsmeta.IssuerReference, c randfill.Continue) {
			*v = []theirsmeta.IssuerReference{
				{Name: name(c.Rand)},
				{Name: name(c.Rand), Kind: "ClusterIssuer"},
				{Name: name(c.Rand), Kind: "Issuer", Group: "cert-manager.io"},
				{Name: name(c.Rand), Kind: letters(c.Rand), Group: "example.com"},
			}[c.Intn(4)]
		},
		func(v *v1.ParentReference, c randfill.Continue) {
			*v = v1.ParentReference{
				Group:       new(v1.Group("gateway.networking.k8s.io")),
				Kind:        new(v1.Kind("Gateway")),
				Namespace:   new(v1.Namespace(name(c.Rand))),
				Name:        v1.ObjectName(name(c.Rand)),
				SectionName: new(v1.SectionName(name(c.Rand))),
				Port:        new(c.Int31n(65535) + 1),
			}
		},
		func(v *[]corev1.LocalObjectReference, c randfill.Continue) {
			*v = []corev1.LocalObjectReference{{Name: name(c.Rand)}} // a list with unique names
		},
	}
}

// specs fill whole structs and then take away what excludes something else.
func specs() []any {
	return []any{
		certificateSpec, certificatePrivateKey, certificateConditions,
		certificateRequestSpec, certificateRequestConditions,
		issuerConfig, issuerConditions, vaultIssuer, vaultAuth, venafiIssuer, venafiTPP,
		orderSpec, orderStatus, acmeIssuer, solver, http01, http01Ingress, dns01, azure, managedIdentity, cloudflare, route53, rfc2136,
	}
}

func certificateSpec(v *theirs.CertificateSpec, c randfill.Continue) {
	c.FillNoCustom(v)
	v.SecretName = name(c.Rand)
	v.IPAddresses = []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"}
	v.EmailAddresses = []string{"jane@example.com"}
	for i := range v.OtherNames {
		v.OtherNames[i].OID = "1.3.6.1.4.1.311.20.2.3"
	}
	if c.Bool() {
		v.LiteralSubject = ""
	} else {
		v.LiteralSubject, v.CommonName, v.Subject = "CN=example.com,O=Example", "", nil
	}
	v.RenewBefore = &metav1.Duration{Duration: v.Duration.Duration - time.Hour}
	if c.Bool() {
		v.RenewBefore, v.RenewBeforePercentage = nil, new(c.Int31n(99)+1)
	} else {
		v.RenewBeforePercentage = nil
	}
	v.Renewal.Policy = theirs.CertificateRenewalPolicyRenewBefore
	for i := range v.Renewal.Windows {
		v.Renewal.Windows[i].Timezone, v.Renewal.Windows[i].Cron = "Europe/Vienna", "*/5 2-4 1,15 * MON-FRI"
	}
	if c.Bool() {
		v.Renewal = &theirs.CertificateRenewal{Policy: theirs.CertificateRenewalPolicyDisabled}
	}
	v.IsCA = true
	v.RevisionHistoryLimit = new(c.Int31n(10) + 1)
	v.AdditionalOutputFormats = []theirs.CertificateAdditionalOutputFormat{{Type: theirs.CertificateOutputFormatDER}, {Type: theirs.CertificateOutputFormatCombinedPEM}}
	v.SignatureAlgorithm = map[theirs.PrivateKeyAlgorithm]theirs.SignatureAlgorithm{
		theirs.RSAKeyAlgorithm: theirs.SHA512WithRSA, theirs.ECDSAKeyAlgorithm: theirs.ECDSAWithSHA256, theirs.Ed25519KeyAlgorithm: theirs.PureEd25519,
	}[v.PrivateKey.Algorithm]
	// A reference that is not set has an empty name in their JSON.
	if c.Bool() {
		v.Keystores.JKS.Password, v.Keystores.PKCS12.Password = nil, nil
	} else {
		v.Keystores.JKS.PasswordSecretRef, v.Keystores.PKCS12.PasswordSecretRef = theirsmeta.SecretKeySelector{}, theirsmeta.SecretKeySelector{}
	}
}

func certificatePrivateKey(v *theirs.CertificatePrivateKey, c randfill.Continue) {
	c.FillNoCustom(v)
	choice := []theirs.CertificatePrivateKey{
		{Algorithm: theirs.RSAKeyAlgorithm, Size: 2048 + c.Intn(6144)},
		{Algorithm: theirs.ECDSAKeyAlgorithm, Size: []int{256, 384, 521}[c.Intn(3)]},
		{Algorithm: theirs.Ed25519KeyAlgorithm, Size: c.Intn(100)},
	}[c.Intn(3)]
	v.Algorithm, v.Size = choice.Algorithm, choice.Size
}

func certificateConditions(v *[]theirs.CertificateCondition, c randfill.Continue) {
	*v = make([]theirs.CertificateCondition, 2)
	for i, typ := range []theirs.CertificateConditionType{theirs.CertificateConditionReady, theirs.CertificateConditionIssuing} {
		c.Fill(&(*v)[i])
		(*v)[i].Type = typ
	}
}

func certificateRequestSpec(v *theirs.CertificateRequestSpec, c randfill.Continue) {
	c.FillNoCustom(v)
	v.Request = pem("CERTIFICATE REQUEST")
}

func certificateRequestConditions(v *[]theirs.CertificateRequestCondition, c randfill.Continue) {
	*v = make([]theirs.CertificateRequestCondition, 3)
	decision := []theirs.CertificateRequestConditionType{theirs.CertificateRequestConditionApproved, theirs.CertificateRequestConditionDenied}[c.Intn(2)]
	for i, typ := range []theirs.CertificateRequestConditionType{decision, theirs.CertificateRequestConditionReady, theirs.CertificateRequestConditionInvalidRequest} {
		c.Fill(&(*v)[i])
		(*v)[i].Type = typ
	}
	(*v)[0].Status = theirsmeta.ConditionTrue
}

func issuerConfig(v *theirs.IssuerConfig, c randfill.Continue) {
	c.FillNoCustom(v)
	*v = []theirs.IssuerConfig{{ACME: v.ACME}, {CA: v.CA}, {Vault: v.Vault}, {SelfSigned: v.SelfSigned}, {Venafi: v.Venafi}}[c.Intn(5)]
}

func issuerConditions(v *[]theirs.IssuerCondition, c randfill.Continue) {
	*v = make([]theirs.IssuerCondition, 1)
	c.Fill(&(*v)[0])
}

func vaultIssuer(v *theirs.VaultIssuer, c randfill.Continue) {
	c.FillNoCustom(v)
	v.Path = "pki/sign/a..b"
	if c.Bool() {
		v.CABundle = nil
	} else {
		v.CABundleSecretRef = nil
	}
}

func vaultAuth(v *theirs.VaultAuth, c randfill.Continue) {
	c.FillNoCustom(v)
	v.AppRole.Path, v.ClientCertificate.Path, v.Kubernetes.Path, v.AWS.MountPath = "approle", "/v1/auth/cert", "/v1/auth/kubernetes", "/v1/auth/aws"
	if c.Bool() {
		v.Kubernetes.ServiceAccountRef = nil
	} else {
		v.Kubernetes.SecretRef = theirsmeta.SecretKeySelector{}
	}
}

func venafiIssuer(v *theirs.VenafiIssuer, c randfill.Continue) {
	c.FillNoCustom(v)
	*v = []theirs.VenafiIssuer{{Zone: v.Zone, TPP: v.TPP}, {Zone: v.Zone, Cloud: v.Cloud}, {Zone: v.Zone, NGTS: v.NGTS}}[c.Intn(3)]
}

func venafiTPP(v *theirs.VenafiTPP, c randfill.Continue) {
	c.FillNoCustom(v)
	if c.Bool() {
		v.CABundle = nil
	} else {
		v.CABundleSecretRef = nil
	}
}

// pem is what rules may look into: see the package comment of our
// cert-manager.io types.
func pem(what string) []byte {
	return []byte("-----BEGIN " + what + "-----\nAAAA\n-----END " + what + "-----\n")
}

func orderSpec(v *theirsacme.OrderSpec, c randfill.Continue) {
	c.FillNoCustom(v)
	v.Request = pem("CERTIFICATE REQUEST")
}

func orderStatus(v *theirsacme.OrderStatus, c randfill.Continue) {
	c.FillNoCustom(v)
	v.Certificate = pem("CERTIFICATE")
}

func acmeIssuer(v *theirsacme.ACMEIssuer, c randfill.Continue) {
	c.FillNoCustom(v)
	if v.SkipTLSVerify {
		v.CABundle = nil
	}
}

func solver(v *theirsacme.ACMEChallengeSolver, c randfill.Continue) {
	c.FillNoCustom(v)
	if c.Bool() {
		v.HTTP01 = nil
	} else {
		v.DNS01 = nil
	}
}

func http01(v *theirsacme.ACMEChallengeSolverHTTP01, c randfill.Continue) {
	c.FillNoCustom(v)
	if c.Bool() {
		v.Ingress = nil
	} else {
		v.GatewayHTTPRoute = nil
	}
}

func http01Ingress(v *theirsacme.ACMEChallengeSolverHTTP01Ingress, c randfill.Continue) {
	c.FillNoCustom(v)
	v.Class, v.IngressClassName, v.Name = nil, nil, ""
	switch c.Intn(3) {
	case 0:
		v.Class = new(letters(c.Rand))
	case 1:
		v.IngressClassName = new(name(c.Rand))
	case 2:
		v.Name = name(c.Rand)
	}
}

func dns01(v *theirsacme.ACMEChallengeSolverDNS01, c randfill.Continue) {
	c.FillNoCustom(v)
	one := []theirsacme.ACMEChallengeSolverDNS01{
		{Akamai: v.Akamai}, {CloudDNS: v.CloudDNS}, {Cloudflare: v.Cloudflare}, {Route53: v.Route53}, {AzureDNS: v.AzureDNS},
		{DigitalOcean: v.DigitalOcean}, {AcmeDNS: v.AcmeDNS}, {RFC2136: v.RFC2136}, {Webhook: v.Webhook},
	}[c.Intn(9)]
	one.CNAMEStrategy = v.CNAMEStrategy
	*v = one
}

func azure(v *theirsacme.ACMEIssuerDNS01ProviderAzureDNS, c randfill.Continue) {
	c.FillNoCustom(v)
	if c.Bool() {
		v.ClientID, v.ClientSecret, v.TenantID = "", nil, ""
	} else {
		v.ManagedIdentity = nil
	}
}

func managedIdentity(v *theirsacme.AzureManagedIdentity, c randfill.Continue) {
	c.FillNoCustom(v)
	if c.Bool() {
		v.ClientID, v.TenantID = "", ""
	} else {
		v.ResourceID = ""
	}
}

func cloudflare(v *theirsacme.ACMEIssuerDNS01ProviderCloudflare, c randfill.Continue) {
	c.FillNoCustom(v)
	if c.Bool() {
		v.APIKey = nil
	} else {
		v.APIToken = nil
	}
}

func route53(v *theirsacme.ACMEIssuerDNS01ProviderRoute53, c randfill.Continue) {
	c.FillNoCustom(v)
	if c.Bool() {
		v.AccessKeyID = ""
	} else {
		v.SecretAccessKeyID = nil
	}
}

func rfc2136(v *theirsacme.ACMEIssuerDNS01ProviderRFC2136, c randfill.Continue) {
	c.FillNoCustom(v)
	v.Nameserver = []string{"192.0.2.53", "ns.example.com:53", "[2001:db8::53]", "[2001:db8::53]:5353"}[c.Intn(4)]
	v.TSIGAlgorithm = strings.ToLower([]string{"HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512"}[c.Intn(4)])
	if c.Bool() {
		v.TSIGKeyName, v.TSIGSecret = "", theirsmeta.SecretKeySelector{}
	}
}
