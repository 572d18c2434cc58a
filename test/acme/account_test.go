package acme_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/test/acme/testca"
)

func TestAccountIsFoundAgainByItsKey(t *testing.T) {
	t.Parallel()
	j := stranger(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	lookUp := acme.AccountRequest{OnlyReturnExisting: true}
	if _, err := j.client.NewAccount(j.ctx, lookUp); !acme.IsAccountDoesNotExist(err) {
		t.Errorf("lookup before creation: %v, want accountDoesNotExist", err)
	}
	_, err := j.client.NewAccount(j.ctx, acme.AccountRequest{})
	if acme.Classify(err, time.Now()).Kind != acme.Stalled {
		t.Errorf("creation without agreeing to the terms: %v, want stalled", err)
	}
	created := retry(j, func() (*acme.Account, error) {
		return j.client.NewAccount(j.ctx, acme.AccountRequest{TermsAgreed: true})
	})
	found := retry(j, func() (*acme.Account, error) { return j.client.NewAccount(j.ctx, lookUp) })
	if !created.Created || found.Created || found.URL != created.URL {
		t.Errorf("created %+v, found %+v", created, found)
	}
}

func TestContactsAreReplaced(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	want := []string{acme.MailContact("new@example.com")}
	updated := retry(j, func() (*acme.Account, error) { return j.client.UpdateAccount(j.ctx, want) })
	fetched := retry(j, func() (*acme.Account, error) { return j.client.GetAccount(j.ctx) })
	for _, account := range []*acme.Account{updated, fetched} {
		if diff := cmp.Diff(&acme.Account{URL: j.client.AccountURL(), Status: acme.StatusValid, Contact: want}, account); diff != "" {
			t.Errorf("account (-want +got):\n%s", diff)
		}
	}
	if got := retry(j, func() (*acme.Account, error) { return j.client.UpdateAccount(j.ctx, nil) }); len(got.Contact) != 0 {
		t.Errorf("contacts %v, want none", got.Contact)
	}
	_, err := j.client.UpdateAccount(j.ctx, []string{"tel:+15551234"})
	if acme.Classify(err, time.Now()).Kind != acme.Stalled {
		t.Errorf("contact of a wrong kind: %v, want stalled", err)
	}
}

func TestAccountThatTheServerForgotIsRecognised(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	j.client = j.client.WithAccount(j.ca.URL + testca.PathAccount + "forgotten")
	_, err := j.client.NewOrder(j.ctx, acme.OrderRequest{Identifiers: names("forgotten.example.com")})
	if !acme.IsAccountDoesNotExist(err) {
		t.Errorf("error %v, want accountDoesNotExist", err)
	}
}

func TestExternalAccountIsRequiredAndBound(t *testing.T) {
	t.Parallel()
	mac := base64.RawURLEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	j := stranger(t, testca.Start(t, testca.Options{ExternalAccounts: map[string]string{"kid-1": mac}}), acme.KeyECDSAP256)
	directory := retry(j, func() (acme.Directory, error) { return j.client.Directory(j.ctx) })
	if !directory.Meta.ExternalAccountRequired {
		t.Error("the directory does not say that an external account is required")
	}
	key, err := acme.ParseEABKey([]byte(mac))
	if err != nil {
		t.Fatal(err)
	}
	for name, binding := range map[string]*acme.ExternalAccountBinding{
		"none": nil, "unknown": {KeyID: "kid-2", Key: key}, "wrong key": {KeyID: "kid-1", Key: []byte("ffffffffffffffffffffffffffffffff")},
	} {
		_, err := j.client.NewAccount(j.ctx, acme.AccountRequest{TermsAgreed: true, EAB: binding})
		if acme.Classify(err, time.Now()).Kind != acme.Stalled {
			t.Errorf("%s: %v, want stalled", name, err)
		}
	}
	account := retry(j, func() (*acme.Account, error) {
		return j.client.NewAccount(j.ctx, acme.AccountRequest{TermsAgreed: true, EAB: &acme.ExternalAccountBinding{KeyID: "kid-1", Key: key}})
	})
	if !account.Created {
		t.Errorf("account %+v, want a new one", account)
	}
	j.client = j.client.WithAccount(account.URL)
	j.issue(acme.OrderRequest{Identifiers: names("bound.example.com")})
}
