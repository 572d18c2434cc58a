package lifecycle

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"math/rand"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// What another operator leaves behind, as the contract describes it (1.2, 1.7,
// 2.3 to 2.5). In capitals what differs from run to run.
const (
	peerCertificate = `{"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
		"metadata": {"namespace": "shop", "name": "web", "uid": "c0ffee00-0000-4000-8000-000000000001", "generation": 4,
			"creationTimestamp": "2025-03-01T00:00:00Z", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
		"spec": {"secretName": "web-tls", "commonName": "shop.example.com", "dnsNames": ["shop.example.com", "www.shop.example.com"],
			"duration": "2160h0m0s", "renewBefore": "360h0m0s", "usages": ["server auth", "digital signature", "key encipherment"],
			"privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
			"issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io"}},
		"status": STATUS}`

	peerAtRest = `{"conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "Certificate is up to date and has not expired",
			"lastTransitionTime": "2025-03-01T00:05:00Z", "observedGeneration": 4}],
		"notBefore": "2026-10-01T00:00:00Z", "notAfter": "2026-12-30T00:00:00Z", "renewalTime": "2026-12-15T00:00:00Z", "revision": 7}`
	peerWithoutRevision = `{"conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "Certificate is up to date and has not expired",
			"lastTransitionTime": "2025-03-01T00:05:00Z", "observedGeneration": 4}],
		"notBefore": "2026-10-01T00:00:00Z", "notAfter": "2026-12-30T00:00:00Z", "renewalTime": "2026-12-15T00:00:00Z"}`
	peerInFlight = `{"conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "Certificate is up to date and has not expired",
			"lastTransitionTime": "2025-03-01T00:05:00Z", "observedGeneration": 4},
			{"type": "Issuing", "status": "True", "reason": "Renewing", "message": "Renewing certificate as renewal was scheduled",
			"lastTransitionTime": "2026-10-31T23:59:00Z", "observedGeneration": 4}],
		"nextPrivateKeySecretName": "web-x7k2p", "notBefore": "2026-10-01T00:00:00Z", "notAfter": "2026-12-30T00:00:00Z",
		"renewalTime": "2026-12-15T00:00:00Z", "revision": 7}`
	peerFailed = `{"conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "Certificate is up to date and has not expired",
			"lastTransitionTime": "2025-03-01T00:05:00Z", "observedGeneration": 4},
			{"type": "Issuing", "status": "False", "reason": "Failed", "message": "The certificate request has failed to complete and will be retried",
			"lastTransitionTime": "2026-10-31T23:00:00Z", "observedGeneration": 4}],
		"failedIssuanceAttempts": 3, "lastFailureTime": "2026-10-31T23:00:00Z",
		"notBefore": "2026-10-01T00:00:00Z", "notAfter": "2026-12-30T00:00:00Z", "renewalTime": "2026-10-31T00:00:00Z", "revision": 7}`

	peerSecret = `{"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
		"metadata": {"namespace": "shop", "name": "web-tls", "labels": {"controller.cert-manager.io/fao": "true"},
			"annotations": {"cert-manager.io/alt-names": "shop.example.com,www.shop.example.com", "cert-manager.io/certificate-name": "web",
				"cert-manager.io/common-name": "shop.example.com", "cert-manager.io/ip-sans": "", "cert-manager.io/issuer-group": "cert-manager.io",
				"cert-manager.io/issuer-kind": "ClusterIssuer", "cert-manager.io/issuer-name": "letsencrypt", "cert-manager.io/uri-sans": ""}},
		"data": {"tls.key": "KEY", "tls.crt": "CERTIFICATE"}}`

	peerRequest = `{"apiVersion": "cert-manager.io/v1", "kind": "CertificateRequest",
		"metadata": {"namespace": "shop", "name": "NAME", "uid": "c0ffee00-0000-4000-8000-NAME", "creationTimestamp": "CREATED",
			"annotations": {"cert-manager.io/certificate-name": "web", "cert-manager.io/certificate-revision": "REVISION",
				"cert-manager.io/private-key-secret-name": "KEYNAME"},
			"ownerReferences": [{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "web",
				"uid": "c0ffee00-0000-4000-8000-000000000001", "controller": true, "blockOwnerDeletion": true}]},
		"spec": {"request": "CSR", "duration": "2160h0m0s", "usages": ["server auth", "digital signature", "key encipherment"],
			"issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io"},
			"username": "system:serviceaccount:cert-manager:cert-manager", "groups": ["system:serviceaccounts"], "uid": "c0ffee00-0000-4000-8000-000000000002"},
		"status": STATUS}`
	peerIssued = `{"certificate": "CERTIFICATE", "conditions": [
			{"type": "Approved", "status": "True", "reason": "cert-manager.io", "message": "approved", "lastTransitionTime": "CREATED"},
			{"type": "Ready", "status": "True", "reason": "Issued", "message": "Certificate fetched from issuer successfully", "lastTransitionTime": "CREATED"}]}`
	peerPending = `{"conditions": [
			{"type": "Approved", "status": "True", "reason": "cert-manager.io", "message": "approved", "lastTransitionTime": "CREATED"},
			{"type": "Ready", "status": "False", "reason": "Pending", "message": "Waiting on certificate issuance from order", "lastTransitionTime": "CREATED"}]}`
	peerRefused = `{"failureTime": "CREATED", "conditions": [
			{"type": "Approved", "status": "True", "reason": "cert-manager.io", "message": "approved", "lastTransitionTime": "CREATED"},
			{"type": "Ready", "status": "False", "reason": "Failed", "message": "the order is invalid", "lastTransitionTime": "CREATED"}]}`
)

