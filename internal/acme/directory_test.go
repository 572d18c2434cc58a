package acme

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDirectoryIsReadWithWhatIsUnknownOrWrongLeftOut(t *testing.T) {
	t.Parallel()
	got, err := ParseDirectory([]byte(`{
		"newNonce": "https://ca.example/nonce", "newAccount": "https://ca.example/account", "newOrder": "https://ca.example/order",
		"NEWORDER": "https://evil.example/order", "xYz123": "https://community.example/random", "keyChange": 7,
		"revokeCert": "ftp://ca.example/revoke", "renewalInfo": "https://ca.example/ari",
		"meta": {
			"termsOfService": "https://ca.example/terms", "website": ["not a string"], "caaIdentities": ["ca.example"],
			"externalAccountRequired": true, "profiles": {"classic": "https://ca.example/classic", "odd": 3}
		}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Directory{
		NewNonce: "https://ca.example/nonce", NewAccount: "https://ca.example/account", NewOrder: "https://ca.example/order",
		RenewalInfo: "https://ca.example/ari",
		Meta: DirectoryMeta{
			TermsOfService: "https://ca.example/terms", CAAIdentities: []string{"ca.example"}, ExternalAccountRequired: true,
			Profiles: map[string]string{"classic": "https://ca.example/classic", "odd": ""},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
}

func TestWhatIsNoDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		``, `null`, `[]`, `{}`, `{"newNonce":"https://a/n","newAccount":"https://a/a"}`,
		`{"newNonce":"https://a/n","newAccount":"https://a/a","newOrder":"/relative"}`,
	} {
		if directory, err := ParseDirectory([]byte(document)); err == nil {
			t.Errorf("%s: read as %+v", document, directory)
		}
	}
}

func FuzzParseDirectory(f *testing.F) {
	f.Add([]byte(`{"newNonce":"https://a/n","newAccount":"https://a/a","newOrder":"https://a/o","meta":{"profiles":{"a":"b"}}}`))
	f.Add([]byte(`{"meta":[]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		directory, err := ParseDirectory(document)
		if err != nil {
			return
		}
		for _, url := range []string{directory.NewNonce, directory.NewAccount, directory.NewOrder} {
			if checkURL(url) != nil {
				t.Errorf("unusable URL %q in a directory without an error", url)
			}
		}
	})
}

func TestDirectoryIsFetchedAgainWhenItGotOld(t *testing.T) {
	t.Parallel()
	now := testNow
	c, s := newTestClient(t, func(c *Config) { c.Clock = func() time.Time { return now } })
	fetch := func() {
		t.Helper()
		if _, err := c.Directory(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fetch()
	now = now.Add(directoryFresh - 1)
	fetch()
	if got := len(s.requests("/directory")); got != 1 {
		t.Errorf("%d fetches while fresh, want 1", got)
	}
	now = now.Add(1)
	fetch()
	if got := len(s.requests("/directory")); got != 2 {
		t.Errorf("%d fetches when old, want 2", got)
	}
}

func TestOldDirectoryServesThroughAnOutage(t *testing.T) {
	t.Parallel()
	now := testNow
	c, s := newTestClient(t, func(c *Config) { c.Clock = func() time.Time { return now } })
	if _, err := c.Directory(t.Context()); err != nil {
		t.Fatal(err)
	}
	good := s.script["/directory"]
	s.on("/directory", reply{status: http.StatusServiceUnavailable})
	now = now.Add(directoryFresh)
	for range 3 {
		if directory, err := c.Directory(t.Context()); err != nil || directory.NewOrder == "" {
			t.Fatalf("directory %+v, %v, want the old one", directory, err)
		}
	}
	if got := len(s.requests("/directory")); got != 2 {
		t.Errorf("%d fetches, want 2: an outage is not hammered", got)
	}
	s.on("/directory", good...)
	now = now.Add(directoryRetry)
	if _, err := c.Directory(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(s.requests("/directory")); got != 3 {
		t.Errorf("%d fetches, want 3", got)
	}

	now = now.Add(directoryFresh)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Directory(ended); err == nil {
		t.Error("a cancelled call succeeded")
	}
}

func TestDirectoryOfAnotherURLIsNotUsed(t *testing.T) {
	t.Parallel()
	shared := new(DirectoryCache)
	first, _ := newTestClient(t, func(c *Config) { c.Directory = shared })
	second, s := newTestClient(t, func(c *Config) { c.Directory = shared })
	if _, err := first.Directory(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := second.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := s.URL + "/new-order"; got.NewOrder != want {
		t.Errorf("newOrder = %q, want %q", got.NewOrder, want)
	}
}

func TestMovedResourceAndUnknownProfileMakeTheDirectoryOld(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]reply{
		"moved":   {status: http.StatusNotFound},
		"profile": problemReply(400, "invalidProfile", "no such profile"),
	} {
		c, s := newTestClient(t)
		s.on("/new-order", answer)
		for range 2 {
			if _, err := c.NewOrder(t.Context(), OrderRequest{}); err == nil {
				t.Fatalf("%s: no error", name)
			}
		}
		if got := len(s.requests("/directory")); got != 2 {
			t.Errorf("%s: directory fetched %d times, want 2", name, got)
		}
	}
}
