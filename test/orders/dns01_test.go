package orders

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/controllers/challenge"
	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/test/acme/testca"
	"github.com/certwright/certwright/test/dns01/bind"
)

// secrets reads Secrets without a cache.
type secrets struct{ api client.Client }

func (s secrets) Get(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	return secret, s.api.Get(ctx, key, secret)
}

// zones is a world whose CA asks BIND, which takes updates of example.com and of
// elsewhere.example.
type zones struct {
	*world
	bind *bind.Server
	key  bind.Key
}

func newZones(t *testing.T) *zones {
	t.Helper()
	key := bind.Key{
		Name: "operator.", Algorithm: "hmac-sha256",
		Secret: base64.StdEncoding.EncodeToString([]byte("a secret that the operator and BIND share")),
	}
	hosts := []string{"ns1.half.example. A 127.0.0.1", "ns2.half.example. A 127.0.0.3"} // nobody is at the latter
	z := &zones{key: key, bind: bind.Start(t, bind.Options{Recursive: true, Keys: []bind.Key{key}, Zones: []bind.Zone{
		{Name: "example.com.", Updaters: []bind.Key{key}, Records: []string{"_acme-challenge.shop.example.com. CNAME shop.elsewhere.example."}},
		{Name: "elsewhere.example.", Updaters: []bind.Key{key}},
		{Name: "half.example.", Updaters: []bind.Key{key}, NameServers: []string{"ns1.half.example.", "ns2.half.example."}, Records: hosts},
	}})}
	z.world = newWorldAt(t, testca.Options{DNS: z.bind.Address}, acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{
		CNAMEStrategy: acmev1.FollowStrategy,
		RFC2136: &acmev1.ACMEIssuerDNS01ProviderRFC2136{
			Nameserver: z.bind.Address, TSIGKeyName: "operator", TSIGAlgorithm: "HMACSHA256",
			TSIGSecret: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "tsig"}, Key: "key"},
		},
	}})
	resolver, err := dns01.New(dns01.Config{Nameservers: []string{z.bind.Address}, Port: fmt.Sprint(z.bind.Port), Clock: z.clock})
	if err != nil {
		t.Fatal(err)
	}
	z.dns01 = &challenge.DNS01Config{Resolver: resolver, Secrets: secrets{z.api}}
	return z
}

func (z *zones) setSecret(value string) {
	z.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: z.namespace, Name: "tsig"}, Data: map[string][]byte{"key": []byte(value)}}
	if err := client.IgnoreNotFound(z.api.Delete(z.t.Context(), secret.DeepCopy())); err != nil {
		z.t.Fatal(err)
	}
	if err := z.api.Create(z.t.Context(), secret); err != nil {
		z.t.Fatal(err)
	}
}

