package challenge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/internal/dns01/worker"
	"github.com/certwright/certwright/internal/lifecycle"
)

// fixedDNS answers every question with what one zone would: that there is an SOA
// record above, and a CNAME at one name.
type fixedDNS struct{}

func (fixedDNS) Exchange(_ context.Context, _ string, q dns01.Question) (dns01.Answer, error) {
	answer := dns01.Answer{Zone: "example.com.", TTL: time.Minute, Aliases: map[string]string{}}
	if q.Name == "_acme-challenge.alias.example.com." {
		answer.Aliases[q.Name] = "target.example.com."
	}
	return answer, nil
}

type fixedSecrets map[types.NamespacedName]map[string][]byte

func (f fixedSecrets) Get(_ context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	if data, ok := f[key]; ok {
		return &corev1.Secret{Data: data}, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
}

func newTestDNS(t *testing.T, edit func(*DNS01Config)) *solveDNS {
	t.Helper()
	clock := func() time.Time { return started }
	resolver, err := dns01.New(dns01.Config{Nameservers: []string{"192.0.2.53"}, Exchanger: fixedDNS{}, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	d := &solveDNS{DNS01Config: DNS01Config{Resolver: resolver, Secrets: fixedSecrets{}, ClusterResourceNamespace: "certwright", AmbientClusterIssuers: true}, clock: clock}
	edit(&d.DNS01Config)
	d.provide = d.provider
	return d
}

func dnsChallenge(uid, domain string, edit func(*acmev1.ChallengeSpec)) *acmev1.Challenge {
	c := &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: uid, UID: types.UID(uid)},
		Spec: acmev1.ChallengeSpec{
			DNSName: domain, Key: "value-" + uid, Type: acmev1.ACMEChallengeTypeDNS01,
			IssuerRef: cmmeta.IssuerReference{Name: "ca"},
			Solver:    acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{CNAMEStrategy: acmev1.FollowStrategy}},
		},
	}
	if edit != nil {
		edit(&c.Spec)
	}
	return c
}

// slowProvider tells of each operation and ends it when it is told to.
type slowProvider struct {
	begun chan string
	end   chan error
}