// peer makes a world out of manifests.
type peer struct {
	*certificateWorld

	t    *testing.T
	key  []byte // of the Secret
	csr  []byte
	cert []byte
}

func newPeer(t *testing.T, status string) *peer {
	p := &peer{certificateWorld: newCertificateWorld(), t: t}
	p.crt = &cmv1.Certificate{}
	p.load(peerCertificate, p.crt, "STATUS", status)
	p.key = p.newKey(t, pki.KeySpec{Algorithm: pki.ECDSA})
	p.csr = p.request(p.key)
	request, err := pki.DecodeRequest(p.csr)
	if err != nil {
		t.Fatal(err)
	}
	template, err := pki.Template(request, pki.Profile{Duration: 90 * day, Usages: []string{"server auth", "digital signature", "key encipherment"}},
		big.NewInt(7), time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pki.Sign(rand.New(rand.NewSource(1)), template, simCA.cert, request.PublicKey, simCA.key)
	if err != nil {
		t.Fatal(err)
	}
	p.cert = pki.EncodeCertificates(cert)
	secret := &corev1.Secret{}
	p.load(peerSecret, secret, "KEY", base64.StdEncoding.EncodeToString(p.key), "CERTIFICATE", base64.StdEncoding.EncodeToString(p.cert))
	p.secret = &storedObject{secret.Labels, secret.Annotations, secret.Data}
	return p
}

func (p *peer) load(text string, into any, replacements ...string) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(strings.NewReplacer(replacements...).Replace(text)), into); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) request(key []byte) []byte {
	p.t.Helper()
	wanted, err := ParseSpec(&p.crt.Spec)
	if err != nil {
		p.t.Fatal(err)
	}
	return simRequest(p.t, key, &wanted.Request)
}

func (p *peer) addRequest(name, revision, keyName, created, status string, csr []byte) {
	p.t.Helper()
	req := &cmv1.CertificateRequest{}
	text := strings.ReplaceAll(peerRequest, "STATUS", status)
	p.load(text, req, "KEYNAME", keyName, "NAME", name, "REVISION", revision, "CREATED", created,
		"CSR", base64.StdEncoding.EncodeToString(csr), "CERTIFICATE", base64.StdEncoding.EncodeToString(p.cert))
	p.requests[name] = req
}

// An installation that is taken over, or a namespace that is restored, issues
// nothing: what is there is taken as it is.
func TestWhatThePeerLeftIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	const october = "2026-10-01T00:00:00Z"
	current := func(p *peer) { p.addRequest("web-7", "7", "web-4fq9z", october, peerIssued, p.csr) }
	for name, c := range map[string]struct {
		status   string
		left     func(p *peer)
		revision int // 0 is none
	}{
		"with its request":                    {peerAtRest, current, 7},
		"with a request of a random name":     {peerAtRest, func(p *peer) { p.addRequest("web-qn5xv", "7", "web-4fq9z", october, peerIssued, p.csr) }, 7},
		"without requests":                    {peerAtRest, func(*peer) {}, 7},
		"with the revision lost":              {peerWithoutRevision, current, 7},
		"with the revision and requests lost": {peerWithoutRevision, func(*peer) {}, 0},
		"with the status lost":                {`{}`, current, 7},
		"with the status and requests lost":   {`{}`, func(*peer) {}, 0},
		"with a key of an issuance that is over": {peerAtRest, func(p *peer) {
			current(p)
			p.keys["web-x7k2p"] = p.newKey(p.t, pki.KeySpec{Algorithm: pki.ECDSA})
		}, 7},
		"with older requests than are kept": {peerAtRest, func(p *peer) {
			p.addRequest("web-5", "5", "web-aaaaa", "2026-06-01T00:00:00Z", peerIssued, p.request(p.newKey(p.t, pki.KeySpec{Algorithm: pki.ECDSA})))
			p.addRequest("web-6", "6", "web-bbbbb", "2026-08-01T00:00:00Z", peerRefused, p.request(p.newKey(p.t, pki.KeySpec{Algorithm: pki.ECDSA})))
			current(p)
		}, 7},
		"with requests that a restore brought back without their status": {`{}`, func(p *peer) {
			p.addRequest("web-7", "7", "web-4fq9z", october, `{}`, p.csr)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, c.status)
			c.left(p)
			d := p.settle(t)
			if p.orders != 0 {
				t.Errorf("%d certificates were requested", p.orders)
			}
			if !p.ready() || IsIssuing(&p.crt.Status) || string(p.secret.data[TLSCert]) != string(p.cert) {
				t.Errorf("not taken as it is: status %+v", p.crt.Status)
			}
			if want := time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC); !d.Wake.Equal(want) || !p.crt.Status.RenewalTime.Time.Equal(want) {
				t.Errorf("renewed at %v (status %v), want %v", d.Wake, p.crt.Status.RenewalTime, want)
			}
			if got := NextRevision(p.crt) - 1; got != c.revision {
				t.Errorf("revision %d, want %d", got, c.revision)
			}
			if len(p.keys) > 0 {
				t.Errorf("keys left behind: %d", len(p.keys))
			}
			if len(p.requests) > 1 {
				t.Errorf("%d requests kept", len(p.requests))
			}
		})
	}
}

