package lifecycle

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// Children have deterministic names: whoever decides twice on stale data gets
// AlreadyExists instead of a second order at the CA.

const (
	maxName = 253 // DNS-1123 subdomain, the limit of a Kubernetes object name

	// A Certificate's name longer than this is cut in the names of its
	// requests (contract 2.4), which leaves 20 characters for the revision.
	maxCertificateName = 233
	cutCertificateName = 168

	// An Order's name keeps this much of its request's name (contract 2.8),
	// so that it can also be a label value with the hash behind it.
	maxOrderPrefix = 52
)

// RequestName is the name of the CertificateRequest that a Certificate makes
// for a revision (contract 2.4).
func RequestName(certificate string, revision int) string {
	if len(certificate) > maxCertificateName {
		sum := sha256.Sum256([]byte(certificate))
		certificate = certificate[:cutCertificateName] + "-" + hex.EncodeToString(sum[:])
	}
	return certificate + "-" + strconv.Itoa(revision)
}

// NextKeyName is the name of the Secret that holds the private key of an
// issuance that is under way. Every attempt has a name of its own, so that a
// key that was discarded can not be taken for the present one.
func NextKeyName(certificate, uid string, revision, attempt int) string {
	return cut(certificate, maxName-12) + "-" + shortHash(uid, strconv.Itoa(revision), strconv.Itoa(attempt))
}

// SolverName is the name of the pod, the Service and the Ingress that answer
// one HTTP-01 challenge.
func SolverName(challengeUID string) string {
	return "cm-acme-http-solver-" + shortHash(challengeUID)
}

// OrderName is the name of the Order of a CertificateRequest (contract 2.8).
// spec is the Order's spec with its CSR left out.
func OrderName(request string, spec any) (string, error) {
	hash := spec
	if len(request) >= maxOrderPrefix {
		// The cut name no longer tells requests apart, so the hash has to.
		hash = struct {
			Request string `json:"certificateRequestName"`
			Spec    any    `json:"spec"`
		}{request, spec}
	}
	hashed, err := json.Marshal(hash)
	if err != nil {
		return "", fmt.Errorf("hash order spec: %w", err)
	}
	return cut(request, maxOrderPrefix) + "-" + fnv32(hashed), nil
}

// ChallengeName is the name of a Challenge of an Order (contract 2.8). spec is
// the Challenge's spec with its key blanked.
func ChallengeName(order string, spec any) (string, error) {
	hashed, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("hash challenge spec: %w", err)
	}
	return cut(order, maxName-11) + "-" + fnv32(hashed), nil
}

// cut shortens a name to at most n characters that end in an alphanumeric.
func cut(name string, n int) string {
	if len(name) <= n {
		return name
	}
	return strings.TrimRight(name[:n], "-.")
}

func fnv32(b []byte) string {
	h := fnv.New32()  // FNV-1, not FNV-1a: contract 2.8
	_, _ = h.Write(b) // a hash does not fail
	return strconv.FormatUint(uint64(h.Sum32()), 10)
}

// shortHash is ten characters of 50 bits: collisions would need some 30
// million siblings of the same name.
func shortHash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil))[:10])
}
