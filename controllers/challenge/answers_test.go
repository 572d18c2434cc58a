package challenge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// indexedByToken is a cache of Challenges that knows the one index.
type indexedByToken []acmev1.Challenge

func (c indexedByToken) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("not by name")
}

func (c indexedByToken) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	selector := (&client.ListOptions{}).ApplyOptions(options).FieldSelector
	for _, one := range c {
		if selector.Matches(fields.Set{byToken: one.Spec.Token}) {
			list.(*acmev1.ChallengeList).Items = append(list.(*acmev1.ChallengeList).Items, one)
		}
	}
	return nil
}

func challengeAt(domain, token, key string) acmev1.Challenge {
	return acmev1.Challenge{Spec: acmev1.ChallengeSpec{DNSName: domain, Token: token, Key: key}}
}

func TestResponderAnswersForEveryChallengeAndNothingElse(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &answers{listener: listener, client: indexedByToken{
		challengeAt("a.example.com", "one", "one.k"),
		challengeAt("b.example.com", "one", "one.other"), // two CAs may give the same token
		challengeAt("2001:db8::1", "two", "two.k"),
	}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if a.NeedLeaderElection() {
		t.Error("only the leader answers")
	}
	for _, test := range []struct {
		host, path string
		status     int
		body       string
	}{
		{"a.example.com", "/.well-known/acme-challenge/one", 200, "one.k"},
		{"B.example.com:80", "/.well-known/acme-challenge/one", 200, "one.other"},
		{"[2001:DB8::1]", "/.well-known/acme-challenge/two", 200, "two.k"},
		{"a.example.com", "/.well-known/acme-challenge/two", 404, "404 page not found\n"},
		{"c.example.com", "/.well-known/acme-challenge/one", 404, "404 page not found\n"},
		{"a.example.com", "/.well-known/acme-challenge/", 404, "404 page not found\n"},
		{"10.0.0.1", "/healthz", 200, "ok\n"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = test.host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != test.status || string(body) != test.body {
			t.Errorf("%s%s: %d %q, %v", test.host, test.path, response.StatusCode, body, err)
		}
		_ = response.Body.Close()
	}
}
