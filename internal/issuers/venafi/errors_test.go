package venafi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/certwright/certwright/internal/issuers/venafi"
	"github.com/certwright/certwright/test/cyberark"
)

func TestErrorsSayWhatToDoAndAreTheSameEachTime(t *testing.T) {
	t.Parallel()
	page := func(status int, kind, body string, headers ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", kind)
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	const json, html = "application/json", "text/html"
	for name, row := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		kind   venafi.Kind
		want   string
		wait   time.Duration
	}{
		"a page of something else": {page(502, html, "<h1>internal-host-7</h1>"), venafi.Unavailable, "read the zone: 127.0.0.1 answered 502 Bad Gateway: no reason is given", 0},
		"too many requests":        {page(429, html, "", "Retry-After", "90"), venafi.Unavailable, "read the zone: 127.0.0.1 answered 429 Too Many Requests: no reason is given", 90 * time.Second},
		"too long a wait":          {page(503, html, "", "Retry-After", "86400"), venafi.Unavailable, "read the zone: 127.0.0.1 answered 503 Service Unavailable: no reason is given", time.Hour},
		"a date to wait for":       {page(503, html, "", "Retry-After", "Tue, 24 Nov 2026 08:02:00 GMT"), venafi.Unavailable, "read the zone: 127.0.0.1 answered 503 Service Unavailable: no reason is given", 2 * time.Minute},
		"a redirect":               {page(302, html, "", "Location", "https://elsewhere.example.com/"), venafi.Unavailable, "read the zone: 127.0.0.1 answered 302 Found: no reason is given", 0},
		"no JSON":                  {page(200, html, "<h1>Welcome</h1>"), venafi.Unavailable, "read the zone: the answer of 127.0.0.1 can not be read: it may not be the API", 0},
		"no policy in it":          {page(200, json, `{}`), venafi.Unavailable, "read the zone: the answer of 127.0.0.1 has no policy in it", 0},
		"too few rights":           {page(403, json, `{"error": "insufficient_rights", "error_description": "Grant scope certificate:discover is not enough"}`), venafi.Unauthorized, "read the zone: 127.0.0.1 answered 403 Forbidden: insufficient_rights; Grant scope certificate:discover is not enough", 0},
		"no such folder": {
			page(400, json, `{"Error": "PolicyDN: \\VED\\Policy\\Shops\\Web does not exist"}`), venafi.NoZone,
			`read the zone: there is no policy folder \VED\Policy\Shops\Web, or the credentials do not let one see it`, 0,
		},
		"a refusal with what differs in it": {
			page(400, json, `{"Error": "Incident 6f1ed002-ab59-5f09-a4e3-9f0e2bdbd2b4 at 11/24/2026 8:00:07 AM, 2026-11-24T08:00:07.123Z\n: no"}`), venafi.Refused,
			"read the zone: 127.0.0.1 answered 400 Bad Request: Incident [...] at [...], [...] : no", 0,
		},
		"a refusal with a token in it": {
			page(400, json, `{"Error": "the token QmFzZTY0dG9rZW5XaXRoTWFueUNoYXJhY3RlcnMxMjM0 is bad"}`), venafi.Refused, "read the zone: 127.0.0.1 answered 400 Bad Request: the token [...] is bad", 0,
		},
		"the service's form": {page(400, json, `{"errors": [{"code": 1, "message": "first", "args": []}, {"code": 2}]}`), venafi.Refused, "read the zone: 127.0.0.1 answered 400 Bad Request: first (1); (2)", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Override = row.answer
			server := must(t)(venafi.NewTPP(venafi.TPP{URL: w.URL, AccessToken: cyberark.AccessToken}, w.options(t, `Shops\Web`)))
			_, err := server.Submit(t.Context(), webRequest(t))
			e, ok := errors.AsType[*venafi.Error](err)
			if !ok || e.Kind != row.kind || e.Message != row.want || e.RetryAfter != row.wait {
				t.Errorf("got %+v", err)
			}
			if strings.Contains(err.Error(), cyberark.AccessToken) {
				t.Errorf("the token is in %v", err)
			}
		})
	}
}

func TestCredentialsThatTheServerQuotesAreNotPassedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Override = func(out http.ResponseWriter, _ *http.Request) bool {
		cyberark.Reply(out, http.StatusBadRequest, map[string]any{"error": "no", "error_description": "not " + cyberark.Password + ", " + cyberark.APIKey + " or " + cyberark.OAuthSecret})
		return true
	}
	for server, secret := range map[venafi.Server]string{w.tpp(t, nil): cyberark.Password, w.cloud(t): cyberark.APIKey, w.ngts(t, nil): cyberark.OAuthSecret} {
		err := server.Verify(t.Context())
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "[...]") {
			t.Errorf("got %v", err)
		}
	}
}

func TestTheErrorOfACertificateEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Override = func(out http.ResponseWriter, _ *http.Request) bool {
		cyberark.Reply(out, http.StatusInternalServerError, map[string]any{"Stage": 500, "Status": "Post CSR failed with error: CA refused the request"})
		return true
	}
	server := must(t)(venafi.NewTPP(venafi.TPP{URL: w.URL, AccessToken: cyberark.AccessToken}, w.options(t, `Shops\Web`)))
	_, err := server.Retrieve(t.Context(), `\VED\Policy\Shops\Web\a`)
	if !venafi.IsKind(err, venafi.Refused) || err.Error() != "retrieve the certificate: 127.0.0.1 answered 500 Internal Server Error: Post CSR failed with error: CA refused the request" {
		t.Errorf("got %v", err)
	}
}

func TestNoAnswerIsToldWithoutWhatDiffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	transport, err := venafi.NewTransport(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		url       string
		transport http.RoundTripper
		want      string
	}{
		"nobody listens":    {closed.URL, w.options(t, "a").Transport, "verify the credentials: no answer from 127.0.0.1: connection refused"},
		"another authority": {w.URL, transport, "verify the credentials: no answer from 127.0.0.1: its TLS certificate is signed by an unknown authority"},
		"another name":      {strings.Replace(w.URL, "127.0.0.1", "localhost", 1), w.options(t, "a").Transport, "verify the credentials: no answer from localhost: its TLS certificate is for another name"},
	} {
		o := w.options(t, "a")
		o.Transport = row.transport
		err := must(t)(venafi.NewTPP(venafi.TPP{URL: row.url, AccessToken: "x"}, o)).Verify(t.Context())
		if !venafi.IsKind(err, venafi.Unavailable) || err.Error() != row.want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAContextThatIsOverIsNoErrorOfTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.cloud(t).Verify(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(w.calls) != 0 {
		t.Errorf("observed %v", w.calls)
	}
}

// FuzzAnswers has a server answer with anything to everything: the client must
// say something bounded, in one line.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]", `{"Error":"a"}`, `{"error":{"a":1},"Status":401}`, `{"errors":[{"code":1,"message":"x"},{}]}`, `{"Policy":{"KeyPair":null,"WhitelistedDomains":[""]}}`,
		`{"CertificateData":"bm8="}`, `{"CertificateData":"-"}`, `{"certificateRequests":[{}]}`, `{"status":"ISSUED","certificateIds":[""]}`, `{"access_token":"a","token_type":"Bearer","expires_in":-1}`,
		`{"certificateIssuingTemplates":[{"id":"a","name":"Default","subjectCNRegexes":["("],"keyTypes":[{}]}]}`, "{\"Error\":\"a\\nb\\u2028\xff\"}",
	} {
		f.Add(200, seed)
		f.Add(400, seed)
	}
	stable := regexp.MustCompile(`[\r\n]`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			status = 200
		}
		o := venafi.Options{Zone: "Default", Clock: time.Now, Transport: answering{status, body}}
		tpp := must(t)(venafi.NewTPP(venafi.TPP{URL: "tpp.example.com", Username: "a", Password: "b"}, o))
		ngts := must(t)(venafi.NewNGTS(venafi.NGTS{ClientID: "a", ClientSecret: "b"}, o))
		o.Zone = `a\b`
		cloud := must(t)(venafi.NewCloud(venafi.Cloud{APIKey: "a"}, o))
		for _, server := range []venafi.Server{tpp, ngts, cloud} {
			errs := []error{server.Verify(t.Context())}
			_, err := server.Submit(t.Context(), webRequest(t))
			errs = append(errs, err)
			_, err = server.Retrieve(t.Context(), "id")
			for _, err := range append(errs, err) {
				if err == nil {
					continue
				}
				if text := err.Error(); text == "" || len(text) > 1000 || stable.MatchString(text) || !utf8.ValidString(text) {
					t.Errorf("%d %q: %q", status, body, text)
				}
			}
		}
	})
}

// answering answers everything with the same.
type answering struct {
	status int
	body   string
}

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	recorder.WriteHeader(a.status)
	_, _ = recorder.WriteString(a.body)
	return recorder.Result(), nil
}
