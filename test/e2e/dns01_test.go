package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// deviceAccount is the account at acme-dns of device.shop.test.
const deviceAccount = "8e5700ea-a4bf-41c7-8a77-e990661dcc6a"

func TestNamesAreProvedByDNS01(t *testing.T) {
	t.Parallel()
	z := newZones(t)
	for name, test := range map[string]func(*zones, *testing.T){
		"by dynamic updates of BIND":    (*zones).testRFC2136,
		"through a webhook":             (*zones).testWebhook,
		"through acme-dns":              (*zones).testACMEDNS,
		"through PowerDNS":              (*zones).testPowerDNS,
		"not, by a refusing server":     (*zones).testRefused,
		"not, without the alias":        (*zones).testNotSeen,
		"with a service account's role": (*zones).testServiceAccount,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(z, t)
		})
	}
}

// The name, the wildcard below it, and one whose record is in another zone.
func (z *zones) testRFC2136(t *testing.T) {
	j := newJourney(t)
	z.issuer(j, acmev1.ACMEChallengeSolverDNS01{CNAMEStrategy: acmev1.FollowStrategy, RFC2136: z.tsig(j, "shop.test.")})
	j.create(j.certificate("leaf", dnsIssuer, "wild.shop.test", "*.wild.shop.test", "alias.shop.test"))
	z.untilProved(j, "leaf", "_acme-challenge.wild.shop.test.", "alias.proof.test.")
}

// A name whose record is elsewhere by a CNAME, which the operator need not be
// told of: the account is at acme-dns.
func (z *zones) testACMEDNS(t *testing.T) {
	password := rand.Text()
	api := z.provider("auth.test.", password)
	url := z.serve(api.acmeDNS(deviceAccount))
	j := newJourney(t)
	z.issuer(j, z.acmeDNS(j, url, "device.shop.test", deviceAccount, password))
	j.create(j.certificate("leaf", dnsIssuer, "device.shop.test", "*.device.shop.test"))
	z.untilProved(j, "leaf")
	if shown := api.shown(); !maps.Equal(shown, map[string]bool{password: true}) {
		t.Errorf("%d different keys were shown", len(shown))
	}
}

// acmeDNS is the solver for a name that has an account at acme-dns.
func (z *zones) acmeDNS(j *journey, url, host, account, password string) acmev1.ACMEChallengeSolverDNS01 {
	j.Helper()
	accounts, err := json.Marshal(map[string]any{host: map[string]string{
		"username": account, "password": password, "subdomain": account, "fulldomain": account + ".auth.test",
	}})
	if err != nil {
		j.Fatal(err)
	}
	j.credentials("acme-dns", map[string]string{"accounts.json": string(accounts)})
	return acmev1.ACMEChallengeSolverDNS01{AcmeDNS: &acmev1.ACMEIssuerDNS01ProviderAcmeDNS{
		Host:          url,
		AccountSecret: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "acme-dns"}, Key: "accounts.json"},
	}}
}

// Two issuers with a key each, of which one is wrong at first.
func (z *zones) testPowerDNS(t *testing.T) {
	right, wrong, other := rand.Text(), rand.Text(), rand.Text()
	api := z.provider("pdns.test.", right, other)
	url := z.serve(api.powerDNS())
	issuer := func(key string) *journey {
		j := newJourney(t)
		j.credentials("pdns", map[string]string{"PDNS_API_KEY": key})
		z.issuer(j, acmev1.ACMEChallengeSolverDNS01{Provider: &acmev1.ACMEIssuerDNS01ProviderNamed{
			Name: "pdns", CredentialsSecret: &cmmeta.LocalObjectReference{Name: "pdns"},
			// Not found out: with a wrong key that goes wrong.
			Config: map[string]string{"PDNS_API_URL": url, "PDNS_API_VERSION": "1"},
		}})
		return j
	}
	good, bad := issuer(right), issuer(wrong)
	bad.create(bad.certificate("leaf", dnsIssuer, "bad.pdns.test"))
	said := bad.untilSaid("leaf", time.Minute, `"bad.pdns.test"`, "add TXT record", "401", "retried within a minute")
	t.Logf("wrong key: %s", said)
	if strings.Contains(said, wrong) {
		t.Error("the message has the key in it")
	}
	explained := bad.commandLine().explained("leaf", "The DNS provider does not take the TXT record of bad.pdns.test", "401", `Secret "pdns"`, "retry certificate leaf")
	if strings.Contains(explained, wrong) {
		t.Error("the explanation has the key in it")
	}
	if shown := api.shown(); !maps.Equal(shown, map[string]bool{wrong: true}) {
		t.Errorf("%d different keys were shown, want the wrong one", len(shown))
	}
	// From now on both are right.
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: bad.namespace, Name: "pdns"}}
	bad.patch(secret, map[string]any{"stringData": map[string]string{"PDNS_API_KEY": other}})
	good.create(good.certificate("leaf", dnsIssuer, "good.pdns.test", "*.good.pdns.test"))
	z.untilProved(good, "leaf", "_acme-challenge.good.pdns.test.")
	z.untilProved(bad, "leaf", "_acme-challenge.bad.pdns.test.")
	shown := api.shown()
	delete(shown, wrong) // it may have been tried once more
	if !maps.Equal(shown, map[string]bool{right: true, other: true}) {
		t.Errorf("%d different keys were shown, want two", len(shown))
	}
}

