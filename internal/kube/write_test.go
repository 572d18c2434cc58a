package kube

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func labelsOf(value string) labels.Set {
	if value == "" {
		return nil
	}
	return labels.Set{cmv1.PartOfCertManagerControllerLabelKey: value}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	secrets := schema.GroupResource{Resource: "secrets"}
	down := errors.New("down")
	exists := apierrors.NewAlreadyExists(secrets, "a")
	rows := []struct {
		sentence string
		err      error
		after    time.Duration
		want     error
	}{
		{"a pass on old facts is repeated in a moment and nothing to report", apierrors.NewConflict(secrets, "a", errors.New("old")), staleRetry, nil},
		{"the same, however deep", fmt.Errorf("update status: %w", apierrors.NewConflict(secrets, "a", errors.New("old"))), staleRetry, nil},
		{"an object that is gone is nobody's concern", fmt.Errorf("update status: %w", apierrors.NewNotFound(secrets, "a")), 0, nil},
		{"a child that somebody else made is reported", exists, 0, exists},
		{"everything else is reported and tried again with growing pauses", down, 0, down},
		{"an API server that is busy is no conflict", apierrors.NewTooManyRequests("busy", 1), 0, apierrors.NewTooManyRequests("busy", 1)},
		{"nothing", nil, 0, nil},
	}
	for _, row := range rows {
		result, err := Retry(row.err)
		if (err == nil) != (row.want == nil) || (err != nil && err.Error() != row.want.Error()) || result != (ctrl.Result{RequeueAfter: row.after}) {
			t.Errorf("%s: %+v, %v", row.sentence, result, err)
		}
	}
}

func TestWakeAt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	rows := []struct {
		sentence string
		wake     time.Time
		want     time.Duration
	}{
		{"never", time.Time{}, 0},
		{"later", now.Add(time.Hour), time.Hour},
		{"now is not never", now, time.Millisecond},
		{"what is overdue is due", now.Add(-time.Hour), time.Millisecond},
		{"a moment is not rounded away", now.Add(time.Nanosecond), time.Millisecond},
	}
	for _, row := range rows {
		if got := WakeAt(row.wake, now).RequeueAfter; got != row.want {
			t.Errorf("%s: %s, want %s", row.sentence, got, row.want)
		}
	}
}

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, cmv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

func TestStatusIsStoredOnlyOnTheVersionThatWasRead(t *testing.T) {
	t.Parallel()
	crt := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "www"}}
	c := fake.NewClientBuilder().WithScheme(newScheme(t)).WithObjects(crt).WithStatusSubresource(crt).Build()
	read := func() *cmv1.Certificate {
		t.Helper()
		found := &cmv1.Certificate{}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(crt), found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	first, second := read(), read()
	first.Status.Revision = new(1)
	if err := UpdateStatus(t.Context(), c, first); err != nil {
		t.Fatal(err)
	}
	second.Status.Revision = new(2)
	err := UpdateStatus(t.Context(), c, second)
	if !apierrors.IsConflict(err) {
		t.Errorf("error %v, want a conflict", err)
	}
	if got := *read().Status.Revision; got != 1 {
		t.Errorf("revision %d, want 1", got)
	}
}

func TestSecretIsAppliedAsTheOneOwnerOfOurFields(t *testing.T) {
	t.Parallel()
	var owner string
	var force bool
	refuse := error(nil)
	c := fake.NewClientBuilder().WithScheme(newScheme(t)).WithInterceptorFuncs(interceptor.Funcs{
		Apply: func(_ context.Context, _ client.WithWatch, _ runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			o := (&client.ApplyOptions{}).ApplyOptions(opts)
			owner, force = o.FieldManager, o.Force != nil && *o.Force
			return refuse
		},
	}).Build()
	secret := applycorev1.Secret("www-tls", "shop")
	if err := ApplySecret(t.Context(), c, secret); err != nil {
		t.Fatal(err)
	}
	// The name that installations have today: contract 2.0.
	if owner != "cert-manager-certificates-issuing" || !force {
		t.Errorf("applied by %q, force %t", owner, force)
	}
	refuse = errors.New("too large")
	if err := ApplySecret(t.Context(), c, secret); !errors.Is(err, refuse) || err.Error() != "apply secret: too large" {
		t.Errorf("error %v", err)
	}
}
