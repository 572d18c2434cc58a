package worker

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func hetzner(in *internet, timeout time.Duration) *Provider {
	client := in.client(nil)
	client.timeout = timeout
	return client.Provider(settings("hetzner", nil, map[string]string{"HETZNER_API_TOKEN": "hetzner-token"}), nil)
}

func TestAProviderThatDoesNotAnswerCostsItsTime(t *testing.T) {
	t.Parallel()
	silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	in := newInternet(t, map[string]http.Handler{"api.hetzner.cloud": silent})
	err := hetzner(in, time.Second).EnsureTXT(t.Context(), record("x"))
	if err == nil || !strings.Contains(err.Error(), "within 1s") && !strings.Contains(err.Error(), "deadline exceeded") || IsStalled(err) {
		t.Errorf("got %v", err)
	}
}

func TestAnAnswerThatDoesNotEndCostsTheWorker(t *testing.T) {
	t.Parallel()
	sent := make(chan int, 8)
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		total, block := 0, make([]byte, 1<<20)
		for {
			n, err := w.Write(block)
			if total += n; err != nil {
				sent <- total
				return
			}
		}
	})
	in := newInternet(t, map[string]http.Handler{"api.hetzner.cloud": endless})
	err := hetzner(in, 2*time.Minute).EnsureTXT(t.Context(), record("x"))
	if err == nil || err.Error() != "the DNS worker failed: it crashed: exit status 2" {
		t.Errorf("got %v", err)
	}
	if total := <-sent; total > 600<<20 {
		t.Errorf("it took %d MiB", total>>20)
	}
}

// TransIP's key is the content of a file for lego; here it is in the request.
func TestTheContentOfAFileIsGivenInstead(t *testing.T) {
	t.Parallel()
	in := newInternet(t, nil)
	err := in.client(nil).Provider(settings("transip", map[string]string{"TRANSIP_ACCOUNT_NAME": "me"}, map[string]string{"TRANSIP_PRIVATE_KEY_PATH": "no PEM"}), nil).EnsureTXT(t.Context(), record("x"))
	if err == nil || !strings.Contains(err.Error(), "could not decode private key") { // it was found, and read
		t.Errorf("got %v", err)
	}
}
