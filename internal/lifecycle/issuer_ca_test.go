package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func TestIssuerSaysWhichCASigns(t *testing.T) {
	t.Parallel()
	first, second := newTestCA(t, 0, "root", 1, nil).read(t), newTestCA(t, 1, "root", 2, nil).read(t)
	fine := &IssuerVerdict{Ready: true, Reason: cmv1.IssuerReasonKeyPairVerified, Message: "fits"}
	broken := &IssuerVerdict{Reason: cmv1.IssuerReasonErrInvalidKeyPair, Message: "garbage"}
	reissue := cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca", ReissueOnRotation: true}}
	keep := cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}}

	issuer := &cmv1.Issuer{}
	steps := []struct {
		sentence string
		spec     cmv1.IssuerConfig
		verdict  *IssuerVerdict
		ca       *CA
		says     string // the CA it names; empty for none
		event    string // a part of the message of CARotated; empty for none
	}{
		{"the first CA is no change", reissue, fine, first, first.Announcement(), ""},
		{"the same CA again", reissue, fine, first, first.Announcement(), ""},
		{"another CA", reissue, fine, second, second.Announcement(), second.Announcement() + ". What an earlier CA signed is marked SignedByFormerCA and issued anew, 10 certificates at a time"},
		{"garbage takes nothing back", reissue, broken, nil, second.Announcement(), ""},
		{"the same CA after the garbage", reissue, fine, second, second.Announcement(), ""},
		{"another CA, and certificates are kept", keep, fine, first, first.Announcement(), "set spec.ca.reissueOnRotation to have it issued anew"},
		{"it can not be told which CA", keep, fine, nil, first.Announcement(), ""},
		{"no CA issuer any more", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}, fine, nil, "", ""},
	}
	for i, step := range steps {
		issuer.Spec.IssuerConfig = step.spec
		now := simStart.Add(time.Duration(i) * time.Hour)
		d := NextIssuer(IssuerSeen{Issuer: issuer, Verdict: step.verdict, CA: step.ca}, now)
		issuer.Status = d.Status
		if got := AnnouncedCA(issuer); got != step.says {
			t.Errorf("%s: says %q, want %q", step.sentence, got, step.says)
		}
		event := ""
		for _, e := range d.Events {
			if e.Reason == cmv1.IssuerEventCARotated {
				event = e.Message
			}
		}
		if (event == "") != (step.event == "") || !strings.Contains(event, step.event) {
			t.Errorf("%s: event %q, want %q in it", step.sentence, event, step.event)
		}
		again := NextIssuer(IssuerSeen{Issuer: issuer, Verdict: step.verdict, CA: step.ca}, now.Add(time.Minute))
		if diff := cmp.Diff(issuer.Status, again.Status); diff != "" || len(again.Events) > 0 {
			t.Errorf("%s: not stable: %v\n%s", step.sentence, again.Events, diff)
		}
	}
}
