package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"exact": exact, "date": func(t time.Time) string { return t.UTC().Format("2 Jan 2006") }, "zero": time.Time.IsZero,
	"tenth": func(n int) string { return strconv.FormatFloat(float64(n)/10, 'f', 1, 64) }, "add": func(a, b int) int { return a + b },
	"symbol": func(t Tone) string { return symbols[t] },
}).ParseFS(templateFiles, "templates/*.html"))

// shown is what a template gets.
type shown struct {
	Root, Cluster, Version string
	View                   any
}

// render answers with a page. A browser that has it already, by its hash, is
// told so: the script asks every few seconds.
func (s *Server) render(w http.ResponseWriter, r *http.Request, code int, name, root string, v any) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, shown{root, s.Cluster, s.Version, v}); err != nil {
		http.Error(w, "the page could not be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256(b.Bytes())
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	if code == http.StatusOK && r.Method == http.MethodGet && r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // who has gone has gone
}

type problemView struct{ Title, Text string }

func (s *Server) problem(w http.ResponseWriter, r *http.Request, code int, title, text string) {
	root := "./"
	if r.PathValue("name") != "" {
		root = "../../"
	}
	s.render(w, r, code, "problem.html", root, problemView{title, text})
}

// list is the view of the list.
type list struct {
	Filter

	Counts           [3]int // by class, of what the filter takes without Only
	Total            int
	Groups           []group
	Ticks            []tick
	NowX             int
	Spans            []choice
	Only             []choice
	Namespaces       []string
	Pages            int
	Before, After    string // addresses of the other pages; empty: there is none
	Denied, SignedIn bool
}

type group struct {
	Title, Class string
	Rows         []rowView
}

type choice struct {
	Text, Href string
	On         bool
	Count      int
}

type rowView struct {
	Row

	Href, State, Class string
	Bar                bar
	For                string // the first name, and how many more
	Ends, Renews       string
	Now                time.Time
}

var groupTitles = [...]string{Trouble: "In trouble", Working: "On their way", Sound: "In order"}

func listView(rows []Row, f *Filter, now time.Time) *list {
	v := &list{Filter: *f}
	for i := range rows {
		if !slices.Contains(v.Namespaces, rows[i].Namespace) {
			v.Namespaces = append(v.Namespaces, rows[i].Namespace)
		}
	}
	slices.Sort(v.Namespaces)
	anyClass := *f
	anyClass.Only = ""
	all := arrange(rows, &anyClass, now)
	for _, r := range all {
		v.Counts[r.class]++
	}
	span := spanFor(f.Span, all, now)
	a := span.axis(now)
	v.Ticks, v.NowX = span.ticks(a), a.x(now)
	for _, s := range spans {
		v.Spans = append(v.Spans, choice{Text: s.Text, Href: f.with("span", s.Name), On: s.Name == span.Name})
	}
	v.Only = []choice{{Text: "All", Href: f.with("only", ""), On: f.Only == "", Count: len(all)}}
	for class, name := range classNames {
		v.Only = append(v.Only, choice{Text: groupTitles[class], Href: f.with("only", name), On: f.Only == name, Count: v.Counts[class]})
	}
	if f.Only != "" {
		all = slices.DeleteFunc(all, func(r classed) bool { return classNames[r.class] != f.Only })
	}
	v.Total = len(all)
	v.Pages = max((len(all)+perPage-1)/perPage, 1)
	v.Page = min(f.Page, v.Pages)
	if v.Page > 1 {
		v.Before = f.with("page", strconv.Itoa(v.Page-1))
	}
	if v.Page < v.Pages {
		v.After = f.with("page", strconv.Itoa(v.Page+1))
	}
	for _, r := range all[(v.Page-1)*perPage : min(v.Page*perPage, len(all))] {
		if n := len(v.Groups); n == 0 || v.Groups[n-1].Class != classNames[r.class] {
			v.Groups = append(v.Groups, group{Title: groupTitles[r.class], Class: classNames[r.class]})
		}
		g := &v.Groups[len(v.Groups)-1]
		g.Rows = append(g.Rows, viewRow(r.Row, a, now))
	}
	return v
}

func viewRow(r *Row, a axis, now time.Time) rowView {
	v := rowView{
		Row: *r, Href: "c/" + url.PathEscape(r.Namespace) + "/" + url.PathEscape(r.Name), State: r.state(now), Class: classNames[r.class(now)],
		Bar: barOf(r, a, now), Ends: when(r.NotAfter, now), Renews: when(r.Renewal, now), Now: now,
	}
	if len(r.Names) > 0 {
		v.For = r.Names[0]
		if more := len(r.Names) - 1; more > 0 {
			v.For += fmt.Sprintf(" and %d more", more)
		}
	}
	if r.class(now) != Trouble {
		v.Says = ""
	}
	return v
}

// with is the address of the same list with one thing different.
func (f *Filter) with(key, value string) string {
	q := url.Values{}
	for _, kv := range [][2]string{{"ns", f.Namespace}, {"q", f.Text}, {"only", f.Only}, {"span", f.Span}} {
		if kv[1] != "" {
			q.Set(kv[0], kv[1])
		}
	}
	q.Set(key, value)
	if value == "" {
		q.Del(key)
	}
	return "./?" + q.Encode()
}

// storyShown is the view of a story.
type storyShown struct {
	rowView

	Story    *Story
	Drawings []drawing
	Objects  []Object
	Next     string
	Events   []eventShown
	Begins   string
	SignedIn bool
}

type eventShown struct {
	Event

	When string
}

func viewStory(s *Story, now time.Time) *storyShown {
	a := axis{s.NotBefore, s.NotAfter}
	if !a.from.Before(a.to) {
		a = spans[1].axis(now)
	} else { // the now line is on it even when all is over
		room := a.to.Sub(a.from) / 20
		if now.After(a.to) {
			a.to = now
		}
		a.from, a.to = a.from.Add(-room), a.to.Add(room)
	}
	v := &storyShown{
		rowView: viewRow(&s.Row, a, now), Story: s, Drawings: []drawing{s.Picture.wide(), s.Picture.narrow()}, Objects: s.Picture.objects(),
		Next: s.Next, Begins: when(s.NotBefore, now),
	}
	v.Says = s.Says
	if !s.NextAttempt.IsZero() {
		v.Next = when(s.NextAttempt, now) + ", at " + exact(s.NextAttempt)
	}
	for _, e := range s.Events {
		v.Events = append(v.Events, eventShown{e, when(e.Time, now)})
	}
	return v
}
