package testca

import (
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
)

// PathRevoke is where certificates are revoked.
const PathRevoke = "/revoke-cert"

// Revocation is what the CA knows of a certificate.
type Revocation struct {
	Revoked bool
	Reason  int // of RFC 5280 5.3.1; zero also if none was given
}

// StatusBySerial asks the CA for the status of a certificate that it has issued.
func (c *CA) StatusBySerial(t testing.TB, serial *big.Int) Revocation {
	t.Helper()
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/cert-status-by-serial/"+serial.Text(16), nil)
	request.Header.Set("User-Agent", "test") // Pebble refuses requests without one
	c.management.ServeHTTP(recorder, request)
	var answer struct {
		Status string
		Reason int
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); recorder.Code != http.StatusOK || err != nil {
		t.Fatalf("status of certificate %x: %d %s", serial, recorder.Code, recorder.Body)
	}
	return Revocation{Revoked: answer.Status == "Revoked", Reason: answer.Reason}
}
