package main

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// inquiry is what diagnosers look at: the story of a Certificate, or of a part
// of one, and what can be asked besides.
type inquiry struct {
	*story
	api     *cluster
	world   outside // nil: nothing is asked outside of the cluster
	now     time.Time
	bare    bool // there is no Certificate: the one of the story only says namespace and issuer
	notSeen []string

	decision *lifecycle.CertificateDecision // nil if it can not be made from here
	seen     lifecycle.CertificateSeen
}

// diagnoser knows some causes. It returns those that it finds.
type diagnoser func(ctx context.Context, q *inquiry) ([]finding, error)

// diagnosers stand in the order of what to look at first: what makes everything
// else pointless, then what is nearest to the CA, then the rest.
var diagnosers = []diagnoser{
	operatorAtWork, specSound, secretUncontested, keyUncompromised,
	issuerThere, requestDecided, requestAlive,
	dnsRecordWritten, webhookServed, solverRuns, routeLeads, nameAnswers, proofGoesOn, caaPermits,
	orderGoesOn, secretKept, attemptDue,
}

// inquire explains the object that is asked for, or for an Ingress or a Gateway
// the Certificates that were made for it.
func (c *cli) inquire(ctx context.Context, api *cluster, world outside, kind, name string) ([]*explanation, error) {
	switch kind {
	case "ingress", "ingresses", "ing":
		return c.inquireParent(ctx, api, world, &networkingv1.Ingress{}, "Ingress", name)
	case "gateway", "gateways", "gtw":
		return c.inquireParent(ctx, api, world, &gwapi.Gateway{}, "Gateway", name)
	}
	q := &inquiry{api: api, world: world, now: c.now(), bare: true}
	var object client.Object
	switch kind {
	case "certificate", "certificates", "cert":
		object = &cmv1.Certificate{}
	case "issuer", "issuers":
		object = &cmv1.Issuer{}
	case "clusterissuer", "clusterissuers":
		object = &cmv1.ClusterIssuer{}
	case "certificaterequest", "certificaterequests", "cr":
		object = &cmv1.CertificateRequest{}
	case "order", "orders":
		object = &acmev1.Order{}
	case "challenge", "challenges":
		object = &acmev1.Challenge{}
	default:
		return nil, usage("%s: explained are certificate, ingress, gateway, issuer, clusterissuer, certificaterequest, order and challenge", kind)
	}
	key := api.key(name)
	if _, ok := object.(*cmv1.ClusterIssuer); ok {
		key.Namespace = ""
	}
	if err := api.Get(ctx, key, object); err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	title, err := q.begin(ctx, object)
	if err != nil {
		return nil, err
	}
	e, err := q.explain(ctx, title)
	return []*explanation{e}, err
}

