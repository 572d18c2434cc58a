package page_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/cmd/kubectl-certwright/internal/page"
)

var update = flag.Bool("update", false, "write the golden files anew")

// person is a browser that keeps cookies, and reads what it gets.
type person struct {
	*testing.T
	*http.Client
	at string
}

func newPerson(t *testing.T, server *httptest.Server) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, &http.Client{Jar: jar}, server.URL}
}

func (p *person) send(r *http.Request) (int, string, http.Header) {
	p.Helper()
	answer, err := p.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		p.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

func (p *person) get(path string, headers ...string) (int, string, http.Header) {
	p.Helper()
	r, err := http.NewRequest(http.MethodGet, p.at+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return p.send(r)
}

func (p *person) post(path string, form url.Values, headers ...string) (int, string, http.Header) {
	p.Helper()
	r, err := http.NewRequest(http.MethodPost, p.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return p.send(r)
}

func TestPagesAreAsTheyWere(t *testing.T) {
	t.Parallel()
	p := newPerson(t, local(t, &viewer{rows: sample()}))
	p.get("/open?ticket=" + ticket)
	for name, path := range map[string]string{"list": "/", "story": "/c/shop/checkout"} {
		code, got, _ := p.get(path)
		if code != http.StatusOK {
			t.Errorf("%s: %d", path, code)
		}
		file := filepath.Join("testdata", name+".html")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got; -update writes it):\n%s", file, diff)
		}
	}
}

func TestOnlyABrowserWithTheTicketIsLetIn(t *testing.T) {
	t.Parallel()
	server := local(t, &viewer{rows: sample()})
	p := newPerson(t, server)
	for _, path := range []string{"/", "/c/shop/checkout", "/open?ticket=another", "/open"} {
		if code, body, _ := p.get(path); code != http.StatusUnauthorized || strings.Contains(body, "pay.example.com") {
			t.Errorf("%s without the ticket: %d\n%s", path, code, body)
		}
	}
	_, _, headers := p.get("/open?ticket=" + ticket)
	if cookie := headers.Get("Set-Cookie"); !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") {
		t.Errorf("the cookie is %q", cookie)
	}
	code, body, headers := p.get("/")
	if code != http.StatusOK || !strings.Contains(body, "checkout") {
		t.Errorf("with it: %d", code)
	}
	if policy := headers.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	r, err := http.NewRequest(http.MethodGet, server.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example:80" // a name that leads here, of a page that wants to read this one
	if code, body, _ := p.send(r); code != http.StatusMisdirectedRequest || strings.Contains(body, "checkout") {
		t.Errorf("by another name: %d", code)
	}
}

func TestAPageThatHasNotChangedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	v := &viewer{rows: sample()}
	p := newPerson(t, local(t, v))
	p.get("/open?ticket=" + ticket)
	_, _, headers := p.get("/")
	if code, body, _ := p.get("/", "If-None-Match", headers.Get("ETag")); code != http.StatusNotModified || body != "" {
		t.Errorf("%d, %d bytes", code, len(body))
	}
	v.rows = v.rows[1:]
	if code, _, _ := p.get("/", "If-None-Match", headers.Get("ETag")); code != http.StatusOK {
		t.Errorf("after a change: %d", code)
	}
}

func TestAListOfThousandsHasPages(t *testing.T) {
	t.Parallel()
	v := &viewer{}
	for i := range 5000 {
		v.rows = append(v.rows, page.Row{Namespace: "n", Name: fmt.Sprintf("cert-%04d", i), Ready: true, NotBefore: days(-1), Renewal: days(60), NotAfter: days(90)})
	}
	p := newPerson(t, local(t, v))
	p.get("/open?ticket=" + ticket)
	for path, want := range map[string]string{"/": "cert-0000", "/?page=50": "cert-4999", "/?page=99": "cert-4999", "/?page=x": "cert-0099", "/?q=4321": "cert-4321"} {
		if code, body, _ := p.get(path); code != http.StatusOK || !strings.Contains(body, want) || strings.Count(body, "<li class=\"line\"") > 100 {
			t.Errorf("%s: %d, %d rows, without %s", path, code, strings.Count(body, "<li class=\"line\""), want)
		}
	}
}

