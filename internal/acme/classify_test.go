package acme

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestProblemsAreClassedByWhatTheCallerMustDo(t *testing.T) {
	t.Parallel()
	minute := testNow.Add(time.Minute)
	answered := func(action Action, status int, kind, detail string) *Problem {
		return &Problem{Action: action, Status: status, Type: typePrefix + kind, Detail: detail}
	}
	limited := answered(ActionCreateOrder, 429, "rateLimited", "retry after 2026-11-23 10:05:00 UTC")
	limited.RetryAfter = minute
	later := answered(ActionCreateOrder, 429, "rateLimited", "retry after 2026-11-23 10:00:30 UTC")
	later.RetryAfter = minute
	for name, test := range map[string]struct {
		err  error
		want Class
	}{
		"anything":                      {errors.New("disk full"), Class{Kind: Retry}},
		"deadline":                      {context.DeadlineExceeded, Class{Kind: Retry}},
		"no answer":                     {&TransportError{Err: errors.New("reset")}, Class{Kind: Retry}},
		"badNonce":                      {answered(ActionGetOrder, 400, "badNonce", ""), Class{Kind: Retry}},
		"orderNotReady":                 {answered(ActionFinalizeOrder, 403, "orderNotReady", ""), Class{Kind: Retry}},
		"serverInternal":                {answered(ActionGetOrder, 500, "serverInternal", ""), Class{Kind: Retry}},
		"unknown type with 502":         {&Problem{Action: ActionGetOrder, Status: 502, Title: "Bad Gateway"}, Class{Kind: Retry}},
		"rate limit by the detail":      {limited, Class{Wait, testNow.Add(5 * time.Minute)}},
		"rate limit by the header":      {later, Class{Wait, minute}},
		"rate limit in a challenge":     {&Problem{Type: typeRateLimited}, Class{Wait, testNow.Add(rateLimitWait)}},
		"429 of an unknown type":        {&Problem{Action: ActionGetOrder, Status: 429, Title: "x", RetryAfter: minute}, Class{Wait, minute}},
		"paused":                        {answered(ActionCreateOrder, 429, "rateLimited", "Your account is temporarily prevented from requesting certificates for a. Please visit: https://p.example/u?jwt=x"), Class{Kind: Stalled}},
		"paused by another type":        {answered(ActionCreateOrder, 403, "unauthorized", "to unpause visit https://p.example/"), Class{Kind: Stalled}},
		"externalAccountRequired":       {answered(ActionCreateAccount, 403, "externalAccountRequired", ""), Class{Kind: Stalled}},
		"userActionRequired":            {answered(ActionCreateOrder, 403, "userActionRequired", ""), Class{Kind: Stalled}},
		"accountDoesNotExist":           {answered(ActionCreateOrder, 400, "accountDoesNotExist", ""), Class{Kind: Stalled}},
		"deactivated account":           {answered(ActionCreateOrder, 403, "unauthorized", `Account is not valid, has status "deactivated"`), Class{Kind: Stalled}},
		"refused external account":      {answered(ActionCreateAccount, 403, "unauthorized", "unknown kid"), Class{Kind: Stalled}},
		"refused contact":               {answered(ActionUpdateAccount, 400, "invalidContact", ""), Class{Kind: Stalled}},
		"lost account":                  {answered(ActionGetAccount, 404, "malformed", ""), Class{Kind: Stalled}},
		"broken server at registration": {answered(ActionCreateAccount, 500, "serverInternal", ""), Class{Kind: Retry}},
		"rejectedIdentifier":            {answered(ActionCreateOrder, 400, "rejectedIdentifier", ""), Class{Kind: Failed}},
		"unauthorized finalize":         {answered(ActionFinalizeOrder, 403, "unauthorized", "CSR is missing a name"), Class{Kind: Failed}},
		"badCSR":                        {answered(ActionFinalizeOrder, 400, "badCSR", ""), Class{Kind: Failed}},
		"alreadyReplaced":               {answered(ActionCreateOrder, 409, "alreadyReplaced", ""), Class{Kind: Failed}},
		"invalidProfile":                {answered(ActionCreateOrder, 400, "invalidProfile", ""), Class{Kind: Failed}},
		"malformed":                     {answered(ActionAcceptChallenge, 400, "malformed", ""), Class{Kind: Failed}},
		"resource that moved":           {answered(ActionCreateOrder, 404, "malformed", ""), Class{Kind: Retry}},
		"order that is gone":            {answered(ActionGetOrder, 404, "malformed", ""), Class{Kind: Failed}},
		"dns in a challenge":            {&Problem{Type: typePrefix + "dns"}, Class{Kind: Failed}},
		"unauthorized in a challenge":   {&Problem{Type: typeUnauthorized, Status: 403}, Class{Kind: Failed}},
		"serverInternal in an order":    {&Problem{Type: typeServerInternal, Status: 500}, Class{Kind: Failed}},
		"problem without a text":        {&Problem{}, Class{Kind: Failed}},
		"404 of the directory":          {&HTTPError{Action: ActionGetDirectory, Status: 404}, Class{Kind: Retry}},
		"404 of a nonce":                {&HTTPError{Action: ActionGetNonce, Status: 404}, Class{Kind: Retry}},
		"410 of an authorization":       {&HTTPError{Action: ActionGetAuthorization, Status: 410}, Class{Kind: Failed}},
	} {
		for _, err := range []error{test.err, fmt.Errorf("renew a.example: %w", test.err)} {
			if got := Classify(err, testNow); got != test.want {
				t.Errorf("%s: %v, want %v", name, got, test.want)
			}
		}
	}
}

