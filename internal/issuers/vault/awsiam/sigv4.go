package awsiam

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Credentials are those of a user, or for a time those of a role.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // empty for those of a user
}

// String hides the credentials from logs.
func (Credentials) String() string { return "AWS credentials" }

// GoString hides them as well.
func (c Credentials) GoString() string { return c.String() }

// scope is where and when a signature counts.
type scope struct {
	region, service string
	at              time.Time
}

func (s scope) day() string { return s.at.UTC().Format("20060102") }

func (s scope) text() string {
	return strings.Join([]string{s.day(), s.region, s.service, "aws4_request"}, "/")
}

// sign adds the headers that sign a request: its method, its URL, which has no
// query, all of its headers and its body.
func (c Credentials) sign(method string, target *url.URL, header http.Header, body string, s scope) {
	const algorithm, stamp = "AWS4-HMAC-SHA256", "20060102T150405Z"
	header.Set("X-Amz-Date", s.at.UTC().Format(stamp))
	if c.SessionToken != "" {
		header.Set("X-Amz-Security-Token", c.SessionToken)
	}
	names := []string{"host"}
	values := map[string]string{"host": target.Host}
	for name, list := range header {
		lower := strings.ToLower(name)
		trimmed := make([]string, len(list))
		for i, value := range list {
			trimmed[i] = strings.Join(strings.Fields(value), " ")
		}
		names = append(names, lower)
		values[lower] = strings.Join(trimmed, ",")
	}
	slices.Sort(names)
	signed := strings.Join(names, ";")

	path := target.EscapedPath()
	if path == "" {
		path = "/"
	}
	canonical := method + "\n" + path + "\n\n"
	for _, name := range names {
		canonical += name + ":" + values[name] + "\n"
	}
	canonical += "\n" + signed + "\n" + digest(body)

	key := mac([]byte("AWS4"+c.SecretAccessKey), s.day())
	for _, part := range []string{s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	signature := mac(key, strings.Join([]string{algorithm, s.at.UTC().Format(stamp), s.text(), digest(canonical)}, "\n"))
	header.Set("Authorization", algorithm+" Credential="+c.AccessKeyID+"/"+s.text()+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(signature))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text)) // never errs
	return h.Sum(nil)
}