func TestNamesFromTheClusterCanNotBecomeMarkup(t *testing.T) {
	t.Parallel()
	evil := `<script>alert(1)</script>"'>`
	p := newPerson(t, local(t, &viewer{rows: []page.Row{{Namespace: "n", Name: "x", Names: []string{evil}, Issuer: evil, Says: evil}}}))
	p.get("/open?ticket=" + ticket)
	if _, body, _ := p.get("/?q=" + url.QueryEscape(`"><script>`)); strings.Contains(body, "<script>") {
		t.Errorf("it is:\n%s", body)
	}
	if _, body, _ := p.get("/"); strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("it is:\n%s", body)
	}
}

// guests serves each by a token of his own: "good" is the only one.
func guests(t *testing.T, v page.Viewer, now func() time.Time) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(page.New(page.Options{Now: now, Enter: func(_ context.Context, token string) (page.Viewer, error) {
		if token != "good" {
			return nil, errors.Join(page.ErrWho, errors.New("401"))
		}
		return v, nil
	}}))
	t.Cleanup(server.Close)
	return server
}

func TestGuestsSignInWithATokenOfTheirOwn(t *testing.T) {
	t.Parallel()
	now := noon
	p := newPerson(t, guests(t, &viewer{rows: sample()}, func() time.Time { return now }))
	if code, body, _ := p.get("/c/shop/checkout"); code != http.StatusUnauthorized || !strings.Contains(body, `action="../../sign-in"`) {
		t.Errorf("before: %d\n%s", code, body)
	}
	for _, wrong := range []string{"bad", "", "go od", strings.Repeat("x", 20<<10)} {
		if code, _, headers := p.post("/sign-in", url.Values{"token": {wrong}}); code != http.StatusUnauthorized || headers.Get("Set-Cookie") != "" {
			t.Errorf("with %.10q: %d", wrong, code)
		}
	}
	if code, _, _ := p.post("/sign-in", url.Values{"token": {"good"}}, "Origin", "https://evil.example"); code != http.StatusForbidden {
		t.Errorf("from another site: %d", code)
	}
	_, body, headers := p.post("/sign-in", url.Values{"token": {" good\n"}})
	if strings.Contains(body+headers.Get("Set-Cookie"), "good") {
		t.Error("the browser is given the token back")
	}
	if code, _, _ := p.get("/"); code != http.StatusOK {
		t.Errorf("signed in: %d", code)
	}
	now = now.Add(61 * time.Minute)
	if code, _, _ := p.get("/"); code != http.StatusUnauthorized {
		t.Errorf("after an hour away: %d", code)
	}
	p.post("/sign-in", url.Values{"token": {"good"}})
	p.post("/sign-out", nil)
	if code, _, _ := p.get("/"); code != http.StatusUnauthorized {
		t.Errorf("signed out: %d", code)
	}
	if code, _, _ := p.get("/", "Authorization", "Bearer good"); code != http.StatusOK {
		t.Errorf("behind a proxy that knows him: %d", code)
	}
}

func TestNobodyIsAskedForATokenInTheOpen(t *testing.T) {
	t.Parallel()
	server := guests(t, &viewer{}, func() time.Time { return noon })
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r := httptest.NewRequest(method, "http://ui.example/sign-in", strings.NewReader("token=good"))
		if method == http.MethodGet {
			r = httptest.NewRequest(method, "http://ui.example/", nil)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != http.StatusUnauthorized || strings.Contains(body, "<form") || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d\n%s", method, w.Code, body)
		}
	}
}

func TestWhoMayNotListAllNamespacesNamesOne(t *testing.T) {
	t.Parallel()
	p := newPerson(t, local(t, &viewer{rows: sample(), err: page.ErrForbidden}))
	p.get("/open?ticket=" + ticket)
	if _, body, _ := p.get("/"); !strings.Contains(body, "Name a namespace") {
		t.Errorf("it is:\n%s", body)
	}
	if _, body, _ := p.get("/?ns=shop"); !strings.Contains(body, "checkout") {
		t.Errorf("of shop:\n%s", body)
	}
}
