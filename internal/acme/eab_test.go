package acme

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func TestEABKeyIsReadAsPeoplePasteIt(t *testing.T) {
	t.Parallel()
	want := []byte{0xfb, 0xff, 0xfe, 1}
	for _, text := range []string{"-__-AQ", "-__-AQ==", "+//+AQ==", "  -__-AQ\n"} {
		if got, err := ParseEABKey([]byte(text)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %x, %v, want %x", text, got, err, want)
		}
	}
	for _, text := range []string{"", "\n", "sécret", "not base64", "a"} {
		if _, err := ParseEABKey([]byte(text)); err == nil || text != "" && strings.TrimSpace(text) != "" && strings.Contains(err.Error(), text+" ") {
			t.Errorf("%q: error %v, want a refusal", text, err)
		}
	}
}

func TestExternalAccountIsBoundToTheAccountKey(t *testing.T) {
	t.Parallel()
	for name, mac := range map[string][]byte{"usual": bytes.Repeat([]byte{7}, 64), "short": []byte("short")} {
		c, s := newTestClient(t)
		s.on("/new-account", reply{status: 201, body: `{"status":"valid"}`, header: map[string]string{"Location": s.URL + "/account/9"}})
		account, err := c.NewAccount(t.Context(), AccountRequest{TermsAgreed: true, EAB: &ExternalAccountBinding{KeyID: "kid-1", Key: mac}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if account.URL != s.URL+"/account/9" || !account.Created {
			t.Errorf("%s: account %+v", name, account)
		}
		var payload struct {
			Binding json.RawMessage `json:"externalAccountBinding"`
		}
		if err := json.Unmarshal([]byte(s.requests("/new-account")[0].payload), &payload); err != nil {
			t.Fatal(err)
		}
		inner, err := jose.ParseSignedJSON(string(payload.Binding), []jose.SignatureAlgorithm{jose.HS256})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		header := inner.Signatures[0].Protected
		if header.KeyID != "kid-1" || header.Nonce != "" || header.ExtraHeaders["url"] != s.URL+"/new-account" {
			t.Errorf("%s: protected header %+v", name, header)
		}
		if len(mac) >= 32 { // the library verifies no shorter ones
			if _, err := inner.Verify(mac); err != nil {
				t.Errorf("%s: verify: %v", name, err)
			}
		}
		want, err := (&jose.JSONWebKey{Key: c.account.signer().Public()}).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(inner.UnsafePayloadWithoutVerification())); diff != "" {
			t.Errorf("%s: payload (-want +got):\n%s", name, diff)
		}
	}
}
