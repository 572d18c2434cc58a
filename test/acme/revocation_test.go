package acme_test

import (
	"crypto"
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/test/acme/faultproxy"
	"github.com/certwright/certwright/test/acme/testca"
)

// issued is a certificate of the journey's account, with its key.
func (j *journey) issued(name string) (*x509.Certificate, crypto.Signer) {
	j.Helper()
	order, key := j.finalize(j.authorize(j.order(acme.OrderRequest{Identifiers: names(name)})))
	return j.certificate(order, key).Leaf(), key
}

func (j *journey) expect(certificate *x509.Certificate, want testca.Revocation) {
	j.Helper()
	if got := j.ca.StatusBySerial(j, certificate.SerialNumber); got != want {
		j.Errorf("the CA says %+v, want %+v", got, want)
	}
}

func TestCertificateIsRevokedByTheAccount(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{RefusedNonces: 30}), acme.KeyECDSAP256)
	certificate, _ := j.issued("account.revoke.example")
	j.expect(certificate, testca.Revocation{})
	request := acme.RevocationRequest{Certificate: certificate, Reason: 4}
	retry(j, func() (any, error) { return nil, j.client.RevokeCertificate(j.ctx, request) })
	j.expect(certificate, testca.Revocation{Revoked: true, Reason: 4})
	if err := j.client.RevokeCertificate(j.ctx, request); !acme.IsAlreadyRevoked(err) {
		t.Errorf("second time: %v, want alreadyRevoked", err)
	}
}

func TestCertificateIsRevokedByItsOwnKeyWithoutAnAccount(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	certificate, key := j.issued("key.revoke.example")
	anonymous, err := acme.New(acme.Config{DirectoryURL: j.ca.DirectoryURL, HTTPClient: j.ca.HTTPClient})
	if err != nil {
		t.Fatal(err)
	}
	if err := anonymous.RevokeCertificate(j.ctx, acme.RevocationRequest{Certificate: certificate, Reason: 1, Key: key}); err != nil {
		t.Fatal(err)
	}
	j.expect(certificate, testca.Revocation{Revoked: true, Reason: 1})
}

func TestAccountMayNotRevokeWhatAnotherHasOrdered(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	certificate, _ := j.issued("other.revoke.example")
	other := begin(t, j.ca, acme.KeyECDSAP256)
	if err := other.client.RevokeCertificate(j.ctx, acme.RevocationRequest{Certificate: certificate}); !acme.IsRevocationUnauthorized(err) {
		t.Errorf("error %v", err)
	}
	j.expect(certificate, testca.Revocation{})
}

func TestReasonThatTheCADoesNotTakeIsTold(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	certificate, _ := j.issued("reason.revoke.example")
	if err := j.client.RevokeCertificate(j.ctx, acme.RevocationRequest{Certificate: certificate, Reason: 11}); !acme.IsRevocationReasonRefused(err) {
		t.Errorf("error %v", err)
	}
	j.expect(certificate, testca.Revocation{})
}

func TestLostAnswerToARevocationIsFoundByAskingAgain(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	certificate, _ := j.issued("lost.revoke.example")
	j.ca.Faults.Add(faultproxy.Rule{Path: testca.PathRevoke, Method: http.MethodPost, Times: 1, Fault: faultproxy.LoseAnswer()})
	request := acme.RevocationRequest{Certificate: certificate}
	if err := j.client.RevokeCertificate(j.ctx, request); acme.Classify(err, time.Now()).Kind != acme.Retry {
		t.Errorf("first: %v, want another try", err)
	}
	j.expect(certificate, testca.Revocation{Revoked: true})
	if err := j.client.RevokeCertificate(j.ctx, request); !acme.IsAlreadyRevoked(err) {
		t.Errorf("second: %v, want alreadyRevoked", err)
	}
}
