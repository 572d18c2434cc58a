package testca

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// SetRenewalInfo has the CA answer a question about the renewal of a
// certificate, in PEM, with any text from now on.
func (c *CA) SetRenewalInfo(t testing.TB, certificate []byte, answer string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"Certificate": string(certificate), "ARIResponse": answer})
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/set-renewal-info/", bytes.NewReader(body))
	request.Header.Set("User-Agent", "test") // Pebble refuses requests without one
	c.management.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		t.Fatalf("set renewal info: %d %s", recorder.Code, recorder.Body)
	}
}
