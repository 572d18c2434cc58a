package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/cmd/kubectl-certwright/internal/page"
	"github.com/certwright/certwright/internal/lifecycle"
)

// rowOf is what the list shows of a Certificate.
func rowOf(crt *cmv1.Certificate) page.Row {
	s := &crt.Status
	row := page.Row{
		Namespace: crt.Namespace, Name: crt.Name, Names: asked(crt), Issuer: issuerText(&crt.Spec.IssuerRef), Issuing: lifecycle.IsIssuing(s),
		NotBefore: instant(s.NotBefore), NotAfter: instant(s.NotAfter), Renewal: instant(s.RenewalTime),
	}
	ready := lifecycle.FindCertificateCondition(s.Conditions, cmv1.CertificateConditionReady)
	row.Unknown = ready == nil
	if ready != nil {
		row.Ready = ready.Status == cmmeta.ConditionTrue
		row.Says = ready.Message
	}
	issuing := lifecycle.FindCertificateCondition(s.Conditions, cmv1.CertificateConditionIssuing)
	row.Failed = s.LastFailureTime != nil && (s.FailedIssuanceAttempts != nil && *s.FailedIssuanceAttempts > 0 || issuing != nil && issuing.Status == cmmeta.ConditionFalse)
	if row.Ready && issuing != nil && issuing.Status == cmmeta.ConditionFalse {
		row.Says = issuing.Message
	}
	return row
}

