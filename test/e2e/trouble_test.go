package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

const (
	apiRequests  = "rest_client_requests_total"
	acmeRequests = "certmanager_http_acme_client_request_count"
)

// Not parallel: it counts the operator's requests while two names are in
// trouble.
func TestNameThatCanNotBeProvenIsToldAndTriedWithRestraint(t *testing.T) {
	j := newJourney(t)
	for name, host := range map[string]string{
		"nowhere": j.namespace + ".nowhere.certwright.test", // does not resolve
		"dead":    j.namespace + ".dead.certwright.test",    // refuses connections, which may be so only from here
	} {
		j.create(j.certificate(name, clusterIssuer(pebbleIssuer), host))
	}
	nowhere := j.untilSaid("nowhere", time.Minute, j.namespace+".nowhere.certwright.test", "does not resolve", "retried within a minute")
	dead := j.untilSaid("dead", 2*time.Minute, j.namespace+".dead.certwright.test", "the CA refused the proof", "next attempt at")
	t.Logf("nowhere: %s", nowhere)
	t.Logf("dead: %s", dead)

	// What is tried of the first is the self-check, which asks neither the API
	// server nor the CA; the second waits for its back-off. The lease is renewed every second.
	const window = 30 * time.Second
	first, err := j.counters(t.Context(), apiRequests, acmeRequests)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	versions := map[string]string{}
	for _, name := range []string{"nowhere", "dead"} {
		versions[name] = j.version(name)
	}
	err = wait.PollUntilContextTimeout(t.Context(), time.Second, 2*window, false, func(context.Context) (bool, error) {
		for name, version := range versions {
			if now := j.version(name); now != version {
				return false, fmt.Errorf("the Certificate %s was written without news: %s, then %s", name, version, now)
			}
		}
		return time.Since(began) >= window, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	last, err := j.counters(t.Context(), apiRequests, acmeRequests)
	if err != nil {
		t.Fatal(err)
	}
	minutes := time.Since(began).Minutes()
	for name, most := range map[string]float64{apiRequests: 60 + 30, acmeRequests: 20} {
		perMinute := (last[name] - first[name]) / minutes
		t.Logf("%s: %.0f per minute", name, perMinute)
		if perMinute > most {
			t.Errorf("%s: %.0f per minute, want at most %.0f", name, perMinute, most)
		}
	}
	if last[apiRequests] == first[apiRequests] {
		t.Error("not one request was counted, though the lease is renewed")
	}
}

// version changes with every write to a Certificate.
func (j *journey) version(name string) string {
	j.Helper()
	c := &cmv1.Certificate{}
	if err := j.api.Get(j.Context(), client.ObjectKey{Namespace: j.namespace, Name: name}, c); err != nil {
		j.Fatal(err)
	}
	return c.ResourceVersion + " " + condition(c, cmv1.CertificateConditionReady).Message
}

func TestUnreachableCAIsToldAndMendedByItself(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	name := j.namespace
	const down = "https://ca.dead.certwright.test:14000/dir" // nothing listens there
	issuer := j.acmeIssuer(name, down)
	j.create(issuer)
	t.Cleanup(func() {
		if err := j.api.Delete(context.Background(), issuer); err != nil {
			t.Error(err)
		}
	})
	j.create(j.certificate("leaf", clusterIssuer(name), j.host()))

	ready := j.untilIssuer(name, cmmeta.ConditionFalse)
	if !hasAll(ready.Message, "ca.dead.certwright.test", "refused") {
		t.Errorf("the issuer does not say that its CA is down: %s", ready.Message)
	}
	j.untilSaid("leaf", time.Minute, name, "is not ready", "refused")

	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"acme": map[string]any{"server": pebbleDirectory}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.api.Patch(t.Context(), issuer, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		t.Fatal(err)
	}
	j.untilIssuer(name, cmmeta.ConditionTrue)
	j.untilReady("leaf", issueLimit)
	j.untilClean()
}

// untilIssuer waits until the condition Ready of a ClusterIssuer has a status.
func (j *journey) untilIssuer(name string, status cmmeta.ConditionStatus) cmv1.IssuerCondition {
	j.Helper()
	var ready cmv1.IssuerCondition
	j.until(fmt.Sprintf("ClusterIssuer %s is Ready=%s", name, status), time.Minute, func(ctx context.Context) (bool, string, error) {
		issuer := &cmv1.ClusterIssuer{}
		if err := j.api.Get(ctx, client.ObjectKey{Name: name}, issuer); err != nil {
			return false, "", err
		}
		for _, c := range issuer.Status.Conditions {
			if c.Type == cmv1.IssuerConditionReady {
				ready = c
			}
		}
		return ready.Status == status, fmt.Sprintf("%+v", ready), nil
	})
	return ready
}
