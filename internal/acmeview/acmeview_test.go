package acmeview_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/lifecycle"
)

var now = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func problem(kind string, status int, action acme.Action) *acme.Problem {
	return &acme.Problem{Type: "urn:ietf:params:acme:error:" + kind, Detail: "detail", Status: status, Action: action}
}

func TestFault(t *testing.T) {
	t.Parallel()
	limited := problem("rateLimited", 429, acme.ActionCreateOrder)
	limited.RetryAfter = now.Add(time.Hour)
	tests := map[string]struct {
		err  error
		want lifecycle.Fault
	}{
		"no answer":         {&acme.TransportError{Action: acme.ActionGetOrder, Host: "ca", Err: errors.New("broken")}, lifecycle.Fault{Kind: lifecycle.Retry}},
		"a rate limit":      {limited, lifecycle.Fault{Kind: lifecycle.Wait, Until: now.Add(time.Hour)}},
		"no such account":   {problem("accountDoesNotExist", 400, acme.ActionCreateOrder), lifecycle.Fault{Kind: lifecycle.Stalled}},
		"a refusal":         {problem("rejectedIdentifier", 403, acme.ActionCreateOrder), lifecycle.Fault{Kind: lifecycle.Failed}},
		"gone":              {problem("malformed", http.StatusNotFound, acme.ActionGetOrder), lifecycle.Fault{Kind: lifecycle.Failed, Code: lifecycle.NotFound}},
		"not ready":         {problem("orderNotReady", 403, acme.ActionFinalizeOrder), lifecycle.Fault{Kind: lifecycle.Retry, Code: lifecycle.OrderNotReady}},
		"wrapped":           {fmt.Errorf("x: %w", limited), lifecycle.Fault{Kind: lifecycle.Wait, Until: now.Add(time.Hour)}},
		"not about the CA":  {errors.New("the ACME account of Issuer \"x\" is not registered yet"), lifecycle.Fault{Kind: lifecycle.Retry}},
		"answered by a box": {&acme.HTTPError{Action: acme.ActionGetOrder, Host: "ca", Status: 502}, lifecycle.Fault{Kind: lifecycle.Retry}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := acmeview.Fault(test.err, now)
			if got.Message == "" || got.Message != acme.Summary(test.err) {
				t.Errorf("message %q", got.Message)
			}
			got.Message = ""
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteFaultIsARefusalAndNothingElse(t *testing.T) {
	t.Parallel()
	pods := schema.GroupResource{Resource: "pods"}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":    {nil, false},
		"quota":      {apierrors.NewForbidden(pods, "p", errors.New("exceeded quota")), true},
		"wrapped":    {fmt.Errorf("x: %w", apierrors.NewForbidden(pods, "p", errors.New("no"))), true},
		"invalid":    {apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "p", nil), true},
		"taken name": {apierrors.NewAlreadyExists(pods, "p"), true},
		"conflict":   {apierrors.NewConflict(pods, "p", errors.New("changed")), false},
		"time-out":   {apierrors.NewTimeoutError("slow", 1), false},
		"network":    {errors.New("connection refused"), false},
	} {
		fault, ok := acmeview.WriteFault("create pod", test.err)
		if ok != test.want {
			t.Errorf("%s: %t", name, ok)
		}
		if ok && (fault.Kind != lifecycle.Retry || !strings.HasPrefix(fault.Message, "create pod: ")) {
			t.Errorf("%s: %+v", name, fault)
		}
	}
}

func TestAuthorizationTellsOfOneChallenge(t *testing.T) {
	t.Parallel()
	refused := problem("unauthorized", 0, "")
	authorization := func(status acme.Status) *acme.Authorization {
		return &acme.Authorization{
			URL: "https://ca/authz", Status: status, Expires: now, Wildcard: true,
			Identifier: acme.Identifier{Type: "dns", Value: "a.example.com"},
			Challenges: []acme.Challenge{
				{URL: "https://ca/1", Type: "dns-01", Status: acme.StatusPending, Token: "t1"},
				{URL: "https://ca/2", Type: "http-01", Status: acme.StatusInvalid, Token: "t2", Error: refused},
				{URL: "https://ca/3", Type: "dns-persist-01", Status: acme.StatusPending},
			},
		}
	}
	tests := map[string]struct {
		status  acme.Status
		url     string
		want    acmev1.State
		mine    acmev1.State
		problem string
	}{
		"pending":     {acme.StatusPending, "https://ca/1", acmev1.Pending, acmev1.Pending, ""},
		"mine failed": {acme.StatusInvalid, "https://ca/2", acmev1.Invalid, acmev1.Invalid, acme.Summary(refused)},
		"another did": {acme.StatusInvalid, "https://ca/1", acmev1.Invalid, acmev1.Pending, acme.Summary(refused)},
		"deactivated": {acme.StatusDeactivated, "https://ca/1", acmev1.Invalid, acmev1.Pending, "the authorization was deactivated"},
		"revoked":     {acme.StatusRevoked, "https://ca/1", acmev1.Invalid, acmev1.Pending, "the authorization was revoked"},
		"expired":     {acme.StatusExpired, "https://ca/1", acmev1.Expired, acmev1.Pending, ""},
		"new words":   {acme.Status("pondering"), "https://ca/1", acmev1.Pending, acmev1.Pending, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := lifecycle.AuthorizationAtCA{State: test.want, Challenge: test.mine, Problem: test.problem, Expires: now}
			if diff := cmp.Diff(want, acmeview.Authorization(authorization(test.status), test.url)); diff != "" {
				t.Errorf("authorization (-want +got):\n%s", diff)
			}
		})
	}
	stored := acmeview.StoredAuthorization(authorization(acme.StatusPending))
	if stored.Identifier != "a.example.com" || !*stored.Wildcard || stored.InitialState != acmev1.Pending || len(stored.Challenges) != 3 {
		t.Errorf("stored: %+v", stored)
	}
}

func TestAcceptedChallengeKeepsWhatWasKnown(t *testing.T) {
	t.Parallel()
	before := &lifecycle.AuthorizationAtCA{State: acmev1.Pending, Challenge: acmev1.Pending, Expires: now.Add(time.Hour), At: now.Add(-time.Hour)}
	got := acmeview.Challenge(&acme.Challenge{Status: acme.StatusProcessing, RetryAfter: now.Add(time.Second)}, before, now)
	want := lifecycle.AuthorizationAtCA{
		State: acmev1.Pending, Challenge: acmev1.Processing, Expires: now.Add(time.Hour),
		RetryAfter: now.Add(time.Second), At: now, Accepted: now,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("authorization (-want +got):\n%s", diff)
	}
}
