package vaultserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// AWSIdentity is who may log in, and how AWS would know.
type AWSIdentity struct {
	Role         string // in Vault
	AccessKeyID  string
	SecretKey    string
	SessionToken string // empty: none
	Region       string
	// ServerID is what X-Vault-AWS-IAM-Server-ID has to say, and has to be
	// signed; empty: it is not asked for.
	ServerID string
}

// AWS lets in who has signed the request GetCallerIdentity with the secret key.
// Vault would have AWS look; here the signature is made again, from the
// description of Signature Version 4 alone.
func AWS(want AWSIdentity) Login {
	return func(r *request) *reply {
		var body struct {
			Role    string `json:"role"`
			Method  string `json:"iam_http_request_method"`
			URL     []byte `json:"iam_request_url"`
			Body    []byte `json:"iam_request_body"`
			Headers string `json:"iam_request_headers"`
		}
		if refusal := decode(r, &body); refusal != nil {
			return refusal
		}
		text, err := base64.StdEncoding.DecodeString(body.Headers)
		header := http.Header{}
		if err != nil || json.Unmarshal(text, &header) != nil {
			return refused(http.StatusBadRequest, "error parsing iam_request_headers")
		}
		host := "sts." + want.Region + ".amazonaws.com"
		switch {
		case body.Role != want.Role:
			return refused(http.StatusBadRequest, "entry for role \""+body.Role+"\" not found")
		case body.Method != http.MethodPost || string(body.URL) != "https://"+host+"/":
			return refused(http.StatusBadRequest, "invalid request to "+string(body.URL))
		case string(body.Body) != "Action=GetCallerIdentity&Version=2011-06-15":
			return refused(http.StatusBadRequest, "only GetCallerIdentity requests are permitted")
		case header.Get("X-Amz-Security-Token") != want.SessionToken:
			return refused(http.StatusBadRequest, "error making upstream request: received error code 403 from STS")
		case want.ServerID != "" && header.Get("X-Vault-Aws-Iam-Server-Id") != want.ServerID:
			return refused(http.StatusBadRequest, "error validating X-Vault-AWS-IAM-Server-ID header")
		}
		signed, good := resign(want, header, host, string(body.Body))
		if !good || (want.ServerID != "" && !slices.Contains(signed, "x-vault-aws-iam-server-id")) {
			return refused(http.StatusBadRequest, "error making upstream request: received error code 403 from STS")
		}
		return nil
	}
}

// resign makes the signature in a header again, and returns what it covers.
func resign(want AWSIdentity, header http.Header, host, body string) (signed []string, good bool) {
	fields := map[string]string{}
	rest, ours := strings.CutPrefix(header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[name] = value
	}
	date := header.Get("X-Amz-Date")
	day, _, _ := strings.Cut(date, "T")
	scope := day + "/" + want.Region + "/sts/aws4_request"
	if !ours || fields["Credential"] != want.AccessKeyID+"/"+scope {
		return nil, false
	}
	signed = strings.Split(fields["SignedHeaders"], ";")
	var lines strings.Builder
	for _, name := range signed {
		value := header.Get(textproto.CanonicalMIMEHeaderKey(name))
		if name == "host" {
			value = host
		}
		lines.WriteString(name + ":" + value + "\n")
	}
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	canonical := "POST\n/\n\n" + lines.String() + "\n" + fields["SignedHeaders"] + "\n" + hash(body)
	key := []byte("AWS4" + want.SecretKey)
	for _, part := range []string{day, want.Region, "sts", "aws4_request", "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hash(canonical)} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return signed, slices.Contains(signed, "host") && slices.Contains(signed, "x-amz-date") && hex.EncodeToString(key) == fields["Signature"]
}