// An issuance that was under way is brought to its end, with the key and the
// request that are there.
func TestIssuanceOfThePeerIsBroughtToItsEnd(t *testing.T) {
	t.Parallel()
	p := newPeer(t, peerInFlight)
	key := p.newKey(t, pki.KeySpec{Algorithm: pki.ECDSA})
	p.keys["web-x7k2p"] = key
	p.addRequest("web-7", "7", "web-4fq9z", "2026-10-01T00:00:00Z", peerIssued, p.csr)
	p.addRequest("web-8", "8", "web-x7k2p", "2026-10-31T23:59:30Z", peerPending, p.request(key))
	if d := p.settle(t); p.orders != 0 || !p.ready() || d.Wake.IsZero() {
		t.Fatalf("%d certificates were requested; wake %v; status %+v", p.orders, d.Wake, p.crt.Status)
	}
	p.answer(p.requests["web-8"], "True", cmv1.CertificateRequestReasonIssued, "issued")
	request, err := pki.DecodeRequest(p.requests["web-8"].Spec.Request)
	if err != nil {
		t.Fatal(err)
	}
	template, err := pki.Template(request, pki.Profile{Duration: 90 * day, Usages: []string{"server auth", "digital signature", "key encipherment"}}, big.NewInt(8), p.now)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pki.Sign(rand.New(rand.NewSource(1)), template, simCA.cert, request.PublicKey, simCA.key)
	if err != nil {
		t.Fatal(err)
	}
	p.requests["web-8"].Status.Certificate = pki.EncodeCertificates(cert)
	p.settle(t)
	if p.orders != 0 || *p.crt.Status.Revision != 8 || IsIssuing(&p.crt.Status) || !p.ready() {
		t.Errorf("%d certificates were requested; status %+v", p.orders, p.crt.Status)
	}
	if string(p.secret.data[TLSKey]) != string(key) {
		t.Error("the Secret does not have the key of the issuance")
	}
}

// A failed issuance stays in the back-off that it was in: four hours after the
// third failure.
func TestBackoffOfThePeerIsKept(t *testing.T) {
	t.Parallel()
	p := newPeer(t, peerFailed)
	p.crt.Spec.RenewBefore.Duration = 60 * day // was due on the day before
	p.addRequest("web-7", "7", "web-4fq9z", "2026-10-01T00:00:00Z", peerIssued, p.csr)
	p.addRequest("web-8", "8", "web-zzzzz", "2026-10-31T23:00:00Z", peerRefused, p.request(p.newKey(t, pki.KeySpec{Algorithm: pki.ECDSA})))
	d := p.settle(t)
	if want := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC); p.orders != 0 || !d.Wake.Equal(want) || !p.ready() {
		t.Fatalf("%d certificates were requested; wake %v, want %v", p.orders, d.Wake, want)
	}
	p.now = d.Wake
	p.settle(t)
	if p.orders != 1 || p.requests["web-8"] == nil || p.requests["web-8"].UID == "c0ffee00-0000-4000-8000-web-8" {
		t.Errorf("%d certificates were requested after the back-off, want 1", p.orders)
	}
}

// A version that did not count failures says only when the last one was.
func TestFailureThatWasNotCountedIsTheFirst(t *testing.T) {
	t.Parallel()
	p := newPeer(t, strings.Replace(peerFailed, `"failedIssuanceAttempts": 3, `, "", 1))
	p.crt.Spec.RenewBefore.Duration = 60 * day
	p.now = p.now.Add(-30 * time.Minute)
	p.addRequest("web-7", "7", "web-4fq9z", "2026-10-01T00:00:00Z", peerIssued, p.csr)
	p.addRequest("web-8", "8", "web-zzzzz", "2026-10-31T23:00:00Z", peerRefused, p.request(p.newKey(t, pki.KeySpec{Algorithm: pki.ECDSA})))
	if d := p.settle(t); p.orders != 0 || !d.Wake.Equal(simStart) {
		t.Errorf("%d certificates were requested; wake %v, want %v", p.orders, d.Wake, simStart)
	}
}
