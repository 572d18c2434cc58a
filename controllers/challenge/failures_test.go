package challenge

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

func failedChallenge(uid types.UID, namespace, domain, issuerKind string, created time.Time) *acmev1.Challenge {
	return &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{UID: uid, Namespace: namespace, CreationTimestamp: metav1.NewTime(created)},
		Spec:       acmev1.ChallengeSpec{DNSName: domain, IssuerRef: cmmeta.IssuerReference{Name: "ca", Kind: issuerKind}},
	}
}

func TestFailedValidationsCountForAnHourByIssuerAndName(t *testing.T) {
	t.Parallel()
	f := newFailures()
	at := func(minutes int) time.Time { return started.Add(time.Duration(minutes) * time.Minute) }
	f.add(failedChallenge("1", "shop", "a.example.com", cmv1.IssuerKind, at(0)), at(1))
	f.add(failedChallenge("2", "shop", "b.example.com", cmv1.IssuerKind, at(0)), at(2))
	f.add(failedChallenge("3", "other", "a.example.com", cmv1.IssuerKind, at(0)), at(3))
	f.add(failedChallenge("4", "shop", "a.example.com", cmv1.ClusterIssuerKind, at(0)), at(4))
	f.add(failedChallenge("5", "other", "a.example.com", cmv1.ClusterIssuerKind, at(0)), at(5))

	ask := failedChallenge("9", "shop", "a.example.com", cmv1.IssuerKind, at(50))
	// One is known to this operator, the other is of the one before.
	left := []acmev1.Challenge{
		*failedChallenge("1", "shop", "a.example.com", cmv1.IssuerKind, at(0)),
		*failedChallenge("0", "shop", "a.example.com", cmv1.IssuerKind, at(10)),
	}
	tests := map[string]struct {
		of    *acmev1.Challenge
		left  []acmev1.Challenge
		after int
		want  []time.Time
	}{
		"of one namespace's issuer":          {ask, nil, 50, []time.Time{at(1)}},
		"and what was before the operator":   {ask, left, 50, []time.Time{at(1), at(10)}},
		"for an hour":                        {ask, left, 61, []time.Time{at(10)}},
		"a cluster's issuer has one account": {failedChallenge("9", "new", "a.example.com", cmv1.ClusterIssuerKind, at(50)), nil, 50, []time.Time{at(4), at(5)}},
		"another name":                       {failedChallenge("9", "shop", "c.example.com", cmv1.IssuerKind, at(50)), nil, 50, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, f.of(test.of, test.left, at(test.after))); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOldFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	f := newFailures()
	f.add(failedChallenge("1", "shop", "a.example.com", "", started), started)
	f.add(failedChallenge("2", "shop", "b.example.com", "", started), started.Add(time.Hour))
	if len(f.names) != 1 {
		t.Errorf("%d names are remembered", len(f.names))
	}
}
