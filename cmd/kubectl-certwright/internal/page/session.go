package page

import (
	"crypto/rand"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// sessionIdle is how long a browser may be away, sessionLong how long it may
	// stay: a working day.
	sessionIdle = time.Hour
	sessionLong = 12 * time.Hour
	// mostSessions bounds the memory that they take. The one that was away the
	// longest makes room.
	mostSessions = 256
	// longestToken is more than any issuer of tokens makes.
	longestToken = 16 << 10
)

// sessions are the browsers whose users have pasted a token. The tokens are in
// this memory only; the browser has a random name of the session.
type sessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]*session
}

type session struct {
	token         string
	begun, lastAt time.Time
}

// add begins a session and returns its name.
func (s *sessions) add(token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.all == nil {
		s.all = map[string]*session{}
	}
	oldest := ""
	for id, one := range s.all {
		switch {
		case one.over(now):
			delete(s.all, id)
		case oldest == "" || one.lastAt.Before(s.all[oldest].lastAt):
			oldest = id
		}
	}
	if len(s.all) >= mostSessions {
		delete(s.all, oldest)
	}
	id := rand.Text()
	s.all[id] = &session{token: token, begun: now, lastAt: now}
	return id
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.lastAt) > sessionIdle || now.Sub(s.begun) > sessionLong
}

// token is the token of a session that is not over.
func (s *sessions) token(id string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[id]
	if one == nil || one.over(s.now()) {
		delete(s.all, id)
		return "", false
	}
	one.lastAt = s.now()
	return one.token, true
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
}

// bearer is the token that an authenticating proxy has put before the request.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) > longestToken {
		return ""
	}
	return strings.TrimSpace(token)
}

func encrypted(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// private says whether nobody between the browser and this server can read a
// token: the connection is encrypted, or is the end of a port-forward.
func private(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return encrypted(r) || host == "localhost" || ip != nil && ip.IsLoopback()
}

// askWho shows the page on which a token is pasted.
func (s *Server) askWho(w http.ResponseWriter, r *http.Request, wrong string) {
	root := "./"
	if strings.HasPrefix(r.URL.Path, "/c/") {
		root = "../../"
	}
	s.render(w, r, http.StatusUnauthorized, "signin.html", root, &signInView{Wrong: wrong, Private: private(r)})
}

type signInView struct {
	Wrong   string
	Private bool
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	if !private(r) {
		s.askWho(w, r, "")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 2*longestToken)
	token := strings.TrimSpace(r.PostFormValue("token"))
	if token == "" || len(token) > longestToken || strings.ContainsAny(token, " \r\n") {
		s.askWho(w, r, "That is no token: it is one line without spaces.")
		return
	}
	if _, err := s.Enter(r.Context(), token); err != nil {
		s.failed(w, r, err)
		return
	}
	s.setCookie(w, r, s.sessions.add(token))
	s.render(w, r, http.StatusOK, "goon.html", "./", nil)
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(s.cookie()); err == nil {
		s.sessions.end(cookie.Value)
	}
	s.setCookie(w, r, "")
	s.render(w, r, http.StatusOK, "goon.html", "./", nil)
}
