package pca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server answers as AWS Private CA and AWS STS do. It is an http.Handler.
type Server struct {
	// Region, and what clients sign with.
	Region, AccessKeyID, SecretAccessKey string
	// Arn is the name of the only CA, Root its certificate.
	Arn  string
	Root *x509.Certificate

	key *ecdsa.PrivateKey

	mu       sync.Mutex
	issued   map[string]*issued // by ARN
	byToken  map[string]string  // ARN by idempotency token
	refusals []string
}

// issued is a certificate. It is ready when it was asked for once: the CA signs
// in its own time.
type issued struct {
	certificate string
	asked       bool
}

// templates are those that have the extensions of the request, and those of
// servers and clients.
var templates = []string{"EndEntityCertificate/V1", "EndEntityServerAuthCertificate/V1", "EndEntityClientAuthCertificate/V1", "BlankEndEntityCertificate_APICSRPassthrough/V1"}

// New makes a CA.
func New() (*Server, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Private CA of the test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign CA: %w", err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse CA: %w", err)
	}
	return &Server{
		Region: "eu-central-1", AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: rand.Text(),
		Arn: "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11223344-1234-1122-2233-112233445566", Root: root, key: key,
		issued: map[string]*issued{}, byToken: map[string]string{},
	}, nil
}

// Refusals are the requests that were refused, and why.
func (s *Server) Refusals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refusals)
}

// Issued counts the certificates.
func (s *Server) Issued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.issued)
}

// fault is an answer that says what is wrong. The kind is that of the API.
type fault struct {
	kind, message string
	expected      bool // it is part of the protocol, and no mistake of the client
}

func (f *fault) Error() string { return f.kind + ": " + f.message }

func wrong(kind, format string, args ...any) *fault {
	return &fault{kind: kind, message: fmt.Sprintf(format, args...)}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/" || r.URL.RawQuery != "" {
		s.refuse(w, r, wrong("UnknownOperationException", "%s %s", r.Method, r.URL))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		s.callerIdentity(w, r, body)
		return
	}
	answer, err := s.call(r, body)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := &fault{}
	if !errors.As(err, &f) {
		f = wrong("InternalFailure", "%v", err)
	}
	if !f.expected {
		s.refusals = append(s.refusals, fmt.Sprintf("%s %s: %v", r.Header.Get("X-Amz-Target"), r.URL, f))
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", f.kind)
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": f.kind, "message": f.message})
}

// callerIdentity is AWS STS.
func (s *Server) callerIdentity(w http.ResponseWriter, r *http.Request, body []byte) {
	form, err := url.ParseQuery(string(body))
	if err == nil {
		err = s.verify(r, body, "sts")
	}
	if err == nil && (form.Get("Action") != "GetCallerIdentity" || form.Get("Version") != "2011-06-15") {
		err = fmt.Errorf("action %q of version %q", form.Get("Action"), form.Get("Version"))
	}
	if err != nil {
		s.refuse(w, r, wrong("SignatureDoesNotMatch", "%v", err))
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
		`<Arn>arn:aws:iam::123456789012:user/issuer</Arn><UserId>AIDAEXAMPLE</UserId><Account>123456789012</Account>`+
		`</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`)
}

// call is AWS Private CA.
func (s *Server) call(r *http.Request, body []byte) (any, error) {
	if got := r.Header.Get("Content-Type"); got != "application/x-amz-json-1.1" {
		return nil, wrong("SerializationException", "Content-Type is %q", got)
	}
	if err := s.verify(r, body, "acm-pca"); err != nil {
		return nil, wrong("InvalidSignatureException", "%v", err)
	}
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "ACMPrivateCA.DescribeCertificateAuthority":
		in := struct{ CertificateAuthorityArn string }{}
		if err := s.read(body, &in, &in.CertificateAuthorityArn); err != nil {
			return nil, err
		}
		return map[string]any{"CertificateAuthority": map[string]any{
			"Arn": s.Arn, "Type": "ROOT", "Status": "ACTIVE",
			"CertificateAuthorityConfiguration": map[string]any{"KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": "SHA256WITHECDSA"},
		}}, nil
	case "ACMPrivateCA.GetCertificateAuthorityCertificate":
		in := struct{ CertificateAuthorityArn string }{}
		if err := s.read(body, &in, &in.CertificateAuthorityArn); err != nil {
			return nil, err
		}
		return map[string]any{"Certificate": encode(s.Root.Raw)}, nil
	case "ACMPrivateCA.IssueCertificate":
		in := issueCertificate{}
		if err := s.read(body, &in, &in.CertificateAuthorityArn); err != nil {
			return nil, err
		}
		return s.issue(&in)
	case "ACMPrivateCA.GetCertificate":
		in := struct{ CertificateAuthorityArn, CertificateArn string }{}
		if err := s.read(body, &in, &in.CertificateAuthorityArn); err != nil {
			return nil, err
		}
		return s.get(in.CertificateArn)
	default:
		return nil, wrong("UnknownOperationException", "%q", target)
	}
}