// inquireParent explains the Certificates of an object that has some made.
func (c *cli) inquireParent(ctx context.Context, api *cluster, world outside, parent client.Object, kind, name string) ([]*explanation, error) {
	if err := api.Get(ctx, api.key(name), parent); err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	var list cmv1.CertificateList
	if err := api.List(ctx, &list, client.InNamespace(api.namespace)); err != nil {
		return nil, fmt.Errorf("list Certificates: %w", err)
	}
	var all []*explanation
	for i := range list.Items {
		if !metav1.IsControlledBy(&list.Items[i], parent) {
			continue
		}
		q := &inquiry{api: api, world: world, now: c.now()}
		title, err := q.begin(ctx, &list.Items[i])
		if err != nil {
			return nil, err
		}
		e, err := q.explain(ctx, title)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if len(all) > 0 {
		return all, nil
	}
	cause, err := api.unshimmed(ctx, parent, kind)
	return []*explanation{{Object: kind + "/" + name, Namespace: api.namespace, State: "no Certificate was made for it", Causes: []finding{cause}}}, err
}

// begin reads the story that an object is part of.
func (q *inquiry) begin(ctx context.Context, object client.Object) (title string, err error) {
	switch o := object.(type) {
	case *cmv1.Certificate:
		q.bare = false
		q.story, err = q.api.story(ctx, o)
		return "Certificate/" + o.Name, err
	case *cmv1.Issuer:
		return "Issuer/" + o.Name, q.alone(ctx, o.Namespace, cmmeta.IssuerReference{Name: o.Name, Kind: cmv1.IssuerKind})
	case *cmv1.ClusterIssuer:
		return "ClusterIssuer/" + o.Name, q.alone(ctx, "", cmmeta.IssuerReference{Name: o.Name, Kind: cmv1.ClusterIssuerKind})
	case *cmv1.CertificateRequest:
		if owner, err := q.owned(ctx, o, &cmv1.Certificate{}); owner != nil || err != nil {
			return q.beginOwner(ctx, owner, err)
		}
		if err := q.alone(ctx, o.Namespace, o.Spec.IssuerRef); err != nil {
			return "", err
		}
		q.requests.value = []cmv1.CertificateRequest{*o}
		return "CertificateRequest/" + o.Name, q.api.readOrders(ctx, q.story)
	case *acmev1.Order:
		if owner, err := q.owned(ctx, o, &cmv1.CertificateRequest{}); owner != nil || err != nil {
			return q.beginOwner(ctx, owner, err)
		}
		err := q.alone(ctx, o.Namespace, o.Spec.IssuerRef)
		if err == nil {
			q.orders.value = []acmev1.Order{*o}
		}
		return "Order/" + o.Name, err
	case *acmev1.Challenge:
		if owner, err := q.owned(ctx, o, &acmev1.Order{}); owner != nil || err != nil {
			return q.beginOwner(ctx, owner, err)
		}
		err := q.alone(ctx, o.Namespace, o.Spec.IssuerRef)
		if err == nil {
			q.challenges.value = []acmev1.Challenge{*o}
		}
		return "Challenge/" + o.Name, err
	}
	return "", fmt.Errorf("there is nothing to explain about a %T", object)
}

func (q *inquiry) beginOwner(ctx context.Context, owner client.Object, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return q.begin(ctx, owner)
}

// owned reads the controller of an object into a place for it; nil if it has none
// of that kind that is there.
func (q *inquiry) owned(ctx context.Context, o, into client.Object) (client.Object, error) {
	ref := metav1.GetControllerOfNoCopy(o)
	if ref == nil {
		return nil, nil //nolint:nilnil // having no owner is no error
	}
	err := q.api.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: ref.Name}, into)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // nor is having lost it
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", ref.Kind, err)
	case into.GetUID() != ref.UID:
		return nil, nil //nolint:nilnil // of the same name, another
	}
	return into, nil
}

// alone is the story of something that no Certificate stands behind.
func (q *inquiry) alone(ctx context.Context, namespace string, ref cmmeta.IssuerReference) error {
	crt := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}, Spec: cmv1.CertificateSpec{IssuerRef: ref}}
	q.story = &story{certificate: crt}
	return q.api.readIssuer(ctx, q.story)
}

// explain asks all diagnosers.
func (q *inquiry) explain(ctx context.Context, title string) (*explanation, error) {
	if err := q.decide(ctx); err != nil {
		return nil, err
	}
	e := &explanation{Object: title, Namespace: q.certificate.Namespace}
	e.OK, e.State = q.state()
	if !e.OK || q.underWay() {
		for _, diagnose := range diagnosers {
			found, err := diagnose(ctx, q)
			if err != nil {
				return nil, err
			}
			e.Causes = append(e.Causes, found...)
		}
		if len(e.Causes) == 0 && !e.OK {
			e.Causes = []finding{q.unknown()}
		}
		q.next(e)
	}
	if e.OK && len(e.Causes) > 0 {
		e.OK, e.State = false, e.State+", but its renewal is in trouble"
	}
	for _, u := range [][2]string{
		{"Secret", q.secret.missing}, {"CertificateRequests", q.requests.missing}, {"Orders", q.orders.missing}, {"Challenges", q.challenges.missing}, {"events", q.events.missing},
	} {
		if u[1] == notAllowed {
			q.notSeen = append(q.notSeen, u[0]+": "+u[1])
		}
	}
	slices.Sort(q.notSeen)
	e.NotSeen = slices.Compact(q.notSeen)
	return e, nil
}