func instant(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// storyOf is what the page shows of a story and its explanation.
func storyOf(s *story, e *explanation, now time.Time) *page.Story {
	v := s.view()
	out := &page.Story{Row: rowOf(s.certificate), Next: e.Next, NotSeen: e.NotSeen}
	if e.NextAttempt != nil {
		out.NextAttempt = e.NextAttempt.Time
	}
	if e.Doing != "" {
		out.Next = strings.TrimPrefix(out.Next+"; "+e.Doing, "; ")
	}
	for _, c := range e.Causes {
		out.Causes = append(out.Causes, page.Cause{Text: c.Cause, Object: c.Object, Evidence: c.Evidence, Fix: c.Fix})
	}
	for _, u := range v.Unreadable {
		if !slices.Contains(out.NotSeen, u) {
			out.NotSeen = append(out.NotSeen, u)
		}
	}
	for i := range slices.Backward(v.Events) {
		ev := v.Events[i]
		out.Events = append(out.Events, page.Event{Time: ev.Time.UTC(), Warning: ev.Type == "Warning", Object: ev.Object, Reason: ev.Reason, Message: ev.Message})
	}
	out.Facts = factsOf(v)
	out.Picture = pictureOf(s, &out.Row, out.Next, now)
	return out
}

func factsOf(v *view) []page.Fact {
	var all []page.Fact
	add := func(name, value string) {
		if value != "" {
			all = append(all, page.Fact{Name: name, Value: value})
		}
	}
	if c := v.Secret.Certificate; c != nil {
		add("Issued by", c.Issuer)
		add("Issued for", c.Subject)
		add("Names", strings.Join(slices.Concat(c.DNSNames, c.IPAddresses, c.URIs, c.EmailAddresses), ", "))
		add("Usages", strings.Join(c.Usages, ", "))
		add("Key", c.PublicKey)
		add("Serial", c.Serial)
		add("Fingerprint", c.Fingerprint)
	}
	for _, r := range v.Revocations {
		text := string(r.Reason)
		for _, k := range r.Conditions {
			text += fmt.Sprintf("; %s=%s: %s", k.Type, k.Status, k.Message)
		}
		add("Revocation "+r.Name, text)
	}
	return all
}

// pictureOf arranges the story in the order in which one thing led to another.
func pictureOf(s *story, row *page.Row, next string, now time.Time) page.Picture {
	age := func(o metav1.Object) string { return pageAge(o, now) }
	crt := s.certificate
	p := page.Picture{
		Cert:   page.Object{Kind: cmv1.CertificateKind, Name: crt.Name, Age: age(crt), State: readyText(false, true), Tone: page.Good},
		Secret: secretBox(s), Issuer: issuerBox(s),
	}
	switch {
	case row.Unknown:
		p.Cert.State, p.Cert.Tone = "new", page.Busy
	case row.Ready && row.Issuing:
		p.Cert.State, p.Cert.Tone = "Ready, issuing", page.Busy
	case !row.Ready && row.Issuing:
		p.Cert.State, p.Cert.Tone, p.Cert.Says = "issuing", page.Busy, next
	case !row.Ready:
		p.Cert.State, p.Cert.Tone, p.Cert.Says = "not Ready", page.Bad, row.Says
	}
	if row.Failed {
		p.Cert.Tone, p.Cert.Says = page.Bad, row.Says
	}
	if owner := metav1.GetControllerOfNoCopy(crt); owner != nil {
		p.Owner = &page.Object{Kind: owner.Kind, Name: owner.Name, Tone: page.Plain, State: "asks for it"}
	}
	if len(s.requests.value) == 0 {
		return p
	}
	req := &s.requests.value[0]
	p.Request = requestBox(req)
	p.Request.Age = age(req)
	for i := range s.orders.value {
		o := &s.orders.value[i]
		if !owns(req.UID, o) {
			continue
		}
		p.Order = &page.Object{Kind: "Order", Name: o.Name, Age: age(o), State: state(string(o.Status.State)), Tone: orderTone(o.Status.State), Says: o.Status.Reason}
		for j := range s.challenges.value {
			if ch := &s.challenges.value[j]; owns(o.UID, ch) {
				box := challengeBox(ch)
				box.Age = age(ch)
				p.Challenges = append(p.Challenges, box)
			}
		}
		slices.SortFunc(p.Challenges, func(a, b page.Object) int { return cmp.Compare(a.Name, b.Name) })
	}
	return p
}

// pageAge has no seconds, which would make a page another one all the time.
func pageAge(o metav1.Object, now time.Time) string {
	d := now.Sub(o.GetCreationTimestamp().Time)
	if d < time.Minute {
		return "new"
	}
	return short(d.Truncate(time.Minute))
}

func secretBox(s *story) page.Object {
	o := page.Object{Kind: "Secret", Name: s.certificate.Spec.SecretName, Tone: page.Good}
	switch {
	case s.secret.missing == notAllowed:
		o.Tone, o.State = page.Plain, notAllowed
	case s.secret.missing != "":
		o.Tone, o.State = page.Absent, s.secret.missing
	case s.secret.value.broke != "":
		o.Tone, o.State = page.Bad, s.secret.value.broke
	case !s.secret.value.key:
		o.Tone, o.State = page.Bad, "it has no private key"
	default:
		o.State, o.Says = fmt.Sprintf("%d certificates in the chain", s.secret.value.chain), "serial "+serialOf(s.secret.value.leaf)
		if s.secret.value.chain == 1 {
			o.State = "one certificate"
		}
	}
	return o
}

func issuerBox(s *story) page.Object {
	ref := s.certificate.Spec.IssuerRef
	o := page.Object{Kind: ref.KindOrDefault(), Name: ref.Name, Tone: page.Plain, State: s.issuer.missing}
	switch {
	case s.issuer.missing == notAllowed || ref.GroupOrDefault() != cmv1.GroupName:
		return o
	case s.issuer.missing != "":
		o.Tone = page.Bad
		return o
	}
	ready := lifecycle.IssuerReady(s.issuer.value)
	switch {
	case ready == nil:
		o.Tone, o.State = page.Busy, "new"
	case ready.Status == cmmeta.ConditionTrue:
		o.Tone, o.State = page.Good, readyText(false, true)
	default:
		o.Tone, o.State, o.Says = page.Bad, readyText(false, false), ready.Message
	}
	return o
}

func requestBox(req *cmv1.CertificateRequest) *page.Object {
	o := &page.Object{Kind: cmv1.CertificateRequestKind, Name: req.Name, Tone: page.Busy, State: "Pending"}
	if is(req, cmv1.CertificateRequestConditionDenied) {
		o.Tone, o.State = page.Bad, "Denied"
		return o
	}
	if k := lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionReady); k != nil {
		o.State = k.Reason
		switch {
		case k.Status == cmmeta.ConditionTrue:
			o.Tone = page.Good
		case k.Reason == cmv1.CertificateRequestReasonPending:
			o.Says = k.Message
		default:
			o.Tone, o.Says = page.Bad, k.Message
		}
	}
	return o
}

func orderTone(s acmev1.State) page.Tone {
	switch {
	case s == acmev1.Valid:
		return page.Good
	case s.Final():
		return page.Bad
	}
	return page.Busy
}

// challengeBox is named for what is proved: names of Challenges are hashes.
func challengeBox(ch *acmev1.Challenge) page.Object {
	o := page.Object{Kind: "Challenge " + string(ch.Spec.Type), Name: ch.Spec.DNSName, State: cmp.Or(string(ch.Status.State), "not begun"), Tone: orderTone(ch.Status.State), Says: ch.Status.Reason}
	switch {
	case o.Tone == page.Busy && ch.Status.Reason != "":
		o.Tone = page.Bad // it is written only when there is trouble
	case ch.Status.Reason != "" || o.Tone != page.Busy:
	case ch.Status.Presented:
		o.Says = "the answer is there"
	case ch.Status.Processing:
		o.Says = "the answer is being put there"
	}
	return o
}