// patch changes an object by a merge patch.
func (j *journey) patch(o client.Object, change map[string]any) {
	j.Helper()
	text, err := json.Marshal(change)
	if err != nil {
		j.Fatal(err)
	}
	if err := j.api.Patch(j.Context(), o, client.RawPatch("application/merge-patch+json", text)); err != nil {
		j.Fatal(err)
	}
}

func (z *zones) testRefused(t *testing.T) {
	j := newJourney(t)
	z.issuer(j, acmev1.ACMEChallengeSolverDNS01{RFC2136: z.tsig(j, "shop.test.")})
	j.create(j.certificate("leaf", dnsIssuer, "closed.test"))
	t.Log(j.untilSaid("leaf", time.Minute, `"closed.test"`, `add TXT record "_acme-challenge.closed.test."`, nodeAddress, "REFUSED", "retried within a minute"))
}

// The account is right, but no CNAME leads there.
func (z *zones) testNotSeen(t *testing.T) {
	const account = "12adb1fe-1cb4-4f5d-a2a8-b3ee1d3ea8f2"
	password := rand.Text()
	url := z.serve(z.provider("auth.test.", password).acmeDNS(account))
	j := newJourney(t)
	z.issuer(j, z.acmeDNS(j, url, "lost.shop.test", account, password))
	j.create(j.certificate("leaf", dnsIssuer, "lost.shop.test"))
	t.Log(j.untilSaid("leaf", time.Minute, `"lost.shop.test"`, `the TXT record "_acme-challenge.lost.shop.test" does not have the value yet`, "retried within a minute"))
}

// The operator asks for the token of a service account only where somebody has
// allowed it.
func (z *zones) testServiceAccount(t *testing.T) {
	j := newJourney(t)
	j.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "route53"}})
	z.issuer(j, acmev1.ACMEChallengeSolverDNS01{Route53: &acmev1.ACMEIssuerDNS01ProviderRoute53{
		Region: "eu-central-1", Role: "arn:aws:iam::123456789012:role/dns", HostedZoneID: "Z1",
		Auth: &acmev1.Route53Auth{Kubernetes: &acmev1.Route53KubernetesAuth{ServiceAccountRef: &acmev1.ServiceAccountRef{Name: "route53"}}},
	}})
	j.create(j.certificate("leaf", dnsIssuer, "aws.shop.test"))
	t.Log(j.untilSaid("leaf", time.Minute, `"aws.shop.test"`, "service account route53", "verb create on serviceaccounts/token", "retried within a minute"))

	j.create(&rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "token"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, ResourceNames: []string{"route53"}, Verbs: []string{"create"}}},
	})
	j.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "token"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "token"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: testbed.Namespace, Name: j.operatorAccount(t.Context())}},
	})
	// AWS can not be reached from the node: the token goes no further.
	t.Log(j.untilSaid("leaf", issueLimit, `"aws.shop.test"`, "sts.eu-central-1.amazonaws.com"))
}

// operatorAccount is the operator's service account.
func (j *journey) operatorAccount(ctx context.Context) string {
	j.Helper()
	pod, err := j.operatorPod(ctx)
	if err != nil {
		j.Fatal(err)
	}
	return pod.Spec.ServiceAccountName
}