// state says in a word how the object of the inquiry is.
func (q *inquiry) state() (ok bool, text string) {
	switch {
	case !q.bare:
		ready := lifecycle.FindCertificateCondition(q.certificate.Status.Conditions, cmv1.CertificateConditionReady)
		return ready != nil && ready.Status == cmmeta.ConditionTrue, readyText(ready == nil, ready != nil && ready.Status == cmmeta.ConditionTrue)
	case len(q.requests.value) > 0:
		ready := lifecycle.FindRequestCondition(q.requests.value[0].Status.Conditions, cmv1.CertificateRequestConditionReady)
		return ready != nil && ready.Status == cmmeta.ConditionTrue, readyText(ready == nil, ready != nil && ready.Status == cmmeta.ConditionTrue)
	case len(q.orders.value) > 0:
		s := q.orders.value[0].Status.State
		return s == acmev1.Valid, state(string(s))
	case len(q.challenges.value) > 0:
		s := q.challenges.value[0].Status.State
		return s == acmev1.Valid, cmp.Or(string(s), "not begun")
	case q.issuer.value != nil:
		ready := lifecycle.IssuerReady(q.issuer.value)
		return ready != nil && ready.Status == cmmeta.ConditionTrue, readyText(ready == nil, ready != nil && ready.Status == cmmeta.ConditionTrue)
	}
	return false, "it is not there"
}

func readyText(unobserved, ready bool) string {
	switch {
	case unobserved:
		return "nobody has looked at it yet"
	case ready:
		return "Ready"
	}
	return "not Ready"
}

// underWay says whether a Ready Certificate is being renewed, or could not be.
func (q *inquiry) underWay() bool {
	return !q.bare && lifecycle.FindCertificateCondition(q.certificate.Status.Conditions, cmv1.CertificateConditionIssuing) != nil
}

// decide asks the operator's own rules what is to be done about the Certificate.
// They need the Secret, keys and all; without the permission to read it there is
// no decision.
func (q *inquiry) decide(ctx context.Context) error {
	if q.bare || q.secret.missing == notAllowed {
		return nil
	}
	crt := q.certificate
	q.seen = lifecycle.CertificateSeen{Certificate: crt}
	q.seen.Wanted, q.seen.WantedErr = lifecycle.ParseSpec(&crt.Spec)
	secret := &corev1.Secret{}
	switch err := q.api.Get(ctx, client.ObjectKey{Namespace: crt.Namespace, Name: crt.Spec.SecretName}, secret); {
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("read Secret: %w", err)
	default:
		q.seen.Secret = lifecycle.ReadSecretObject(secret, string(kube.SecretOwner))
	}
	if err := q.shared(ctx); err != nil {
		return err
	}
	name := lifecycle.NextKeyNameOf(crt)
	next := &corev1.Secret{}
	switch err := q.api.Get(ctx, client.ObjectKey{Namespace: crt.Namespace, Name: name}, next); {
	case apierrors.IsNotFound(err):
	case apierrors.IsForbidden(err):
		return nil // a role may be for one Secret only
	case err != nil:
		return fmt.Errorf("read next private key: %w", err)
	case metav1.IsControlledBy(next, crt):
		q.seen.NextKey = lifecycle.ReadNextKey(name, next.UID, next.Data)
	}
	owned := make([]*cmv1.CertificateRequest, 0, len(q.requests.value))
	for i := range q.requests.value {
		if q.requests.value[i].DeletionTimestamp.IsZero() {
			owned = append(owned, &q.requests.value[i])
		}
	}
	chosen := lifecycle.SortRequests(crt, owned)
	if chosen.Current != nil {
		q.seen.Current = lifecycle.ReadRequest(chosen.Current)
	}
	if chosen.Next != nil {
		q.seen.Next = lifecycle.ReadRequest(chosen.Next)
	}
	d := lifecycle.NextCertificate(q.seen, q.now)
	q.decision = &d
	return nil
}

