package vaultserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The engine is mounted at two segments, and has one role.
const (
	Mount    = "team/pki"
	SignPath = Mount + "/sign/web"
)

// engine is a PKI secrets engine: an intermediate CA below a root.
type engine struct {
	key      *ecdsa.PrivateKey
	ca, root *x509.Certificate
}

func newEngine(t testing.TB) *engine {
	t.Helper()
	issue := func(name string, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2046, 1, 1, 0, 0, 0, 0, time.UTC),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		if parent == nil {
			parent, signer = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	root, rootKey := issue("Vault root", nil, nil)
	ca, key := issue("Vault intermediate", root, rootKey)
	return &engine{key: key, ca: ca, root: root}
}

func serial() *big.Int {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never errs
	raw[0] |= 0x40
	return new(big.Int).SetBytes(raw)
}

// Root is the root of the engine.
func (s *Server) Root() *x509.Certificate { return s.pki.root }

// Revoked says when a certificate was revoked; zero if it was not.
func (s *Server) Revoked(cert *x509.Certificate) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revoked[serialText(cert.SerialNumber)]
}

func (s *Server) engine(r *request) reply {
	if path := strings.TrimPrefix(r.path, "/v1/"); path != SignPath && path != Mount+"/revoke" {
		return s.noRoute(r)
	}
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "unsupported operation")
	}
	if !slices.Contains(s.Policy, strings.TrimPrefix(r.path, "/v1/")) {
		return denied()
	}
	if strings.HasSuffix(r.path, "/revoke") {
		return s.revoke(r)
	}
	return s.sign(r)
}

// sign makes a certificate of the names in the request. As the role is set up,
// they are not those of the signing request, of which only the key counts.
func (s *Server) sign(r *request) reply {
	var body struct {
		CommonName string `json:"common_name"`
		AltNames   string `json:"alt_names"`
		IPs        string `json:"ip_sans"`
		URIs       string `json:"uri_sans"`
		TTL        string `json:"ttl"`
		CSR        string `json:"csr"`
		ExcludeCN  string `json:"exclude_cn_from_sans"`
	}
	if refusal := decode(r, &body); refusal != nil {
		return *refusal
	}
	block, _ := pem.Decode([]byte(body.CSR))
	if block == nil {
		return refuse(http.StatusBadRequest, "certificate request could not be parsed")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || csr.CheckSignature() != nil {
		return refuse(http.StatusBadRequest, "certificate request could not be parsed")
	}
	ttl, err := time.ParseDuration(body.TTL)
	if err != nil || ttl <= 0 || body.ExcludeCN != "true" {
		return refuse(http.StatusBadRequest, "invalid ttl or exclude_cn_from_sans")
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: body.CommonName},
		NotBefore: s.Now().Add(-30 * time.Second), NotAfter: s.Now().Add(ttl),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for name := range split(body.AltNames) {
		if s.Domain != "" && !strings.HasSuffix(name, "."+s.Domain) {
			return refuse(http.StatusBadRequest, "subject alternate name "+name+" not allowed by this role")
		}
		template.DNSNames = append(template.DNSNames, name)
	}
	for text := range split(body.IPs) {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(text))
	}
	for text := range split(body.URIs) {
		uri, err := url.Parse(text)
		if err != nil {
			return refuse(http.StatusBadRequest, "invalid URI")
		}
		template.URIs = append(template.URIs, uri)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.pki.ca, csr.PublicKey, s.pki.key)
	if err != nil {
		return refuse(http.StatusInternalServerError, "error signing certificate")
	}
	number := serialText(template.SerialNumber)
	if !s.NoStore {
		s.stored[number] = true
	}
	return reply{status: http.StatusOK, data: map[string]any{
		"certificate": encode(der), "issuing_ca": encode(s.pki.ca.Raw), "ca_chain": []string{encode(s.pki.ca.Raw), encode(s.pki.root.Raw)},
		"serial_number": number, "expiration": template.NotAfter.Unix(),
	}}
}

func (s *Server) revoke(r *request) reply {
	var body struct {
		Serial      string `json:"serial_number"`
		Certificate string `json:"certificate"`
	}
	if refusal := decode(r, &body); refusal != nil {
		return *refusal
	}
	if (body.Serial == "") == (body.Certificate == "") {
		return refuse(http.StatusBadRequest, "must specify one of serial_number and certificate")
	}
	if block, _ := pem.Decode([]byte(body.Certificate)); block != nil {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || cert.CheckSignatureFrom(s.pki.ca) != nil {
			return refuse(http.StatusBadRequest, "unable to verify signature on presented cert")
		}
		body.Serial = serialText(cert.SerialNumber)
		s.stored[body.Serial] = true
	}
	if !s.stored[body.Serial] {
		return refuse(http.StatusBadRequest, "certificate with serial "+body.Serial+" not found")
	}
	if s.revoked[body.Serial].IsZero() {
		s.revoked[body.Serial] = s.Now()
	}
	return reply{status: http.StatusOK, data: map[string]any{"revocation_time": s.revoked[body.Serial].Unix(), "state": "revoked"}}
}

func split(list string) func(func(string) bool) {
	return strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' })
}

func encode(der []byte) string {
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

func serialText(number *big.Int) string {
	var parts []string
	for _, b := range number.Bytes() {
		parts = append(parts, hex.EncodeToString([]byte{b}))
	}
	return strings.Join(parts, ":")
}