// read decodes a request, which must be for this CA and have no field that the
// API has not.
func (s *Server) read(body []byte, in any, arn *string) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(in); err != nil {
		return wrong("SerializationException", "%v", err)
	}
	if *arn != s.Arn {
		return wrong("ResourceNotFoundException", "there is no CA %q", *arn)
	}
	return nil
}

type validity struct {
	Type  string
	Value int64
}

// issueCertificate is the request of that name.
type issueCertificate struct {
	CertificateAuthorityArn string
	Csr                     []byte
	SigningAlgorithm        string
	TemplateArn             string
	Validity                *validity
	ValidityNotBefore       *validity
	IdempotencyToken        string
}

func (s *Server) issue(in *issueCertificate) (any, error) {
	if arn := s.byToken[in.IdempotencyToken]; in.IdempotencyToken != "" && arn != "" {
		return map[string]string{"CertificateArn": arn}, nil
	}
	if in.SigningAlgorithm != "SHA256WITHECDSA" {
		return nil, wrong("InvalidArgsException", "the CA does not sign with %q", in.SigningAlgorithm)
	}
	name, ok := strings.CutPrefix(in.TemplateArn, "arn:aws:acm-pca:::template/")
	if !ok || !slices.Contains(templates, name) {
		return nil, wrong("InvalidArgsException", "there is no template %q", in.TemplateArn)
	}
	block, rest := pem.Decode(in.Csr)
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, wrong("MalformedCSRException", "it is not one PEM block with a request")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, wrong("MalformedCSRException", "%v", err)
	}
	notBefore, notAfter := time.Now(), time.Time{}
	for _, v := range []struct {
		given *validity
		to    *time.Time
	}{{in.ValidityNotBefore, &notBefore}, {in.Validity, &notAfter}} {
		switch {
		case v.given == nil:
		case v.given.Type != "ABSOLUTE":
			return nil, wrong("InvalidArgsException", "validity of type %q", v.given.Type)
		default:
			*v.to = time.Unix(v.given.Value, 0)
		}
	}
	if !notAfter.After(notBefore) {
		return nil, wrong("InvalidArgsException", "it would never be valid")
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, RawSubject: csr.RawSubject, NotBefore: notBefore, NotAfter: notAfter,
		DNSNames: csr.DNSNames, IPAddresses: csr.IPAddresses, URIs: csr.URIs, EmailAddresses: csr.EmailAddresses,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.Root, csr.PublicKey, s.key)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	arn := fmt.Sprintf("%s/certificate/%x", s.Arn, serial)
	s.issued[arn] = &issued{certificate: encode(der)}
	s.byToken[in.IdempotencyToken] = arn
	return map[string]string{"CertificateArn": arn}, nil
}

func (s *Server) get(arn string) (any, error) {
	certificate := s.issued[arn]
	if certificate == nil {
		return nil, wrong("ResourceNotFoundException", "there is no certificate %q", arn)
	}
	if !certificate.asked {
		certificate.asked = true
		return nil, &fault{kind: "RequestInProgressException", message: "the certificate is being issued", expected: true}
	}
	return map[string]string{"Certificate": certificate.certificate, "CertificateChain": encode(s.Root.Raw)}, nil
}

// encode is PEM without a line feed at the end, as the API has it.
func encode(der []byte) string {
	return strings.TrimSuffix(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), "\n")
}