func TestErrorsAreRecognised(t *testing.T) {
	t.Parallel()
	problem := func(action Action, status int, kind, detail string) error {
		return fmt.Errorf("x: %w", &Problem{Action: action, Status: status, Type: typePrefix + kind, Detail: detail})
	}
	answer := func(action Action, status int) error { return &HTTPError{Action: action, Status: status} }
	for name, test := range map[string]struct {
		is  func(error) bool
		yes []error
		no  []error
	}{
		"account does not exist": {IsAccountDoesNotExist,
			[]error{problem(ActionGetOrder, 400, "accountDoesNotExist", "")},
			[]error{problem(ActionGetOrder, 404, "malformed", ""), answer(ActionGetAccount, 404), errors.New("x"), nil}},
		"not found": {IsNotFound,
			[]error{problem(ActionGetOrder, 404, "malformed", ""), answer(ActionAcceptChallenge, 404), answer(ActionGetCertificate, 410)},
			[]error{problem(ActionGetOrder, 400, "malformed", ""), answer(ActionGetDirectory, 404), answer(ActionGetNonce, 404),
				problem("", 404, "connection", ""), &TransportError{Action: ActionGetOrder}, nil}},
		"order not ready": {IsOrderNotReady,
			[]error{problem(ActionFinalizeOrder, 403, "orderNotReady", "")}, []error{problem(ActionFinalizeOrder, 403, "unauthorized", ""), nil}},
		"already replaced": {IsAlreadyReplaced,
			[]error{problem(ActionCreateOrder, 409, "alreadyReplaced", "")}, []error{problem(ActionCreateOrder, 409, "malformed", ""), nil}},
		"replaces refused": {IsReplacesRefused,
			[]error{
				problem(ActionCreateOrder, 409, "alreadyReplaced", ""),
				problem(ActionCreateOrder, 403, "unauthorized", "requester account did not request the certificate being replaced by this order"),
				problem(ActionCreateOrder, 400, "malformed", "parsing ARI CertID failed"),
				problem(ActionCreateOrder, 404, "malformed", "no such thing"),
				problem(ActionCreateOrder, 403, "unauthorized", "not yours"),
				problem(ActionCreateOrder, 500, "serverInternal", "could not find an order for the given certificate: none"),
			},
			[]error{problem(ActionCreateOrder, 400, "rejectedIdentifier", "forbidden"), problem(ActionCreateOrder, 403, "unauthorized", "account is deactivated"),
				problem(ActionCreateOrder, 500, "serverInternal", "database is down"), problem(ActionCreateOrder, 429, "rateLimited", "too many"), problem(ActionGetOrder, 403, "unauthorized", "replaced"), errors.New("replace"), nil}},
		"rate limited": {IsRateLimited,
			[]error{problem(ActionCreateOrder, 429, "rateLimited", ""), problem("", 0, "rateLimited", ""), answer(ActionGetOrder, 429)},
			[]error{answer(ActionGetOrder, 503), nil}},
		"invalid profile": {IsInvalidProfile,
			[]error{problem(ActionCreateOrder, 400, "invalidProfile", "")}, []error{problem(ActionCreateOrder, 400, "malformed", ""), nil}},
	} {
		for _, err := range test.yes {
			if !test.is(err) {
				t.Errorf("%s: not recognised: %v", name, err)
			}
		}
		for _, err := range test.no {
			if test.is(err) {
				t.Errorf("%s: wrongly recognised: %v", name, err)
			}
		}
	}
}
