package dns01webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/rest"

	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/internal/dns01/webhook"
	"github.com/certwright/certwright/test/apiserver"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// solver keeps what it was asked, and refuses one name. It implements the
// library's interface.
type solver struct {
	mu    sync.Mutex
	asked []v1alpha1.ChallengeRequest
}

func (s *solver) Name() string                                   { return "good" }
func (s *solver) Initialize(*rest.Config, <-chan struct{}) error { return nil }
func (s *solver) Present(r *v1alpha1.ChallengeRequest) error     { return s.keep(r) }
func (s *solver) CleanUp(r *v1alpha1.ChallengeRequest) error     { return s.keep(r) }

func (s *solver) keep(r *v1alpha1.ChallengeRequest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.DNSName == "refused.example.com" {
		return errors.New("the provider refuses the token")
	}
	s.asked = append(s.asked, *r)
	return nil
}

func (s *solver) all() []v1alpha1.ChallengeRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// access is how the operator speaks to the API server.
func access(t *testing.T, config *rest.Config) (*http.Client, *url.URL) {
	t.Helper()
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return httpClient, server
}

var record = dns01.Record{
	FQDN: "_acme-challenge.target.example.", Zone: "target.example.", Value: "the-value", Domain: "shop.example.com",
	KeyAuthorization: "not for webhooks", TTL: time.Minute,
}

func TestSolversOfThePublicLibraryUnderstandUs(t *testing.T) {
	t.Parallel()
	const group = "acme.solvers.example"
	good := &solver{}
	config := apiserver.Start(t)
	aggregate(t, config, group, good)
	httpClient, server := access(t, config)
	provider := func(edit func(*webhook.Config)) *webhook.Provider {
		t.Helper()
		c := webhook.Config{
			Client: httpClient, Server: server, GroupName: group, SolverName: "good",
			Solver: json.RawMessage(`{"zones":["a",1,null],"nested":{"secretRef":{"name":"x"}}}`), ResourceNamespace: "shop",
		}
		edit(&c)
		p, err := webhook.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	plain := provider(func(*webhook.Config) {})
	ambient := provider(func(c *webhook.Config) { c.AllowAmbient, c.ResourceNamespace, c.Solver = true, "certwright", nil })
	for _, do := range []func() error{
		func() error { return plain.EnsureTXT(t.Context(), record) },
		func() error { return plain.RemoveTXT(t.Context(), record) },
		func() error { return ambient.EnsureTXT(t.Context(), record) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	request := func(edit func(*v1alpha1.ChallengeRequest)) v1alpha1.ChallengeRequest {
		r := v1alpha1.ChallengeRequest{
			Action: v1alpha1.ChallengeActionPresent, Type: "dns-01", DNSName: "shop.example.com", Key: "the-value", ResourceNamespace: "shop",
			ResolvedFQDN: "_acme-challenge.target.example.", ResolvedZone: "target.example.",
			Config: &apiextensionsv1.JSON{Raw: []byte(`{"zones":["a",1,null],"nested":{"secretRef":{"name":"x"}}}`)},
		}
		edit(&r)
		return r
	}
	want := []v1alpha1.ChallengeRequest{
		request(func(*v1alpha1.ChallengeRequest) {}),
		request(func(r *v1alpha1.ChallengeRequest) { r.Action = v1alpha1.ChallengeActionCleanUp }),
		request(func(r *v1alpha1.ChallengeRequest) {
			r.AllowAmbientCredentials, r.ResourceNamespace, r.Config = true, "certwright", nil
		}),
	}
	if diff := cmp.Diff(want, good.all()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}

	refused := record
	refused.Domain = "refused.example.com"
	err := plain.RemoveTXT(t.Context(), refused)
	if want := `remove TXT record "_acme-challenge.target.example.": webhook good.acme.solvers.example: the provider refuses the token`; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}

	for title, test := range map[string]struct {
		edit func(*webhook.Config)
		want string
	}{
		"no such solver": {
			func(c *webhook.Config) { c.SolverName = "other" },
			`add TXT record "_acme-challenge.target.example.": webhook other.acme.solvers.example: the API server knows no such resource: is the webhook installed, and are groupName and solverName those that it has?`,
		},
		"no such group": {
			func(c *webhook.Config) { c.GroupName = "nobody.example" },
			`add TXT record "_acme-challenge.target.example.": webhook good.nobody.example: the API server knows no such resource: is the webhook installed, and are groupName and solverName those that it has?`,
		},
		"not allowed": {
			func(c *webhook.Config) {
				c.Client, c.Server = access(t, withoutRights(config))
			},
			`add TXT record "_acme-challenge.target.example.": webhook good.acme.solvers.example: the operator may not ask it: its service account needs the verb create on good in the API group acme.solvers.example`,
		},
		"the API server is not there": {
			func(c *webhook.Config) { c.Server = &url.URL{Scheme: "https", Host: nobody(t)} },
			`add TXT record "_acme-challenge.target.example.": webhook good.acme.solvers.example: ask the API server: connection refused`,
		},
	} {
		t.Run(title, func(t *testing.T) {
			err := provider(test.edit).EnsureTXT(t.Context(), record)
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v\nwant  %s", err, test.want)
			}
		})
	}
}

// withoutRights is somebody who may do nothing.
func withoutRights(config *rest.Config) *rest.Config {
	other := rest.CopyConfig(config)
	other.Impersonate = rest.ImpersonationConfig{UserName: "nobody", Groups: []string{"system:authenticated"}}
	return other
}

// nobody is an address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.7:0") // the API servers listen elsewhere
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// A webhook that is installed and does not run.
func TestWebhookThatDoesNotRunIsToldOf(t *testing.T) {
	t.Parallel()
	config := apiserver.Start(t)
	const group = "down.solvers.example"
	register(t, config, group, hostAddress(t), nobodyPort(t), nil)
	httpClient, server := access(t, config)
	p, err := webhook.New(webhook.Config{Client: httpClient, Server: server, GroupName: group, SolverName: "good"})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`remove TXT record %q: webhook good.%s: it can not be reached by the API server (503 Service Unavailable): look at the APIService v1alpha1.%s`, record.FQDN, group, group)
	eventually(t, func() (bool, string) {
		err := p.RemoveTXT(t.Context(), record)
		return err != nil && err.Error() == want, fmt.Sprint(err)
	})
}

func TestConfigurationsThatCanNotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]webhook.Config{
		`read webhook.groupName: "" is not a name`:     {SolverName: "s"},
		`read webhook.solverName: "a/b" is not a name`: {GroupName: "g", SolverName: "a/b"},
		`read webhook.solverName: ".." is not a name`:  {GroupName: "g", SolverName: ".."},
		`read webhook.config: not JSON`:                {GroupName: "g", SolverName: "s", Solver: json.RawMessage("{")},
	} {
		if _, err := webhook.New(config); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, is func() (done bool, instead string)) {
	t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	end := time.NewTimer(2 * time.Minute)
	defer end.Stop()
	for {
		done, instead := is()
		if done {
			return
		}
		select {
		case <-again.C:
		case <-end.C:
			t.Fatalf("not so; instead: %s", strings.TrimSpace(instead))
		}
	}
}
