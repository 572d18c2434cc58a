package e2e

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// clusterDNS is the node's.
const clusterDNS = "10.96.0.10:53"

// mostCARequests is how often a CA is asked for one certificate, polls included:
// the budget of ten, and three for the account (a nonce, a look whether there is
// one, the registration).
const mostCARequests = 10 + 3

// step-ca has no renewal information, no profiles, and no change of the
// account's key.
func TestCAOfAnotherMakeIssues(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	network, err := j.network()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := network.listen(t.Context(), nodeAddress)
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr).String()
	_ = listener.Close() // it was to find a port that is free
	ca := j.run(network, nil, j.build("test/stepca", "./serve"), "-listen", address, "-dns", clusterDNS)
	var bundle []byte
	j.until("step-ca runs", time.Minute, func(ctx context.Context) (bool, string, error) {
		conn, err := network.Dial(ctx, "tcp", address)
		if err != nil {
			return false, "", err
		}
		_ = conn.Close() // it was to see whether somebody is there
		block, _ := pem.Decode([]byte(ca.said()))
		if block != nil {
			bundle = pem.EncodeToMemory(block)
		}
		return block != nil, "no certificate", nil
	})
	issuer := &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "step"},
		Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
			Server:     "https://" + address + "/acme/acme/directory",
			CABundle:   bundle,
			PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "step-account"}},
			Solvers:    j.acmeIssuer("", "").Spec.ACME.Solvers,
		}}},
	}
	j.create(issuer)
	j.create(j.certificate("leaf", cmmeta.IssuerReference{Name: issuer.Name, Kind: cmv1.IssuerKind}, j.host()))
	c := j.untilReady("leaf", issueLimit)
	leaf, err := j.stored(t.Context(), "leaf")
	if err != nil || leaf.VerifyHostname(j.host()) != nil || leaf.Issuer.CommonName != "step intermediate" {
		t.Errorf("certificate of %v by %v: %v", leaf.DNSNames, leaf.Issuer, err)
	}
	j.untilClean()

	if c.Status.ACME != nil {
		t.Errorf("there is something about renewal information, which this CA does not have: %+v", c.Status.ACME)
	}
	requests := strings.Count(ca.said(), "/acme/")
	t.Logf("%d requests to the CA", requests)
	if requests == 0 || requests > mostCARequests {
		t.Errorf("%d requests to the CA, want at most %d:\n%s", requests, mostCARequests, ca.said())
	}

	// The account's key can not be changed, and that is told; the account stays.
	j.patch(issuer, map[string]any{"metadata": map[string]any{"annotations": map[string]any{cmv1.RolloverAccountKeyAnnotation: "today"}}})
	j.until("the Issuer says that the CA does not change keys", time.Minute, func(ctx context.Context) (bool, string, error) {
		err := j.api.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)
		told, ready := false, false
		for _, c := range issuer.Status.Conditions {
			told = told || c.Type == cmv1.IssuerConditionAccountKeyRollover && c.Reason == cmv1.IssuerReasonRolloverUnsupported
			ready = ready || c.Type == cmv1.IssuerConditionReady && c.Status == cmmeta.ConditionTrue
		}
		return told && ready, fmt.Sprintf("%+v", issuer.Status.Conditions), err
	})
	t.Logf("%+v", issuer.Status.Conditions)
	j.create(j.certificate("another", cmmeta.IssuerReference{Name: issuer.Name, Kind: cmv1.IssuerKind}, "another."+j.host()))
	j.untilReady("another", issueLimit)
	if strings.Contains(ca.said(), "renewal") {
		t.Errorf("it was asked for renewal information:\n%s", ca.said())
	}
}
