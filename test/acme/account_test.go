package acme_test

import (
	"context"
	"crypto"
	"encoding/base64"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/test/acme/faultproxy"
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

func TestAccountKeyIsChangedWhileRequestsAreUnderWay(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyRSA2048)
	order := j.order(acme.OrderRequest{Identifiers: names("rollover.example.com")})
	ctx, stop := context.WithCancel(j.ctx)
	var asking sync.WaitGroup
	asked := make(chan struct{}, 1)
	for range 8 {
		asking.Go(func() {
			for ctx.Err() == nil {
				if _, err := j.client.GetOrder(j.ctx, order.URL); err != nil && acme.Classify(err, time.Now()).Kind != acme.Retry {
					t.Errorf("request during the change: %v", err)
					return
				}
				select {
				case asked <- struct{}{}:
				default:
				}
			}
		})
	}
	old := *j.client
	for _, kind := range []acme.KeyType{acme.KeyECDSAP256, acme.KeyECDSAP384, acme.KeyRSA2048} {
		<-asked
		key, err := acme.GenerateAccountKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.client.KeyChange(j.ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	<-asked
	stop()
	asking.Wait()
	if got := retry(j, func() (*acme.Account, error) { return j.client.GetAccount(j.ctx) }); got.URL != old.AccountURL() || got.Status != acme.StatusValid {
		t.Errorf("account %+v", got)
	}
	j.issue(acme.OrderRequest{Identifiers: names("rollover.example.com")})
}

func TestChangedKeyIsTheOneThatTheServerKnowsAlsoIfItsAnswerIsLost(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	key, err := acme.GenerateAccountKey(acme.KeyECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	j.ca.Faults.Add(faultproxy.Rule{Path: testca.PathKeyChange, Times: 1, Fault: faultproxy.LoseAnswer()})
	if err := j.client.KeyChange(j.ctx, key); err == nil || acme.Classify(err, time.Now()).Kind != acme.Retry {
		t.Fatalf("error %v, want a lost answer", err)
	}
	found := func(key crypto.Signer) (*acme.Account, error) {
		client, err := acme.New(acme.Config{DirectoryURL: j.ca.DirectoryURL, HTTPClient: j.ca.HTTPClient, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return client.NewAccount(j.ctx, acme.AccountRequest{OnlyReturnExisting: true})
	}
	if account, err := found(key); err != nil || account.URL != j.client.AccountURL() {
		t.Errorf("account of the new key: %+v, %v", account, err)
	}
	if _, err := j.client.GetAccount(j.ctx); err == nil {
		t.Error("the old key is still the account's")
	}
}

func TestDeactivatedAccountTakesNoOrders(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	account := retry(j, func() (*acme.Account, error) { return j.client.DeactivateAccount(j.ctx) })
	if account.Status != acme.StatusDeactivated {
		t.Errorf("account %+v", account)
	}
	_, err := j.client.NewOrder(j.ctx, acme.OrderRequest{Identifiers: names("deactivated.example.com")})
	if acme.Classify(err, time.Now()).Kind != acme.Stalled || !acme.IsAccountDeactivated(err) {
		t.Errorf("order of a deactivated account: %v", err)
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