func (p *slowProvider) do(ctx context.Context, what string, r dns01.Record) error {
	p.begun <- fmt.Sprintf("%s %s %s", what, r.FQDN, r.Value)
	select {
	case err := <-p.end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *slowProvider) EnsureTXT(ctx context.Context, r dns01.Record) error {
	return p.do(ctx, "ensure", r)
}

func (p *slowProvider) RemoveTXT(ctx context.Context, r dns01.Record) error {
	return p.do(ctx, "remove", r)
}

// startRecords runs the writers over providers that webhooks stand for.
func startRecords(t *testing.T, provider dns01.Provider) (r *records, wake chan wakeUp) {
	t.Helper()
	wake = make(chan wakeUp, 10)
	d := newTestDNS(t, func(*DNS01Config) {})
	d.provide = func(context.Context, *acmev1.Challenge) (dns01.Provider, bool, error) { return provider, false, nil }
	r = newRecords(d, func() time.Time { return started }, wake)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := r.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	return r, wake
}

func TestValuesOfOneRecordAreWrittenOneAfterTheOther(t *testing.T) {
	t.Parallel()
	p := &slowProvider{begun: make(chan string), end: make(chan error)}
	r, wake := startRecords(t, p)
	// Two names that lead to one record, and one that does not.
	first, second := dnsChallenge("1", "alias.example.com", nil), dnsChallenge("2", "alias.example.com", nil)
	third := dnsChallenge("3", "other.example.com", nil)
	r.begin(first, false)
	if got := <-p.begun; got != "ensure target.example.com. value-1" {
		t.Fatal(got)
	}
	r.begin(first, false) // is under way already
	r.begin(second, false)
	r.begin(third, false)
	if got := <-p.begun; got != "ensure _acme-challenge.other.example.com. value-3" {
		t.Fatalf("%s while the first is being written", got)
	}
	if known := r.take("2"); known.since.IsZero() || known.written {
		t.Errorf("of the second is known: %+v", known)
	}
	p.end <- nil
	p.end <- errors.New("refused")
	if got := <-p.begun; got != "ensure target.example.com. value-2" {
		t.Fatal(got)
	}
	p.end <- nil
	woken := map[string]bool{}
	for range 3 {
		woken[(<-wake).Object.Name] = true
	}
	if len(woken) != 3 {
		t.Errorf("woken: %v", woken)
	}
	failed := 0
	for _, uid := range []types.UID{"1", "3"} {
		known := r.take(uid)
		if known.ended == nil || !known.attempted || !known.since.IsZero() {
			t.Errorf("of %s is known: %+v", uid, known)
		} else if known.ended.err != nil {
			failed++
		}
		if again := r.take(uid); again.ended != nil {
			t.Errorf("the end of %s is told twice", uid)
		}
	}
	if failed != 1 {
		t.Errorf("%d have failed", failed)
	}
}

// A CNAME may change while the record is there.
func TestRecordIsRemovedWhereItWasWritten(t *testing.T) {
	t.Parallel()
	p := &slowProvider{begun: make(chan string, 1), end: make(chan error, 1)}
	r, wake := startRecords(t, p)
	c := dnsChallenge("1", "alias.example.com", nil)
	p.end <- errors.New("no answer, but it did")
	r.begin(c, false)
	<-p.begun
	<-wake
	p.end <- nil
	moved := c.DeepCopy()
	moved.Spec.DNSName = "other.example.com"
	r.begin(moved, true)
	if got := <-p.begun; got != "remove target.example.com. value-1" {
		t.Error(got)
	}
	<-wake
	if known := r.take("1"); !known.removed || known.written {
		t.Errorf("known: %+v", known)
	}
	r.forget("1")
	if known := r.take("1"); known.attempted {
		t.Errorf("known of a Challenge that is gone: %+v", known)
	}
}

// The second of two values would be lost, or would overwrite the first.
func TestProviderThatKeepsOneValueIsGivenOneAtATime(t *testing.T) {
	t.Parallel()
	p := &slowProvider{begun: make(chan string, 1), end: make(chan error, 1)}
	r, wake := startRecords(t, p)
	oneAtATime := func(spec *acmev1.ChallengeSpec) {
		spec.Solver.DNS01.Provider = &acmev1.ACMEIssuerDNS01ProviderNamed{Name: "ddnss"}
	}
	first, second := dnsChallenge("1", "alias.example.com", oneAtATime), dnsChallenge("2", "alias.example.com", oneAtATime)
	do := func(c *acmev1.Challenge, remove bool) (asked, failed string) {
		t.Helper()
		p.end <- nil
		r.begin(c, remove)
		<-wake
		if err := r.take(c.UID).ended.err; err != nil {
			failed = err.Error()
		}
		select {
		case asked = <-p.begun:
		default:
			<-p.end // nobody took it
		}
		return asked, failed
	}
	for _, step := range []struct {
		challenge     *acmev1.Challenge
		remove        bool
		asked, failed string
	}{
		{first, false, "ensure target.example.com. value-1", ""},
		{second, false, "", `add TXT record "target.example.com.": this provider keeps one value only; waiting until that of another challenge is removed`},
		{second, true, "", ""}, // what is there is not the second's
		{first, false, "ensure target.example.com. value-1", ""},
		{first, true, "remove target.example.com. value-1", ""},
		{second, false, "ensure target.example.com. value-2", ""},
	} {
		asked, failed := do(step.challenge, step.remove)
		if asked != step.asked || failed != step.failed {
			t.Errorf("%s, remove %t: %q, %q, want %q, %q", step.challenge.Name, step.remove, asked, failed, step.asked, step.failed)
		}
	}
	r.forget("2") // the Challenge is gone
	if asked, failed := do(first, false); asked == "" || failed != "" {
		t.Errorf("after the other is gone: %q, %q", asked, failed)
	}
}

// What a webhook is told depends on the kind of the issuer.
func TestWebhookIsToldWhereToLookAndWhatItMayUse(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question struct {
			Request struct {
				ResourceNamespace       string
				AllowAmbientCredentials bool
				Config                  json.RawMessage
			}
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &question) != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		mu.Lock()
		asked = append(asked, fmt.Sprintf("%s %s %t %s", r.URL.Path, question.Request.ResourceNamespace, question.Request.AllowAmbientCredentials, question.Request.Config))
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"response":{"success":true}}`)
	}))
	t.Cleanup(api.Close)
	d := newTestDNS(t, func(*DNS01Config) {})
	server, err := url.Parse(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	d.http, d.server = api.Client(), server
	for _, kind := range []string{cmv1.IssuerKind, cmv1.ClusterIssuerKind} {
		c := dnsChallenge("1", "shop.example.com", func(spec *acmev1.ChallengeSpec) {
			spec.IssuerRef.Kind = kind
			spec.Solver.DNS01.Webhook = &acmev1.ACMEIssuerDNS01ProviderWebhook{
				GroupName: "acme.example", SolverName: "solver", Config: &apiextensionsv1.JSON{Raw: []byte(`{"a":[1]}`)},
			}
		})
		if err := d.change(t.Context(), recordJob{challenge: c}, dns01.Record{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`/apis/acme.example/v1alpha1/solver shop false {"a":[1]}`,
		`/apis/acme.example/v1alpha1/solver certwright true {"a":[1]}`,
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestCredentialsComeFromTheIssuersNamespace(t *testing.T) {
	t.Parallel()
	d := newTestDNS(t, func(c *DNS01Config) {
		c.Secrets = fixedSecrets{
			{Namespace: "shop", Name: "tsig"}:       {"key": []byte("c2hvcA==")},
			{Namespace: "certwright", Name: "tsig"}: {"other": []byte("Y2VydHdyaWdodA==")},
		}
	})
	for _, test := range []struct{ kind, name, want string }{
		{cmv1.IssuerKind, "tsig", ""},
		{cmv1.ClusterIssuerKind, "tsig", `read credentials: Secret "tsig" in namespace "certwright" has no key "key"`},
		{cmv1.IssuerKind, "none", `read credentials: Secret "none" does not exist in namespace "shop"`},
	} {
		c := dnsChallenge("1", "shop.example.com", func(spec *acmev1.ChallengeSpec) {
			spec.IssuerRef.Kind = test.kind
			spec.Solver.DNS01.RFC2136 = &acmev1.ACMEIssuerDNS01ProviderRFC2136{
				Nameserver: "192.0.2.1", TSIGKeyName: "k", TSIGSecret: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: test.name}, Key: "key"},
			}
		})
		_, _, err := d.provider(t.Context(), c)
		if (err == nil) != (test.want == "") || (err != nil && err.Error() != test.want) {
			t.Errorf("%s: error %v, want %q", test.kind, err, test.want)
		}
		missing := errors.As(err, new(*missingError))
		fault := lifecycle.Fault{}
		if err != nil {
			fault = recordFault(lifecycle.StepCleanUp, err, started)
		}
		if missing != (fault.Code == lifecycle.NotFound) {
			t.Errorf("%s: %+v", test.kind, fault)
		}
	}
}

func TestSolverWithoutAProviderSaysSo(t *testing.T) {
	t.Parallel()
	d := newTestDNS(t, func(*DNS01Config) {})
	c := dnsChallenge("1", "shop.example.com", func(spec *acmev1.ChallengeSpec) {
		spec.Solver.DNS01.Cloudflare = &acmev1.ACMEIssuerDNS01ProviderCloudflare{}
	})
	_, _, err := d.provider(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "without dns01-worker") {
		t.Errorf("error %v", err)
	}
	if verdict, text := (*solveDNS)(nil).look(t.Context(), c); verdict != lifecycle.SelfCheckWrong || text != errNoDNS01.Error() {
		t.Errorf("%d, %s", verdict, text)
	}
}

// refusedTokens is an API server that gives no tokens.
type refusedTokens struct {
	client.SubResourceClient
	err error
}

func (r refusedTokens) SubResource(string) client.SubResourceClient { return r }

func (r refusedTokens) Create(context.Context, client.Object, client.Object, ...client.SubResourceCreateOption) error {
	return r.err
}

func TestTokenThatIsNotGivenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	accounts := schema.GroupResource{Resource: "serviceaccounts"}
	for want, err := range map[string]error{
		`service account "route53" does not exist in namespace "shop"`:                                                                   apierrors.NewNotFound(accounts, "route53"),
		`the operator may not: its own service account needs the verb create on serviceaccounts/token for "route53" in namespace "shop"`: apierrors.NewForbidden(accounts, "route53", errors.New("no")),
	} {
		access := Access{Namespace: "shop", tokens: refusedTokens{err: err}}
		if _, err := access.Token(t.Context(), "route53", nil); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
}

func TestErrorsOfTheWorkerSayWhichStepFailed(t *testing.T) {
	t.Parallel()
	// The program can not be started, which is an error like any other.
	d := newTestDNS(t, func(c *DNS01Config) { c.Worker = worker.New(worker.Options{Path: "/does/not/exist"}) })
	c := dnsChallenge("1", "shop.example.com", func(spec *acmev1.ChallengeSpec) {
		spec.Solver.DNS01.Provider = &acmev1.ACMEIssuerDNS01ProviderNamed{Name: "pdns"}
	})
	d.client = fake.NewClientBuilder().WithScheme(acmeScheme(t)).WithObjects(c).Build()
	p, _, err := d.provider(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	record := dns01.Record{FQDN: "_acme-challenge.shop.example.com.", Zone: "example.com."}
	for want, do := range map[string]func(context.Context, dns01.Record) error{
		`add TXT record "_acme-challenge.shop.example.com.": the DNS worker failed: `:    p.EnsureTXT,
		`remove TXT record "_acme-challenge.shop.example.com.": the DNS worker failed: `: p.RemoveTXT,
	} {
		if err := do(t.Context(), record); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v\nwant  %s...", err, want)
		}
	}
}

func acmeScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := acmev1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLocksWaitForEachOtherByName(t *testing.T) {
	t.Parallel()
	var locks namedLocks
	var mu sync.Mutex
	var inside, most int
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			unlock, err := locks.lock(t.Context(), []string{"a", "b"}[i%2])
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			mu.Lock()
			inside--
			mu.Unlock()
			unlock()
		})
	}
	all.Wait()
	if most > 2 || len(locks.held) != 0 {
		t.Errorf("%d held at the same time, %d are left", most, len(locks.held))
	}
	unlock, err := locks.lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := locks.lock(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