// later is when the operator looks again, by its clock.
func (z *zones) later(after time.Duration) {
	z.t.Helper()
	z.world.mu.Lock()
	z.ahead += after
	z.world.mu.Unlock()
	var list acmev1.ChallengeList
	if err := z.api.List(z.t.Context(), &list, client.InNamespace(z.namespace)); err != nil {
		z.t.Fatal(err)
	}
	for i := range list.Items {
		patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{"later":%q}}}`, z.clock()))
		if err := client.IgnoreNotFound(z.api.Patch(z.t.Context(), &list.Items[i], patch)); err != nil {
			z.t.Fatal(err)
		}
	}
}

// eventuallyGone waits until nothing is left, in the cluster and in the zones.
func (z *zones) eventuallyGone(records ...string) {
	z.t.Helper()
	z.eventually("no challenge is left", func() (bool, any) {
		var list acmev1.ChallengeList
		if err := z.api.List(z.t.Context(), &list, client.InNamespace(z.namespace)); err != nil {
			z.t.Fatal(err)
		}
		return len(list.Items) == 0, list.Items
	})
	for _, name := range records {
		if left := z.bind.TXT(name); len(left) > 0 {
			z.t.Errorf("%s still has %q", name, left)
		}
	}
}

// The name, the wildcard below it, and one whose record is in another zone.
func TestWildcardApexAndAliasAreProvedThroughBIND(t *testing.T) {
	t.Parallel()
	z := newZones(t)
	z.setSecret(z.key.Secret)
	z.operator()
	z.order("shop", "wild.example.com", "*.wild.example.com", "shop.example.com")
	most := 0
	z.eventuallyOrder("shop", "valid", func(s acmev1.OrderStatus) bool {
		most = max(most, len(z.bind.TXT("_acme-challenge.wild.example.com.")))
		return isValid(s)
	})
	z.eventuallyGone("_acme-challenge.wild.example.com.", "shop.elsewhere.example.")
	if most > 2 {
		t.Errorf("%d values in one record", most)
	}
	status := z.get("shop").Status
	block, _ := pem.Decode(status.Certificate)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wild.example.com", "any.wild.example.com", "shop.example.com"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	for _, a := range status.Authorizations {
		if a.InitialState != acmev1.Pending {
			t.Errorf("%s was proved before", a.Identifier)
		}
	}
	z.eventually("the events are there", func() (bool, any) {
		all := z.events("Challenge")
		slices.Sort(all)
		return slices.Equal(all, []string{"DomainVerified", "DomainVerified", "DomainVerified", "Presented", "Presented", "Presented"}), all
	})
	// Announced, presented, proved; and the finalizer.
	counts := z.writes.count()
	if counts["PUT challenges/status"] != 9 || counts["PATCH challenges"] != 3 || counts["POST pods"] != 0 {
		t.Errorf("writes: %v", counts)
	}
}

// A wildcard that nobody may see keeps its value while the apex comes and goes.
func TestValuesOfOthersStay(t *testing.T) {
	t.Parallel()
	z := newZones(t)
	z.setSecret(z.key.Secret)
	z.operator()
	z.order("first", "half.example")
	z.eventually("the value is there", func() (bool, any) {
		values := z.bind.TXT("_acme-challenge.half.example.")
		return len(values) == 1, values
	})
	first := z.bind.TXT("_acme-challenge.half.example.")
	z.order("second", "*.half.example")
	z.eventually("both values are there", func() (bool, any) {
		values := z.bind.TXT("_acme-challenge.half.example.")
		return len(values) == 2, values
	})
	if err := z.api.Delete(t.Context(), &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Namespace: z.namespace, Name: "second"}}, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	z.eventually("only the first is there", func() (bool, any) {
		values := z.bind.TXT("_acme-challenge.half.example.")
		return slices.Equal(values, first), values
	})
	// One of the servers can not be asked. The CA can.
	z.later(time.Minute + time.Second)
	z.eventuallyOrder("first", "valid", isValid)
	z.eventuallyGone("_acme-challenge.half.example.")
}

func TestWrongCredentialsAreToldAndMended(t *testing.T) {
	t.Parallel()
	z := newZones(t)
	z.operator()
	z.order("shop", "shop.example.com")
	reason := func(parts ...string) func(acmev1.OrderStatus) bool {
		return func(s acmev1.OrderStatus) bool {
			return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(s.Reason, part) })
		}
	}
	z.eventuallyOrder("shop", "waiting for the Secret", reason(`"shop.example.com": read credentials: Secret "tsig" does not exist in namespace "`, "retried within a minute"))
	z.setSecret(base64.StdEncoding.EncodeToString([]byte("another")))
	z.later(time.Minute) // more than that, and the server does not accept the time
	z.eventuallyOrder("shop", "waiting for the right key", reason(
		`"shop.example.com": add TXT record "shop.elsewhere.example.": `, `does not accept the signature: the secret of the TSIG key "operator." is another one there`))
	z.setSecret(z.key.Secret)
	z.later(time.Minute)
	z.eventuallyOrder("shop", "valid", isValid)
	z.eventuallyGone("shop.elsewhere.example.")
}

// The Secret is gone before the record: the Challenge says so, and does not stay
// for ever.
func TestChallengeWhoseRecordCanNotBeRemovedIsLetGo(t *testing.T) {
	t.Parallel()
	z := newZones(t)
	z.setSecret(z.key.Secret)
	z.operator()
	z.order("shop", "half.example")
	z.eventually("the value is there", func() (bool, any) {
		values := z.bind.TXT("_acme-challenge.half.example.")
		return len(values) == 1, values
	})
	for _, o := range []client.Object{
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: z.namespace, Name: "tsig"}},
		&acmev1.Order{ObjectMeta: metav1.ObjectMeta{Namespace: z.namespace, Name: "shop"}},
	} {
		if err := z.api.Delete(t.Context(), o, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
			t.Fatal(err)
		}
	}
	z.eventually("the Challenge says why it is still there", func() (bool, any) {
		var list acmev1.ChallengeList
		if err := z.api.List(t.Context(), &list, client.InNamespace(z.namespace)); err != nil {
			t.Fatal(err)
		}
		return len(list.Items) == 1 && strings.Contains(list.Items[0].Status.Reason, `"half.example": clean up: read credentials: Secret "tsig" does not exist`), list.Items
	})
	z.later(10 * time.Minute)
	z.eventuallyGone()
	z.eventually("that it was given up is told", func() (bool, any) {
		all := z.events("Challenge")
		return slices.Contains(all, "CleanUpError"), all
	})
}

// An operator that dies leaves no record behind.
func TestRecordIsRemovedByTheNextOperator(t *testing.T) {
	t.Parallel()
	z := newZones(t)
	z.setSecret(z.key.Secret)
	stop := z.operator()
	z.order("shop", "half.example")
	z.eventually("the value is there", func() (bool, any) {
		values := z.bind.TXT("_acme-challenge.half.example.")
		return len(values) == 1, values
	})
	stop()
	if err := z.api.Delete(t.Context(), &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Namespace: z.namespace, Name: "shop"}}, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	z.operator()
	z.eventuallyGone("_acme-challenge.half.example.")
}
