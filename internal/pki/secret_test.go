package pki

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSecretAnnotationsOfALeafWithEverything(t *testing.T) {
	t.Parallel()
	request := fullRequest(t)
	request.Subject.Organization = []string{`Example, "Inc."`, "Plain"}
	request.URIs = append(request.URIs, parseURL(t, "https://example.com/a,b"))
	cert := newCA(t, "ca").issue(t, Request{
		Subject: request.Subject, DNSNames: request.DNSNames, IPAddresses: request.IPAddresses,
		URIs: request.URIs, EmailAddresses: []string{"a@example.com", "b@example.com"},
	}, Profile{}).cert
	want := map[string]string{
		"cert-manager.io/common-name":                 "app.example.com",
		"cert-manager.io/alt-names":                   "app.example.com,*.example.com",
		"cert-manager.io/ip-sans":                     "192.0.2.7,2001:db8::7",
		"cert-manager.io/uri-sans":                    `spiffe://example.com/app,"https://example.com/a,b"`,
		"cert-manager.io/email-sans":                  "a@example.com,b@example.com",
		"cert-manager.io/subject-organizations":       `Plain,"Example, ""Inc."""`, // as DER sorts them
		"cert-manager.io/subject-organizationalunits": "Unit",
		"cert-manager.io/subject-countries":           "NL",
		"cert-manager.io/subject-provinces":           "Zuid-Holland",
		"cert-manager.io/subject-localities":          "Delft",
		"cert-manager.io/subject-postalcodes":         "2611",
		"cert-manager.io/subject-streetaddresses":     "Street 1",
		"cert-manager.io/subject-serialnumber":        "42",
	}
	if diff := cmp.Diff(want, SecretAnnotations(cert)); diff != "" {
		t.Error(diff)
	}
}

func TestFourSecretAnnotationsAreThereEvenWhenEmpty(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "ca")
	cert := ca.issue(t, Request{IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}}, Profile{}).cert
	want := map[string]string{
		"cert-manager.io/common-name": "",
		"cert-manager.io/alt-names":   "",
		"cert-manager.io/ip-sans":     "10.0.0.1",
		"cert-manager.io/uri-sans":    "",
	}
	if diff := cmp.Diff(want, SecretAnnotations(cert)); diff != "" {
		t.Error(diff)
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	for text, values := range map[string][]string{
		"":               nil,
		`""`:             {""},
		",":              {"", ""},
		"a,b":            {"a", "b"},
		`"a,b",c`:        {"a,b", "c"},
		`"say ""hi"""`:   {`say "hi"`},
		"\"two\nlines\"": {"two\nlines"},
		`" lead",trail `: {" lead", "trail "},
		"ü,é":            {"ü", "é"},
	} {
		if got := JoinCSV(values); got != text {
			t.Errorf("JoinCSV(%q) = %s, want %s", values, got, text)
		}
		got, err := ParseCSV(text)
		if err != nil {
			t.Errorf("ParseCSV(%s): %v", text, err)
		}
		if diff := cmp.Diff(values, got); diff != "" {
			t.Errorf("ParseCSV(%s): %s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"a\nb": "not exactly one line",
		"\n":   "not exactly one line",
		`"a`:   `extraneous or missing "`,
		`a"b`:  `bare "`,
	} {
		_, err := ParseCSV(text)
		wantError(t, err, "parse comma-separated values: ", want)
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("a", "b,c", `d"e`)
	f.Add("", "", "")
	f.Add("\n", " ", `\.`)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, values := range [][]string{{a}, {a, b}, {a, b, c}} {
			got, err := ParseCSV(JoinCSV(values))
			if err != nil {
				t.Fatalf("%q: %v", values, err)
			}
			for i := range values {
				values[i] = strings.ReplaceAll(values[i], "\r\n", "\n")
			}
			if diff := cmp.Diff(values, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		}
		if _, err := ParseCSV(a); err != nil {
			wantError(t, err, "parse comma-separated values: ")
		}
	})
}
