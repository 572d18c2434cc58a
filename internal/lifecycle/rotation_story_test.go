package lifecycle

import (
	"fmt"
	"math/big"
	"math/rand"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// rotationStory tells what becomes of one Certificate when the CA of its
// issuer changes.
type rotationStory struct {
	*story

	signer *testCA   // signs
	above  []*testCA // up to the root
	issuer *cmv1.Issuer
	turn   bool
	gone   bool // the CA can not be read
}

func newRotationStory(t *testing.T, signer *testCA, above ...*testCA) *rotationStory {
	s := &rotationStory{
		story:  &story{certificateWorld: newCertificateWorld(), t: t},
		signer: signer, above: above,
		issuer: &cmv1.Issuer{Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca", ReissueOnRotation: true}}}},
	}
	s.crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyAlways
	return s
}

func (s *rotationStory) look() CertificateSeen {
	seen := s.see()
	if s.gone {
		seen.CA.Unknown = true
		return seen
	}
	seen.SeeCA(s.signer.read(s.t, s.above...), s.issuer)
	seen.CA.MayReissue = seen.CA.Former && s.turn
	return seen
}

// calm runs passes until nothing changes, and answers what is asked.
func (s *rotationStory) calm() (RotatingState, bool) {
	s.t.Helper()
	for range 60 {
		seen := s.look()
		d := NextCertificate(seen, s.now)
		_, idle := d.Action.(NoCertificateAction)
		if !idle {
			s.tell("do     %s", strings.TrimPrefix(fmt.Sprintf("%T", d.Action), "lifecycle."))
			s.act(s.t, seen.WithPresentChain(), d.Action)
		}
		changed := !idle || !equality.Semantic.DeepEqual(s.crt.Status, d.Status)
		before := s.crt.Status.Conditions
		s.crt.Status = d.Status
		s.tellConditions(before)
		for _, e := range d.Events {
			s.tell("event  %s %s: %s", e.Type, e.Reason, e.Message)
		}
		if req := s.pending(); req != nil {
			s.signBy(req)
			continue
		}
		if !changed {
			if !d.Wake.IsZero() {
				s.tell("wake   in %s", d.Wake.Sub(s.now))
			}
			return seen.Rotating(&d)
		}
	}
	s.t.Fatal("no rest")
	return 0, false
}

func (s *rotationStory) signBy(req *cmv1.CertificateRequest) {
	s.t.Helper()
	csr, err := pki.DecodeRequest(req.Spec.Request)
	if err != nil {
		s.t.Fatal(err)
	}
	s.serial++
	template, err := pki.Template(csr, pki.Profile{Duration: 90 * day}, big.NewInt(s.serial), s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	cert, err := pki.Sign(rand.New(rand.NewSource(1)), template, s.signer.cert, csr.PublicKey, s.signer.key)
	if err != nil {
		s.t.Fatal(err)
	}
	ca := s.signer.read(s.t, s.above...)
	req.Status.Certificate = append(pki.EncodeCertificates(cert), pki.EncodeCertificates(ca.Chain...)...)
	req.Status.CA = pki.EncodeCertificates(ca.Root)
	s.answer(req, cmmeta.ConditionTrue, cmv1.CertificateRequestReasonIssued, "issued")
	s.tell("CA     %s signs", s.signer.cert.Subject)
}

// serial is that of the certificate in the Secret.
func (s *rotationStory) stored() (serial string, chain, ca []string) {
	secret := s.see().Secret
	for _, c := range secret.Chain[1:] {
		chain = append(chain, c.SerialNumber.String()+" "+c.Subject.String())
	}
	roots, err := pki.DecodeBundle(secret.Data[CACert])
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range roots {
		ca = append(ca, c.SerialNumber.String()+" "+c.Subject.String())
	}
	return secret.Leaf().SerialNumber.String(), chain, ca
}

func (s *rotationStory) tellStored() {
	serial, chain, ca := s.stored()
	s.tell("Secret leaf %s, chain %v, ca.crt %v", serial, chain, ca)
}

// What a rotation is to one Certificate, as stories.
func TestRotationTranscripts(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(t *testing.T) *rotationStory{
		"reissued-when-it-is-its-turn": func(t *testing.T) *rotationStory {
			s := newRotationStory(t, newTestCA(t, 0, "root", 1, nil))
			s.calm()
			s.now = s.now.Add(time.Hour)
			s.signer = newTestCA(t, 1, "root", 2, nil)
			s.tell("the CA has another key")
			s.calm()
			s.turn = true
			s.tell("its turn")
			s.calm()
			s.tellStored()
			return s
		},
		"marked-and-kept": func(t *testing.T) *rotationStory {
			s := newRotationStory(t, newTestCA(t, 0, "root", 1, nil))
			s.issuer.Spec.CA.ReissueOnRotation = false
			s.calm()
			former := s.signer
			s.now = s.now.Add(time.Hour)
			s.signer = newTestCA(t, 0, "new root", 2, nil)
			s.tell("the CA has another name")
			s.calm()
			s.tellStored()
			s.signer = former
			s.tell("the former CA is back")
			s.calm()
			return s
		},
		"renewed-with-its-key": func(t *testing.T) *rotationStory {
			root := newTestCA(t, 0, "root", 1, nil)
			s := newRotationStory(t, newTestCA(t, 1, "mid", 2, root), root)
			s.calm()
			s.tellStored()
			s.now = s.now.Add(time.Hour)
			renewed := newTestCA(t, 0, "root", 3, nil)
			s.signer, s.above = newTestCA(t, 1, "mid", 4, renewed), []*testCA{renewed}
			s.tell("root and intermediate are renewed with their keys")
			s.calm()
			s.tellStored()
			return s
		},
		"changed-a-moment-after-it-was-issued": func(t *testing.T) *rotationStory {
			s := newRotationStory(t, newTestCA(t, 0, "root", 1, nil))
			s.calm()
			s.now, s.turn = s.now.Add(time.Minute), true
			s.signer = newTestCA(t, 1, "root", 2, nil)
			s.tell("the CA has another key, and it is its turn")
			s.calm()
			s.now = s.now.Add(4 * time.Minute)
			s.calm()
			return s
		},
		"can-not-be-told": func(t *testing.T) *rotationStory {
			s := newRotationStory(t, newTestCA(t, 0, "root", 1, nil))
			s.calm()
			s.now = s.now.Add(time.Hour)
			s.signer = newTestCA(t, 1, "root", 2, nil)
			s.tell("the CA has another key")
			s.calm()
			s.gone = true
			s.tell("the Secret of the CA is deleted")
			s.calm()
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareTranscript(t, "rotation-"+name, strings.Join(happens(t).lines, "\n")+"\n")
		})
	}
}

func TestWhoCanNotBeginGivesItsTurnBack(t *testing.T) {
	t.Parallel()
	rows := []struct {
		sentence string
		change   func(s *rotationStory)
		want     RotatingState
	}{
		{"the spec makes no sense", func(s *rotationStory) { s.crt.Spec.IPAddresses = []string{"no"} }, RotatingResting},
		{"it has been issued a moment ago", func(s *rotationStory) { s.now = s.now.Add(-59 * time.Minute) }, RotatingResting},
		{"it waits after a failure", func(s *rotationStory) {
			s.crt.Status.LastFailureTime, s.crt.Status.FailedIssuanceAttempts = stamp(s.now), new(1)
		}, RotatingResting},
		{"it is not its turn", func(s *rotationStory) { s.turn = false }, RotatingWaiting},
	}
	for _, row := range rows {
		s := newRotationStory(t, newTestCA(t, 0, "root", 1, nil))
		s.calm()
		s.now, s.turn = s.now.Add(time.Hour), true
		s.signer = newTestCA(t, 1, "root", 2, nil)
		row.change(s)
		if state, former := s.calm(); state != row.want || !former {
			t.Errorf("%s: state %d, former %t", row.sentence, state, former)
		}
	}
}

// A CA whose own Certificate is issued by the issuer that uses it: it must not
// issue itself anew because it did.
func TestCAThatSignsItselfIsNotOfAFormerCA(t *testing.T) {
	t.Parallel()
	s := newRotationStory(t, newTestCA(t, 0, "root", 1, nil))
	s.calm()
	s.turn = true
	before, _, _ := s.stored()
	secret := s.see().Secret
	for range 3 {
		s.now = s.now.Add(time.Hour)
		seen := s.see()
		// What is in its Secret is what the issuer signs with from now on.
		own := &CA{Certificate: secret.Leaf(), Root: secret.Leaf()}
		seen.SeeCA(own, s.issuer)
		if seen.CA.Former || seen.CA.Stale {
			t.Fatalf("seen as %+v", seen.CA)
		}
		if d := NextCertificate(seen, s.now); d.Action != (NoCertificateAction{}) {
			t.Fatalf("action %T", d.Action)
		}
	}
	if after, _, _ := s.stored(); after != before {
		t.Error("issued anew")
	}
}
