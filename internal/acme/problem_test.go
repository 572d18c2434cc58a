package acme

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProblemIsReadInFull(t *testing.T) {
	t.Parallel()
	got, err := ParseProblem([]byte(`{
		"type": "urn:ietf:params:acme:error:malformed", "title": "Bad", "detail": "Some identifiers were rejected", "status": 400,
		"instance": "https://ca.example/help", "identifier": {"type": "dns", "value": "a.example"}, "extension": [],
		"subproblems": [
			{"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "forbidden", "identifier": {"type":"dns","value":"b.example"},
			 "subproblems": [{"detail": "too deep"}]},
			"nonsense", {}
		]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Problem{
		Type: typePrefix + "malformed", Title: "Bad", Detail: "Some identifiers were rejected", Status: 400, Instance: "https://ca.example/help",
		Identifier: &Identifier{IdentifierDNS, "a.example"},
		Subproblems: []Problem{
			{Type: typePrefix + "rejectedIdentifier", Detail: "forbidden", Identifier: &Identifier{IdentifierDNS, "b.example"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	if got, want := got.Error(), "400 malformed: Some identifiers were rejected; b.example: rejectedIdentifier: forbidden"; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
}

func TestProblemWithMembersOfWrongTypesKeepsTheOthers(t *testing.T) {
	t.Parallel()
	got, err := ParseProblem([]byte(`{"type":5,"title":"Bad day","detail":["x"],"status":"400","instance":"/relative","identifier":"a.example","subproblems":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Problem{Title: "Bad day"}, got); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	if got, want := Summary(got), "Bad day (problem)"; got != want {
		t.Errorf("summary = %q, want %q", got, want)
	}
}

func TestWhatIsNoProblemIsRefused(t *testing.T) {
	t.Parallel()
	for _, document := range []string{``, `null`, `"text"`, `[]`, `{}`, `{"status":500}`, `{"error":"x","message":"y"}`, `{"detail":"cut`} {
		if got, err := ParseProblem([]byte(document)); err == nil {
			t.Errorf("%s: read as %+v", document, got)
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	sub := `{"detail":"x"},`
	got, err := ParseProblem([]byte(`{"detail":"` + strings.Repeat("é", maxDetail) + `","subproblems":[` + strings.Repeat(sub, 2*maxSubproblems) + sub[:len(sub)-1] + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Detail) > maxDetail || len(got.Subproblems) != maxSubproblems {
		t.Errorf("detail of %d bytes, %d subproblems", len(got.Detail), len(got.Subproblems))
	}
}

func TestLinkIsWhatAPersonHasToVisit(t *testing.T) {
	t.Parallel()
	const portal = "https://portal.ca.example/sfe/v1/unpause?jwt=eyJhbGciOiJIUzI1NiJ9.abc.DEF"
	for name, test := range map[string]struct {
		problem Problem
		want    string
	}{
		"instance":         {Problem{Type: typeUserActionRequired, Instance: "https://ca.example/agree"}, "https://ca.example/agree"},
		"terms":            {Problem{Type: typeUserActionRequired, TermsOfService: "https://ca.example/terms"}, "https://ca.example/terms"},
		"instance first":   {Problem{Type: typeUserActionRequired, Instance: "https://ca.example/agree", TermsOfService: "https://ca.example/terms"}, "https://ca.example/agree"},
		"portal":           {Problem{Type: typeRateLimited, Detail: "Your account is temporarily prevented from requesting certificates for a.example and possibly others. Please visit: " + portal}, portal},
		"portal in quotes": {Problem{Detail: `To unpause, see "` + portal + `".`}, portal},
		"limits":           {Problem{Type: typeRateLimited, Detail: "too many, retry after 2026-11-23 10:01:00 UTC: see https://ca.example/docs/limits"}, ""},
		"anything else":    {Problem{Type: typePrefix + "malformed", Instance: "https://ca.example/help"}, ""},
		"paused nowhere":   {Problem{Detail: "unpause it"}, ""},
	} {
		if got := test.problem.Link(); got != test.want {
			t.Errorf("%s: link = %q, want %q", name, got, test.want)
		}
	}
}

func FuzzParseProblem(f *testing.F) {
	f.Add([]byte(`{"type":"urn:ietf:params:acme:error:rateLimited","detail":"retry after 2026-11-23 10:01:00 UTC","status":429}`))
	f.Add([]byte(`{"detail":"unpause: https://a.example/?jwt=x","subproblems":[{"identifier":{"type":"dns","value":"a"},"detail":"b"}]}`))
	f.Add([]byte(`{"title":"-----BEGIN PRIVATE KEY-----\nMIIx"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		p, err := ParseProblem(document)
		if err != nil {
			return
		}
		p.Action = ActionCreateOrder
		summary := Summary(p)
		if len(summary) > maxSummary+len(p.Link()) || strings.ContainsAny(summary, "\n\r\x00") || summary == "" {
			t.Errorf("summary of %d bytes: %q", len(summary), summary)
		}
		class := Classify(p, testNow)
		if (class.Kind == Wait) == class.Until.IsZero() {
			t.Errorf("class %v", class)
		}
	})
}
