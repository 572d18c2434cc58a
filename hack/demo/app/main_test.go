package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGreeting(t *testing.T) {
	t.Parallel()
	for proto, want := range map[string]string{
		"https": "Hello from hello.example, served over HTTPS.\n",
		"":      "Hello from hello.example, served over plain HTTP.\n",
	} {
		request := httptest.NewRequest(http.MethodGet, "http://hello.example/", http.NoBody)
		request.Header.Set("X-Forwarded-Proto", proto)
		answer := httptest.NewRecorder()
		handler().ServeHTTP(answer, request)
		if answer.Code != http.StatusOK || answer.Body.String() != want {
			t.Errorf("%q: %d %q, want %q", proto, answer.Code, answer.Body, want)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	answer := httptest.NewRecorder()
	handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody))
	if answer.Code != http.StatusOK {
		t.Errorf("status %d", answer.Code)
	}
}
