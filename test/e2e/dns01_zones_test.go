package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/dns01/bind"
)

const (
	// nodeAddress is the node's own, at which pods reach what the tests run in
	// its network.
	nodeAddress = "10.90.0.2"
	// nameserver is BIND. The operator asks it about all names of DNS-01.
	nameserver = nodeAddress + ":53"
)

// zones are a DNS server in the node's network, and a Pebble that asks it. Each
// zone has one key with which its TXT records can be changed, so that what is
// in it tells by which way it came.
type zones struct {
	*journey
	network   nodeNetwork
	bind      *bind.Server
	keys      map[string]bind.Key // by zone
	directory string
}

// newZones starts them. What is in the journeys' zones:
//
//	shop.test    the operator writes here; _acme-challenge.alias leads to proof.test
//	proof.test   so it does here
//	auth.test    where acme-dns has its records; names of shop.test lead here
//	pdns.test    PowerDNS
//	hook.test    a webhook
//	closed.test  nobody
func newZones(t *testing.T) *zones {
	t.Helper()
	z := &zones{journey: newJourney(t), keys: map[string]bind.Key{}}
	var err error
	if z.network, err = z.world.network(); err != nil {
		t.Fatal(err)
	}
	for _, zone := range []string{"shop.test.", "auth.test.", "pdns.test.", "hook.test."} {
		z.keys[zone] = bind.Key{Name: "key." + zone, Algorithm: "hmac-sha256", Secret: base64.StdEncoding.EncodeToString([]byte(rand.Text()))}
	}
	z.keys["proof.test."] = z.keys["shop.test."]
	options := bind.Options{
		Address: nodeAddress, Port: 53, Recursive: true, Enter: z.network.command(), Dial: z.network.Dial,
		Zones: []bind.Zone{{Name: "."}, {Name: "closed.test."}},
	}
	for name, key := range z.keys {
		if name != "proof.test." {
			options.Keys = append(options.Keys, key)
		}
		zone := bind.Zone{Name: name, Updaters: []bind.Key{key}}
		if name == "shop.test." {
			zone.Records = []string{
				"_acme-challenge.alias.shop.test. CNAME alias.proof.test.",
				"_acme-challenge.device.shop.test. CNAME " + deviceAccount + ".auth.test.",
			}
		}
		options.Zones = append(options.Zones, zone)
	}
	z.bind = bind.Start(t, options)
	z.startPebble()
	return z
}

// startPebble runs another Pebble as the node's, which asks the cluster's DNS.
func (z *zones) startPebble() {
	z.Helper()
	theirs := &appsv1.Deployment{}
	if err := z.api.Get(z.Context(), client.ObjectKey{Namespace: "pebble", Name: "pebble"}, theirs); err != nil {
		z.Fatal(err)
	}
	labels := map[string]string{"app": "pebble"}
	ours := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: z.namespace, Name: "pebble"}, Spec: theirs.Spec}
	ours.Spec.Selector, ours.Spec.Template.Labels = &metav1.LabelSelector{MatchLabels: labels}, labels
	args := ours.Spec.Template.Spec.Containers[0].Args
	at := slices.Index(args, "-dnsserver")
	if at < 0 {
		z.Fatalf("Pebble has no -dnsserver among its arguments %q", args)
	}
	args[at+1] = nameserver
	var configuration corev1.ConfigMap
	var certificate corev1.Secret
	for name, o := range map[string]client.Object{"pebble": &configuration, "pebble-tls": &certificate} {
		if err := z.api.Get(z.Context(), client.ObjectKey{Namespace: "pebble", Name: name}, o); err != nil {
			z.Fatal(err)
		}
	}
	configuration.ObjectMeta = metav1.ObjectMeta{Namespace: z.namespace, Name: configuration.Name}
	certificate.ObjectMeta = metav1.ObjectMeta{Namespace: z.namespace, Name: certificate.Name}
	for _, o := range []client.Object{&configuration, &certificate, ours, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: z.namespace, Name: "pebble"},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 14000}}},
	}} {
		z.create(o)
	}
	z.directory = "https://pebble." + z.namespace + ".svc:14000/dir"
	z.until("Pebble runs", time.Minute, func(ctx context.Context) (bool, string, error) {
		err := z.api.Get(ctx, client.ObjectKeyFromObject(ours), ours)
		return ours.Status.ReadyReplicas == 1, fmt.Sprintf("%+v", ours.Status), err
	})
}

// issuer makes the journey's Issuer "dns", which proves names by DNS-01.
func (z *zones) issuer(j *journey, solver acmev1.ACMEChallengeSolverDNS01) {
	j.Helper()
	j.create(&cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: dnsIssuer.Name},
		Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
			Server:        z.directory,
			SkipTLSVerify: true, // its certificate is for the other Pebble's name
			PrivateKey:    cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
			Solvers:       []acmev1.ACMEChallengeSolver{{DNS01: &solver}},
		}}},
	})
}

var dnsIssuer = cmmeta.IssuerReference{Name: "dns", Kind: cmv1.IssuerKind}

// credentials puts a Secret into the journey's namespace.
func (j *journey) credentials(name string, data map[string]string) {
	j.Helper()
	j.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: name}, StringData: data})
}

// untilProved waits until a Certificate is Ready and is for its names, and until
// nothing is left of the proof, in the cluster and in the records.
func (z *zones) untilProved(j *journey, name string, records ...string) {
	j.Helper()
	c := j.untilReady(name, issueLimit)
	leaf, err := j.stored(j.Context(), name)
	if err != nil {
		j.Fatal(err)
	}
	for _, host := range c.Spec.DNSNames {
		if err := leaf.VerifyHostname(strings.Replace(host, "*", "any", 1)); err != nil {
			j.Error(err)
		}
	}
	j.untilClean()
	for _, record := range records {
		if left, err := z.bind.LookUp(j.Context(), record); err != nil || len(left) > 0 {
			j.Errorf("%s still has %q: %v", record, left, err)
		}
	}
}

// tsig is the solver's reference to the key of a zone, which it puts into a
// Secret.
func (z *zones) tsig(j *journey, zone string) *acmev1.ACMEIssuerDNS01ProviderRFC2136 {
	j.Helper()
	key := z.keys[zone]
	j.credentials("tsig", map[string]string{"secret": key.Secret})
	return &acmev1.ACMEIssuerDNS01ProviderRFC2136{
		Nameserver: nameserver, TSIGKeyName: key.Name, TSIGAlgorithm: "HMACSHA256",
		TSIGSecret: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "tsig"}, Key: "secret"},
	}
}
