package awsiam

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The rows are cases of the test suite that AWS has published for its signature.
func TestSignatureIsTheOneOfAWS(t *testing.T) {
	t.Parallel()
	const session = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
	rows := []struct {
		sentence, method string
		header           http.Header
		body, session    string
		signed, want     string
	}{
		{"get-vanilla", "GET", http.Header{}, "", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"post-vanilla", "POST", http.Header{}, "", "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"get-header-value-trim", "GET", http.Header{"My-Header1": {" value1"}, "My-Header2": {` "a   b   c"`}}, "", "",
			"host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{"post-x-www-form-urlencoded", "POST", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "Param1=value1", "",
			"content-type;host;x-amz-date", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{"post-sts-header-before", "POST", http.Header{}, "", session, "host;x-amz-date;x-amz-security-token", "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
	}
	for _, row := range rows {
		c := Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", SessionToken: row.session}
		target := &url.URL{Scheme: "https", Host: "example.amazonaws.com", Path: "/"}
		c.sign(row.method, target, row.header, row.body, scope{region: "us-east-1", service: "service", at: time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)})
		want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" + row.signed + ", Signature=" + row.want
		if got := row.header.Get("Authorization"); got != want {
			t.Errorf("%s: %s, want %s", row.sentence, got, want)
		}
	}
}

func TestCredentialsAreNotPrinted(t *testing.T) {
	t.Parallel()
	c := Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "s3cr3t", SessionToken: "s3cr3t"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, c); strings.Contains(text, "s3cr3t") {
			t.Errorf("%s prints %q", format, text)
		}
	}
}

func TestRegionLeadsToAWSOnly(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"eu-central-1":   "https://sts.eu-central-1.amazonaws.com/",
		"us-gov-west-1":  "https://sts.us-gov-west-1.amazonaws.com/",
		"cn-north-1":     "https://sts.cn-north-1.amazonaws.com.cn/",
		"":               "",
		"evil.example/":  "",
		"a-b.evil.org#":  "",
		"eu-central-1\n": "",
	} {
		if got, err := Endpoint(region); got != want || (err == nil) != (want != "") {
			t.Errorf("region %q: %q, %v; want %q", region, got, err, want)
		}
	}
}
