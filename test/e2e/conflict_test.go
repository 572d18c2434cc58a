package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

func TestTwoCertificatesWithOneSecretAreToldOfEachOther(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.create(&cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "self"},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}},
	})
	issuer := cmmeta.IssuerReference{Name: "self"}
	first, second := j.certificate("first", issuer, "first.example"), j.certificate("second", issuer, "second.example")
	first.Spec.SecretName, second.Spec.SecretName = "shared", "shared"
	j.create(first)
	j.untilReady("first", time.Minute)
	j.create(second)
	j.untilSaid("second", time.Minute, `Secret "shared"`, `Certificate "first"`)
	j.untilEvent("first", `"second"`)
	j.untilEvent("second", `"first"`)
	j.untilReady("first", time.Minute)
	if leaf, err := j.stored(t.Context(), "shared"); err != nil || leaf.VerifyHostname("first.example") != nil {
		t.Errorf("the Secret no longer has the certificate of its owner: %v", err)
	}
	requests, err := j.names(t.Context(), &cmv1.CertificateRequestList{}, client.InNamespace(j.namespace))
	if err != nil || len(requests) != 1 {
		t.Errorf("there are the requests %q: %v", requests, err)
	}

	if err := j.api.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	j.untilReady("second", time.Minute)
	if leaf, err := j.stored(t.Context(), "shared"); err != nil || leaf.VerifyHostname("second.example") != nil {
		t.Errorf("the Secret did not go to the other Certificate: %v", err)
	}
	j.untilClean()
}

// untilEvent waits for an event of a Certificate with a text in it.
func (j *journey) untilEvent(name, text string) {
	j.Helper()
	j.until(fmt.Sprintf("an event of Certificate %s with %s", name, text), time.Minute, func(ctx context.Context) (bool, string, error) {
		list := &corev1.EventList{}
		if err := j.api.List(ctx, list, client.InNamespace(j.namespace)); err != nil {
			return false, "", err
		}
		seen := ""
		for _, e := range list.Items {
			if e.InvolvedObject.Kind != cmv1.CertificateKind || e.InvolvedObject.Name != name {
				continue
			}
			if hasAll(e.Message, text) {
				return true, "", nil
			}
			seen += e.Reason + ": " + e.Message + "\n"
		}
		return false, seen, nil
	})
}
