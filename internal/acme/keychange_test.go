package acme

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// offerKeyChange makes the server's directory name a resource for it.
func (s *scriptedServer) offerKeyChange() {
	s.on("/directory", reply{body: s.expand(`{"newNonce":"$URL/nonce","newAccount":"$URL/new-account","newOrder":"$URL/new-order","keyChange":"$URL/key-change"}`)})
}

func TestNewKeyVouchesForTheAccountAndTheOldOneForTheRequest(t *testing.T) {
	t.Parallel()
	for _, kind := range []KeyType{KeyECDSAP256, KeyECDSAP384, KeyRSA2048} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c, s := newTestClient(t)
			s.offerKeyChange()
			s.on("/key-change", reply{})
			key, err := GenerateAccountKey(kind)
			if err != nil {
				t.Fatal(err)
			}
			old := c.account.signer()
			if err := c.KeyChange(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			request := s.requests("/key-change")[0] // the server verified it by the old key
			if request.keyID != c.AccountURL() {
				t.Errorf("outer kid %q, want the account", request.keyID)
			}
			inner, err := jose.ParseSignedJSON(request.payload, []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.RS256})
			if err != nil {
				t.Fatal(err)
			}
			payload, err := inner.Verify(key.Public())
			if err != nil {
				t.Fatalf("inner signature: %v", err)
			}
			header := inner.Signatures[0].Protected
			thumbprint, err := Thumbprint(key.Public())
			if err != nil {
				t.Fatal(err)
			}
			embedded, err := Thumbprint(header.JSONWebKey.Key)
			if err != nil || embedded != thumbprint {
				t.Errorf("inner jwk has thumbprint %q, %v, want %q", embedded, err, thumbprint)
			}
			if header.Nonce != "" || header.KeyID != "" || header.ExtraHeaders["url"] != s.URL+"/key-change" || !strings.Contains(request.payload, `"protected"`) {
				t.Errorf("inner header %+v", header)
			}
			var got struct {
				Account string          `json:"account"`
				OldKey  jose.JSONWebKey `json:"oldKey"`
			}
			if err := json.Unmarshal(payload, &got); err != nil {
				t.Fatal(err)
			}
			oldThumbprint, err := Thumbprint(got.OldKey.Key)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Thumbprint(old.Public())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.AccountURL(), want}, []string{got.Account, oldThumbprint}); diff != "" {
				t.Errorf("account and old key (-want +got):\n%s", diff)
			}
			if c.account.signer() != key {
				t.Error("the client goes on with the old key")
			}
		})
	}
}

func TestServerWithoutKeyChangeIsRecognised(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	if err := c.KeyChange(t.Context(), testKey(t)); !IsKeyChangeUnsupported(err) || len(s.requests("/key-change")) != 0 {
		t.Errorf("directory without keyChange: %v", err)
	}
	for name, row := range map[string]struct {
		answer reply
		want   bool
	}{
		"501 as a problem":        {problemReply(http.StatusNotImplemented, "notImplemented", "this functionality is not implemented"), true},
		"404 of a page":           {reply{status: http.StatusNotFound, body: pageOfAProxy}, true},
		"a refusal of the key":    {problemReply(http.StatusBadRequest, "badPublicKey", "weak"), false},
		"trouble":                 {problemReply(http.StatusInternalServerError, "serverInternal", "database"), false},
		"a key of somebody else":  {problemReply(http.StatusConflict, "malformed", "key in use"), false},
		"something before the CA": {reply{status: http.StatusServiceUnavailable, body: pageOfAProxy}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := newTestClient(t)
			s.offerKeyChange()
			s.on("/key-change", row.answer)
			if err := c.KeyChange(t.Context(), testKey(t)); err == nil || IsKeyChangeUnsupported(err) != row.want {
				t.Errorf("%v: unsupported is %t, want %t", err, !row.want, row.want)
			}
		})
	}
	if IsKeyChangeUnsupported(problemError(ActionCreateOrder, http.StatusNotFound)) || IsKeyChangeUnsupported(errors.New("x")) {
		t.Error("another failure was taken for it")
	}
}

func problemError(action Action, status int) error {
	return &Problem{Action: action, Status: status, Type: typePrefix + "malformed", Detail: "x"}
}

func TestAccountIsDeactivatedForGood(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/account/1",
		reply{body: `{"status":"deactivated"}`},
		problemReply(http.StatusForbidden, "unauthorized", `account has been deactivated`),
	)
	account, err := c.DeactivateAccount(t.Context())
	if err != nil || account.Status != StatusDeactivated {
		t.Errorf("account %+v, %v", account, err)
	}
	if got := s.requests("/account/1")[0].payload; got != `{"status":"deactivated"}` {
		t.Errorf("payload %s", got)
	}
	_, err = c.DeactivateAccount(t.Context())
	if !IsAccountDeactivated(err) || Classify(err, testNow).Kind != Stalled {
		t.Errorf("second time: %v", err)
	}
	other := &Problem{Action: ActionAcceptChallenge, Status: http.StatusForbidden, Type: typeUnauthorized, Detail: "authorization was deactivated"}
	if IsAccountDeactivated(other) || Classify(other, testNow).Kind != Failed {
		t.Error("a deactivated authorization was taken for a deactivated account")
	}
}

func TestSmallestChainHasTheFewestBytes(t *testing.T) {
	t.Parallel()
	first, small, twin := &Chain{PEM: make([]byte, 30)}, &Chain{PEM: make([]byte, 20)}, &Chain{PEM: make([]byte, 20)}
	if got := PreferredChain([]*Chain{first, small, twin}, SmallestChain); got != small {
		t.Errorf("picked the one of %d bytes", len(got.PEM))
	}
}
