package page

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"time"
)

// Viewer reads what one person may see.
type Viewer interface {
	// List returns the certificates of a namespace, or of all if it is empty.
	List(ctx context.Context, namespace string) ([]Row, error)
	// Story tells about one certificate.
	Story(ctx context.Context, namespace, name string) (*Story, error)
}

// What Viewers say is wrong, by errors.Is.
var (
	ErrNotFound  = errors.New("it is not there")
	ErrForbidden = errors.New("you may not read it")
	ErrWho       = errors.New("the cluster does not know you")
)

// Options are what a Server needs. Either Local or Enter is set.
type Options struct {
	Now     func() time.Time
	Cluster string // what the cluster is called, for the title
	Version string

	// Local is the only viewer, for browsers that have been shown Ticket. They
	// must call the server by one of Hosts: a page of another site whose name
	// leads here can not read anything.
	Local  Viewer
	Ticket string
	Hosts  []string

	// Enter returns the viewer of a bearer token, or ErrWho.
	Enter func(ctx context.Context, token string) (Viewer, error)
}

// Server serves the page.
type Server struct {
	Options

	sessions sessions
	handler  http.Handler
}

//go:embed static
var static embed.FS

// New returns a Server.
func New(o Options) *Server {
	s := &Server{Options: o}
	s.sessions.now = o.Now
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // it is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.StripPrefix("/static/", cached(http.FileServerFS(files))))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /{$}", s.seen(s.list))
	mux.HandleFunc("GET /c/{namespace}/{name}", s.seen(s.story))
	if o.Local != nil {
		mux.HandleFunc("GET /open", s.open)
	} else {
		mux.HandleFunc("POST /sign-in", s.signIn)
		mux.HandleFunc("POST /sign-out", s.signOut)
	}
	s.handler = http.NewCrossOriginProtection().Handler(mux)
	return s
}

// ServeHTTP sets what every answer has, and refuses who calls a local server by
// a name that is not its own.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if s.Local != nil && !contains(s.Hosts, r.Host) {
		http.Error(w, "this server is not called "+strconv.Quote(r.Host), http.StatusMisdirectedRequest)
		return
	}
	s.handler.ServeHTTP(w, r)
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// cached lets browsers keep the files for a while: they change with the program.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		next.ServeHTTP(w, r)
	})
}

const cookieName = "certwright-ui"

// seen finds out who looks.
func (s *Server) seen(next func(http.ResponseWriter, *http.Request, Viewer, bool)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie(s.cookie())
		has := err == nil
		if s.Local != nil {
			if !has || !same(cookie.Value, s.Ticket) {
				s.problem(w, r, http.StatusUnauthorized, "Open the address that the command has printed", "It has a key in it that lets this browser in, and no other user of this computer.")
				return
			}
			next(w, r, s.Local, false)
			return
		}
		token, signedIn := bearer(r), false
		if token == "" && has {
			token, signedIn = s.sessions.token(cookie.Value)
		}
		if token == "" {
			s.askWho(w, r, "")
			return
		}
		viewer, err := s.Enter(r.Context(), token)
		if err != nil {
			s.failed(w, r, err)
			return
		}
		next(w, r, viewer, signedIn)
	}
}

// cookie is the name of the cookie. Ports of one host share cookies, so that of
// a local server has its own.
func (s *Server) cookie() string {
	if s.Local == nil {
		return cookieName
	}
	sum := sha256.Sum256([]byte(s.Ticket))
	return cookieName + "-" + base64.RawURLEncoding.EncodeToString(sum[:6])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// open lets a browser in that was shown the ticket. It does not redirect: a
// browser keeps a strict cookie back from where another site has led it.
func (s *Server) open(w http.ResponseWriter, r *http.Request) {
	if !same(r.URL.Query().Get("ticket"), s.Ticket) {
		s.problem(w, r, http.StatusUnauthorized, "Open the address that the command has printed", "The key in this one is another.")
		return
	}
	s.setCookie(w, r, s.Ticket)
	s.render(w, r, http.StatusOK, "goon.html", "./", nil)
}

func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, value string) {
	c := &http.Cookie{ //nolint:gosec // Secure is set where the connection is; on the loopback it need not be
		Name: s.cookie(), Value: value, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: encrypted(r),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, viewer Viewer, signedIn bool) {
	q := r.URL.Query()
	f := Filter{Namespace: q.Get("ns"), Text: q.Get("q"), Only: q.Get("only"), Span: q.Get("span"), Page: 1}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 {
		f.Page = n
	}
	rows, err := viewer.List(r.Context(), "")
	if errors.Is(err, ErrForbidden) && f.Namespace != "" {
		rows, err = viewer.List(r.Context(), f.Namespace)
	}
	denied := errors.Is(err, ErrForbidden)
	if err != nil && !denied {
		s.failed(w, r, err)
		return
	}
	v := listView(rows, &f, s.Now())
	v.Denied, v.SignedIn = denied, signedIn
	s.render(w, r, http.StatusOK, "list.html", "./", v)
}

func (s *Server) story(w http.ResponseWriter, r *http.Request, viewer Viewer, signedIn bool) {
	story, err := viewer.Story(r.Context(), r.PathValue("namespace"), r.PathValue("name"))
	if err != nil {
		s.failed(w, r, err)
		return
	}
	v := viewStory(story, s.Now())
	v.SignedIn = signedIn
	s.render(w, r, http.StatusOK, "story.html", "../../", v)
}

func (s *Server) failed(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrWho) && s.Local == nil:
		s.askWho(w, r, "The cluster does not know this token, or it has run out.")
	case errors.Is(err, ErrWho):
		s.problem(w, r, http.StatusUnauthorized, "The cluster does not know you", "Log in to the cluster, and load this page again.")
	case errors.Is(err, ErrForbidden):
		s.problem(w, r, http.StatusForbidden, "You may not read this", err.Error())
	case errors.Is(err, ErrNotFound):
		s.problem(w, r, http.StatusNotFound, "There is no such Certificate", "It may have been deleted.")
	default:
		s.problem(w, r, http.StatusBadGateway, "The cluster did not answer as it should", err.Error())
	}
}
