package acme

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinksAreFoundByRelation(t *testing.T) {
	t.Parallel()
	header := http.Header{"Link": {
		`<https://ca.example/directory>;rel="index"`,
		`</cert/1/1>; rel="alternate"; title="a, b", <cert/2>;REL=alternate`,
		`<https://ca.example/cert/3>; title="x"; rel="next Alternate"`,
		`<https://ca.example/cert/3>; rel=alternate`,
		`<mailto:a@b.example>; rel=alternate, <https://ca.example/unfinished`,
		`nonsense; rel=alternate`,
		`<>; rel=alternate`,
	}}
	want := []string{"https://ca.example/cert/1/1", "https://ca.example/cert/2", "https://ca.example/cert/3"}
	if diff := cmp.Diff(want, links("https://ca.example/order", header, "alternate")); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if got := firstLink("https://ca.example/", header, "up"); got != "" {
		t.Errorf("up = %q, want none", got)
	}
}

func FuzzLinks(f *testing.F) {
	f.Add(`<https://ca.example/a>;rel="alternate", </b>; title="x,y>"; rel=alternate`)
	f.Add(`<<>>;,";`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, target := range links("https://ca.example/order/1", http.Header{"Link": {value}}, "alternate") {
			if checkURL(target) != nil {
				t.Errorf("unusable target %q", target)
			}
		}
	})
}
