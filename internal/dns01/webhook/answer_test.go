package webhook

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

func answer(code int, media string) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {media}}}
}

func TestAnswersAreJudged(t *testing.T) {
	t.Parallel()
	p := &Provider{Config{GroupName: "acme.example", SolverName: "solver"}}
	const asJSON = "application/json; charset=utf-8"
	for title, test := range map[string]struct {
		code        int
		media, body string
		want        string
	}{
		"success":                     {201, asJSON, `{"kind":"ChallengePayload","response":{"uid":"","success":true}}`, ""},
		"success that has a status":   {200, asJSON, `{"response":{"success":true,"status":{"message":"ignored"}}}`, ""},
		"refusal":                     {201, asJSON, `{"response":{"success":false,"status":{"status":"Failure","message":"no zone"}}}`, "no zone"},
		"refusal without words":       {201, asJSON, `{"response":{"success":false}}`, "it failed and did not say why"},
		"the request alone":           {201, asJSON, `{"request":{}}`, "read answer: it holds no response of a solver"},
		"not JSON":                    {200, "text/html", `<html>`, "read answer: it holds no response of a solver"},
		"an error of the API server":  {500, asJSON, `{"kind":"Status","message":"boom"}`, "500 Internal Server Error: boom"},
		"an error in plain text":      {500, "text/plain", "boom\n", "500 Internal Server Error: boom"},
		"an error without words":      {400, "text/plain", "", "400 Bad Request"},
		"too many requests":           {429, asJSON, `{"message":"slow down"}`, "429 Too Many Requests: slow down"},
		"it does not run":             {503, "text/plain", "service unavailable", "it can not be reached by the API server (503 Service Unavailable): look at the APIService v1alpha1.acme.example"},
		"a solver that says too much": {201, asJSON, `{"response":{"status":{"message":"` + strings.Repeat("ä", maxMessage) + `"}}}`, strings.Repeat("ä", maxMessage/2) + " ..."},
	} {
		err := p.judge(answer(test.code, test.media), []byte(test.body))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", title, got, test.want)
		}
	}
}

// Whatever comes, only a solver's word counts as success, and what is told to
// people is short and can be read.
func FuzzJudge(f *testing.F) {
	f.Add(201, "application/json", []byte(`{"response":{"success":true}}`))
	f.Add(201, "application/json", []byte(`{"response":{"success":false,"status":{"message":"no"}}}`))
	f.Add(500, "application/json", []byte(`{"message":"no"}`))
	f.Add(404, "", []byte("\xff"))
	p := &Provider{Config{GroupName: "acme.example", SolverName: "solver"}}
	f.Fuzz(func(t *testing.T, code int, media string, body []byte) {
		err := p.judge(answer(code, media), body)
		if err == nil {
			var said struct{ Response struct{ Success bool } }
			if code < 200 || code > 299 || json.Unmarshal(body, &said) != nil || !said.Response.Success {
				t.Fatalf("success after %d %q", code, body)
			}
			return
		}
		if text := err.Error(); len(text) > maxMessage+200 || !utf8.ValidString(text) {
			t.Errorf("%d bytes: %q", len(text), text)
		}
	})
}
