package venafi_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/issuers/venafi"
	"github.com/certwright/certwright/test/cyberark"
)

func TestATokenIsAskedForOnceInItsLife(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*world, *testing.T) venafi.Server{
		"self-hosted":                    func(w *world, t *testing.T) venafi.Server { return w.tpp(t, nil) },
		"Next-Generation Trust Security": func(w *world, t *testing.T) venafi.Server { return w.ngts(t, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			server := make(w, t)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					if _, err := server.Submit(t.Context(), webRequest(t)); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			logins := func() (n int) {
				w.Change(func(s *cyberark.Server) { n = s.Logins })
				return n
			}
			if n := logins(); n != 1 {
				t.Errorf("%d tokens for eight certificates at once, want 1", n)
			}
			w.pass(57 * time.Minute)
			if err := server.Verify(t.Context()); err != nil || logins() != 1 {
				t.Errorf("three minutes before its end: error %v, %d tokens", err, logins())
			}
			w.pass(2 * time.Minute)
			if err := server.Verify(t.Context()); err != nil || logins() != 2 {
				t.Errorf("a minute before its end: error %v, %d tokens", err, logins())
			}
			w.Change(func(s *cyberark.Server) { s.EndTokens() })
			if err := server.Verify(t.Context()); err != nil || logins() != 3 {
				t.Errorf("after it was revoked: error %v, %d tokens", err, logins())
			}
		})
	}
}

func TestATokenThatIsNotTakenIsNotReplacedForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Override = func(out http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/checkpolicy") {
			return false
		}
		cyberark.Reply(out, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return true
	}
	err := w.tpp(t, nil).Verify(t.Context())
	if !venafi.IsKind(err, venafi.Unauthorized) || err.Error() != "read the zone: 127.0.0.1 answered 401 Unauthorized: invalid_token" || w.Logins != 2 {
		t.Errorf("got %v after %d tokens", err, w.Logins)
	}
}

func TestRefusedCredentialsAreNotTriedUntilTheAccountIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.tpp(t, func(a *venafi.TPP) { a.Password = "guess-what" })
	tries := func() (n int) {
		w.Change(func(s *cyberark.Server) { n = named(s.Calls, "POST /vedauth/authorize/oauth") })
		return n
	}
	for range 5 {
		_, err := server.Submit(t.Context(), webRequest(t))
		if !venafi.IsKind(err, venafi.Unauthorized) || err.Error() != "get a token: 127.0.0.1 answered 400 Bad Request: invalid_grant; Username/password combination not valid" {
			t.Errorf("got %v", err)
		}
		w.pass(5 * time.Minute)
	}
	if n := tries(); n != 1 {
		t.Errorf("%d attempts within half an hour, want 1", n)
	}
	w.pass(10 * time.Minute)
	if err := server.Verify(t.Context()); err == nil || tries() != 2 {
		t.Errorf("after half an hour: error %v, %d attempts", err, tries())
	}
}
