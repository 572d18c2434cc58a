package pca

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// ask sends a request that is signed as the API wants it, and then changed.
func ask(t *testing.T, s *Server, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://acm-pca.example/", strings.NewReader(body))
	stamp := time.Now().UTC().Format("20060102T150405Z")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Target", "ACMPrivateCA."+target)
	scope := stamp[:8] + "/" + s.Region + "/acm-pca/aws4_request"
	names := []string{"host", "x-amz-date", "x-amz-target"}
	r.Header.Set("Authorization", algorithm+" Credential="+s.AccessKeyID+"/"+scope+", SignedHeaders="+strings.Join(names, ";")+
		", Signature="+s.signature(stamp, scope, canonical(r, names, []byte(body))))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestWhatIsNotOfTheAPIIsRefused(t *testing.T) {
	t.Parallel()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	arn := `{"CertificateAuthorityArn": "` + s.Arn + `"}`
	if w := ask(t, s, "GetCertificateAuthorityCertificate", arn, nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "BEGIN CERTIFICATE") {
		t.Fatalf("a right request: %d %s", w.Code, w.Body)
	}
	for name, test := range map[string]struct {
		target, body string
		change       func(*http.Request)
		want         string
	}{
		"not signed":                  {"DescribeCertificateAuthority", arn, func(r *http.Request) { r.Header.Del("Authorization") }, "InvalidSignatureException"},
		"changed after it was signed": {"DescribeCertificateAuthority", arn, func(r *http.Request) { r.Header.Set("X-Amz-Target", "ACMPrivateCA.IssueCertificate") }, "InvalidSignatureException"},
		"signed with another key": {"DescribeCertificateAuthority", arn, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature=0", 1))
		}, "InvalidSignatureException"},
		"signed long ago":   {"DescribeCertificateAuthority", arn, func(r *http.Request) { r.Header.Set("X-Amz-Date", "20200101T000000Z") }, "InvalidSignatureException"},
		"no such operation": {"DeleteCertificateAuthority", arn, nil, "UnknownOperationException"},
		"no such field":     {"DescribeCertificateAuthority", `{"CertificateAuthorityArn": "` + s.Arn + `", "Name": "x"}`, nil, "SerializationException"},
		"another CA":        {"DescribeCertificateAuthority", `{"CertificateAuthorityArn": "arn:aws:acm-pca:eu-central-1:1:certificate-authority/1"}`, nil, "ResourceNotFoundException"},
		"no such template": {"IssueCertificate", `{"CertificateAuthorityArn": "` + s.Arn + `", "SigningAlgorithm": "SHA256WITHECDSA", "TemplateArn": "arn:aws:acm-pca:::template/RootCACertificate/V1"}`,
			nil, "InvalidArgsException"},
		"no request": {"IssueCertificate", `{"CertificateAuthorityArn": "` + s.Arn + `", "SigningAlgorithm": "SHA256WITHECDSA", "TemplateArn": "arn:aws:acm-pca:::template/EndEntityCertificate/V1", "Csr": "eA=="}`,
			nil, "MalformedCSRException"},
	} {
		if w := ask(t, s, test.target, test.body, test.change); w.Code != http.StatusBadRequest || w.Header().Get("X-Amzn-Errortype") != test.want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if got := len(s.Refusals()); got != 9 {
		t.Errorf("%d refusals are noted, want 9: %q", got, s.Refusals())
	}
}
