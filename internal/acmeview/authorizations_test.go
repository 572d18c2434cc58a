package acmeview

import (
	"fmt"
	"testing"
	"time"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/acme"
)

func pending(url string) *acme.Authorization {
	return &acme.Authorization{
		URL: "https://ca/authz/" + url, Status: acme.StatusPending,
		Challenges: []acme.Challenge{{URL: "https://ca/chall/" + url, Type: acme.ChallengeHTTP01, Status: acme.StatusPending}},
	}
}

func TestAuthorizationIsHandedOverOnceAndOnlyWhileItIsFresh(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	read := &Authorizations{}
	read.Put(pending("1"), now)
	read.Put(pending("2"), now)
	got := read.Take("https://ca/chall/1", now.Add(time.Second))
	if got == nil || got.State != acmev1.Pending || got.Challenge != acmev1.Pending || !got.At.Equal(now) {
		t.Errorf("taken: %+v", got)
	}
	if again := read.Take("https://ca/chall/1", now.Add(time.Second)); again != nil {
		t.Errorf("taken again: %+v", again)
	}
	if old := read.Take("https://ca/chall/2", now.Add(freshFor)); old != nil {
		t.Errorf("taken after %s: %+v", freshFor, old)
	}
	if none := (*Authorizations)(nil).Take("https://ca/chall/1", now); none != nil {
		t.Errorf("taken of nothing: %+v", none)
	}
}

func TestAuthorizationsThatNobodyTakesDoNotPileUp(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	read := &Authorizations{}
	for i := range 3 * mostReadings {
		read.Put(pending(fmt.Sprint(i)), now)
	}
	if len(read.read) > mostReadings {
		t.Errorf("%d are kept, at most %d should be", len(read.read), mostReadings)
	}
}