// shared finds the other Certificates that name the same Secret.
func (q *inquiry) shared(ctx context.Context) error {
	var list cmv1.CertificateList
	why, err := missing(q.api.List(ctx, &list, client.InNamespace(q.certificate.Namespace)))
	if err != nil {
		return fmt.Errorf("list Certificates: %w", err)
	}
	if why != "" {
		q.notSeen = append(q.notSeen, "other Certificates: "+why)
	}
	var sharing []*cmv1.Certificate
	for i := range list.Items {
		if list.Items[i].Spec.SecretName == q.certificate.Spec.SecretName {
			sharing = append(sharing, &list.Items[i])
		}
	}
	issuedFor := ""
	if q.seen.Secret != nil {
		issuedFor = q.seen.Secret.Annotations[cmv1.CertificateNameKey]
	}
	q.seen.SecretOwner, q.seen.Rivals = lifecycle.ShareSecret(q.certificate, sharing, issuedFor)
	return nil
}

var attemptTime = regexp.MustCompile(`(?:next attempt at|before|until) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)`)

// next says when something is tried again: what the rules say, or what the
// operator has written where it waits.
func (q *inquiry) next(e *explanation) {
	var at time.Time
	for _, text := range q.reasons() {
		for _, m := range attemptTime.FindAllStringSubmatch(text, -1) {
			if t, err := time.Parse(time.RFC3339, m[1]); err == nil && t.After(q.now) {
				at = lifecycle.Sooner(at, t)
			}
		}
	}
	if d := q.decision; at.IsZero() && d != nil && q.certificate.Status.LastFailureTime != nil && d.Wake.After(q.now) {
		at = d.Wake
	}
	if !at.IsZero() {
		e.NextAttempt = &metav1.Time{Time: at}
		return
	}
	e.Doing = q.doing()
	switch {
	case slices.ContainsFunc(q.reasons(), func(s string) bool { return minute.MatchString(s) }):
		e.Next = "within a minute"
	case !e.OK:
		e.Next = "as soon as the operator sees a change; most things are watched"
	}
}

var minute = regexp.MustCompile(`retried within a minute|asked again every minute`)

// doing is what the rules say that comes next.
func (q *inquiry) doing() string {
	if q.decision == nil {
		return ""
	}
	switch a := q.decision.Action.(type) {
	case lifecycle.CreateNextKey:
		return "the operator makes a private key next"
	case lifecycle.CreateRequest:
		return fmt.Sprintf("the operator creates CertificateRequest %q next", a.Name)
	case lifecycle.DeleteRequest:
		return fmt.Sprintf("the operator deletes CertificateRequest %q and makes another one next", a.Name)
	case lifecycle.StoreCertificate:
		return "the operator stores the certificate in the Secret next"
	case lifecycle.NoCertificateAction:
		if lifecycle.IsIssuing(&q.decision.Status) && q.seen.Next != nil {
			return fmt.Sprintf("the operator waits for CertificateRequest %q", q.seen.Next.Object.Name)
		}
	case lifecycle.DeleteNextKey, lifecycle.StoreTemporary, lifecycle.SyncSecret, lifecycle.AskRenewalInfo, lifecycle.CreateRevocation, lifecycle.MarkRevoked, lifecycle.SetFinalizer:
	}
	return ""
}

// reasons are the texts that say what is waited for, the deepest first.
func (q *inquiry) reasons() []string {
	var all []string
	for _, ch := range q.unfinished() {
		all = append(all, ch.Status.Reason)
	}
	for i := range q.orders.value {
		if o := &q.orders.value[i]; o.Status.State != acmev1.Valid {
			all = append(all, o.Status.Reason)
		}
	}
	if req := q.latest(); req != nil {
		if k := lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionReady); k != nil {
			all = append(all, k.Message)
		}
	}
	for _, k := range q.certificate.Status.Conditions {
		all = append(all, k.Message)
	}
	if q.issuer.value != nil {
		if ready := lifecycle.IssuerReady(q.issuer.value); ready != nil {
			all = append(all, ready.Message)
		}
	}
	return all
}

// latest is the request that is under way or has failed last; nil if the last
// one was issued.
func (q *inquiry) latest() *cmv1.CertificateRequest {
	if len(q.requests.value) == 0 {
		return nil
	}
	req := &q.requests.value[0]
	if k := lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionReady); k != nil && k.Status == cmmeta.ConditionTrue {
		return nil
	}
	return req
}
