package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

func TestAccountGetsAnotherKeyAndStaysTheSame(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	issuer := j.acmeIssuer(j.namespace, pebbleDirectory)
	ref := j.issuer(issuer)
	j.untilIssuer(issuer.Name, cmmeta.ConditionTrue)
	key := func(ctx context.Context) ([]byte, error) {
		secret := &corev1.Secret{}
		err := j.api.Get(ctx, client.ObjectKey{Namespace: testbed.Namespace, Name: issuer.Name + "-account"}, secret)
		return secret.Data[corev1.TLSPrivateKeyKey], err
	}
	former, err := key(t.Context())
	if err != nil || len(former) == 0 {
		t.Fatalf("read the account's key: %d bytes, %v", len(former), err)
	}
	if err := j.api.Get(t.Context(), client.ObjectKeyFromObject(issuer), issuer); err != nil {
		t.Fatal(err)
	}
	account := issuer.Status.ACME.URI

	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{cmv1.RolloverAccountKeyAnnotation: "today"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.api.Patch(t.Context(), issuer, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		t.Fatal(err)
	}
	j.until("the account has another key", time.Minute, func(ctx context.Context) (bool, string, error) {
		now, err := key(ctx)
		if err != nil {
			return false, "", err
		}
		err = j.api.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)
		done := false
		for _, c := range issuer.Status.Conditions {
			done = done || c.Type == cmv1.IssuerConditionAccountKeyRollover && c.Status == cmmeta.ConditionTrue
		}
		return done && !bytes.Equal(now, former), fmt.Sprintf("%+v", issuer.Status.Conditions), err
	})
	if issuer.Status.ACME.URI != account {
		t.Errorf("the account was %s and is %s", account, issuer.Status.ACME.URI)
	}
	j.create(j.certificate("leaf", ref, j.host()))
	j.untilReady("leaf", issueLimit)
	j.untilClean()
}
