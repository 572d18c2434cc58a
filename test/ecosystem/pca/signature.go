package pca

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	// skew is how far the clock of a client may be off.
	skew = 15 * time.Minute
)

// verify checks a request's signature (AWS Signature Version 4) for a service.
// The path of all requests is / and they have no query.
func (s *Server) verify(r *http.Request, body []byte, service string) error {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" ")
	if !ok {
		return errors.New("it is not signed")
	}
	given := map[string]string{}
	for _, part := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		given[name] = value
	}
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", stamp)
	if err != nil {
		return fmt.Errorf("X-Amz-Date: %w", err)
	}
	if off := time.Since(at).Abs(); off > skew {
		return fmt.Errorf("it was signed %s ago", off)
	}
	scope := strings.Join([]string{stamp[:8], s.Region, service, "aws4_request"}, "/")
	if want := s.AccessKeyID + "/" + scope; given["Credential"] != want {
		return fmt.Errorf("the credential is %q, want %q", given["Credential"], want)
	}
	names := strings.Split(given["SignedHeaders"], ";")
	for _, needed := range []string{"host", "x-amz-date"} {
		if !slices.Contains(names, needed) {
			return fmt.Errorf("the header %s is not signed", needed)
		}
	}
	if r.Header.Get("X-Amz-Target") != "" && !slices.Contains(names, "x-amz-target") {
		return errors.New("the header X-Amz-Target is not signed")
	}
	want := s.signature(stamp, scope, canonical(r, names, body))
	if !hmac.Equal([]byte(want), []byte(given["Signature"])) {
		return errors.New("the signature does not match")
	}
	return nil
}

// canonical is the request as it is signed.
func canonical(r *http.Request, names []string, body []byte) string {
	var headers strings.Builder
	for _, name := range names {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	return strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers.String(), strings.Join(names, ";"), hash([]byte(body))}, "\n")
}

func (s *Server) signature(stamp, scope, canonical string) string {
	key := []byte("AWS4" + s.SecretAccessKey)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, strings.Join([]string{algorithm, stamp, scope, hash([]byte(canonical))}, "\n")))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
