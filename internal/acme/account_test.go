package acme

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAccountIsCreatedOrFound(t *testing.T) {
	t.Parallel()
	for status, created := range map[int]bool{201: true, 200: false} {
		c, s := newTestClient(t)
		s.on("/new-account", reply{
			status: status, body: `{"status":"valid","contact":["mailto:a@b.example"],"orders":"x"}`,
			header: map[string]string{"Location": s.URL + "/account/7"},
		})
		got, err := c.NewAccount(t.Context(), AccountRequest{TermsAgreed: true})
		if err != nil {
			t.Fatal(err)
		}
		want := &Account{URL: s.URL + "/account/7", Status: StatusValid, Contact: []string{"mailto:a@b.example"}, Created: created}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("account (-want +got):\n%s", diff)
		}
	}
}

func TestAccountWithoutURLOrStatusIsRefused(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/new-account",
		reply{status: 201, body: `{"status":"valid"}`},
		reply{status: 201, body: `{}`, header: map[string]string{"Location": "/account/1"}},
	)
	for range 2 {
		if account, err := c.NewAccount(t.Context(), AccountRequest{}); err == nil {
			t.Errorf("account %+v, want an error", account)
		}
	}
}

func TestNewTermsCarryTheirURL(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/new-account", problemReply(403, "userActionRequired", "Terms of service have changed").
		with("Link", `<https://ca.example/directory>;rel="index", <https://ca.example/terms/2>; rel="terms-of-service"`))
	_, err := c.NewAccount(t.Context(), AccountRequest{})
	if got := Classify(err, testNow); got.Kind != Stalled {
		t.Errorf("class = %v, want Stalled", got)
	}
	if got, want := Summary(err), "create account: Terms of service have changed (userActionRequired); see https://ca.example/terms/2"; got != want {
		t.Errorf("summary = %q, want %q", got, want)
	}
}
