package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// story is one Certificate with all that was made for it, as far as the user
// may see it. It holds no key and no token.
type story struct {
	certificate *cmv1.Certificate
	secret      part[storedSecret]
	issuer      part[cmv1.GenericIssuer]
	requests    part[[]cmv1.CertificateRequest] // the newest first
	orders      part[[]acmev1.Order]
	challenges  part[[]acmev1.Challenge]
	revocations part[[]v1alpha1.Revocation]
	events      part[[]corev1.Event] // of all of them, the oldest first
}

// part is something that was read, or why it was not.
type part[T any] struct {
	value   T
	missing string
}

// storedSecret is what may be shown of a Secret.
type storedSecret struct {
	uid   types.UID
	leaf  *x509.Certificate
	chain int // certificates in tls.crt
	key   bool
	broke string // why leaf is not there
}

// notAllowed is why something was not read that may well be there.
const notAllowed = "you may not read it"

// missing says in words why something was not read; other errors are not its
// business.
func missing(err error) (string, error) {
	switch {
	case err == nil:
		return "", nil
	case apierrors.IsNotFound(err):
		return "is not there", nil
	case apierrors.IsForbidden(err):
		return notAllowed, nil
	default:
		return "", err
	}
}

// story reads the story of a Certificate.
func (c *cluster) story(ctx context.Context, crt *cmv1.Certificate) (*story, error) {
	s := &story{certificate: crt}
	for _, read := range []func(context.Context, *story) error{c.readSecret, c.readIssuer, c.readRequests, c.readOrders, c.readRevocations, c.readEvents} {
		if err := read(ctx, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (c *cluster) readSecret(ctx context.Context, s *story) error {
	secret := &corev1.Secret{}
	why, err := missing(c.Get(ctx, client.ObjectKey{Namespace: s.certificate.Namespace, Name: s.certificate.Spec.SecretName}, secret))
	if err != nil {
		return fmt.Errorf("read Secret: %w", err)
	}
	s.secret.missing = why
	if why == "" {
		s.secret.value = seenSecret(secret)
	}
	return nil
}

func seenSecret(secret *corev1.Secret) storedSecret {
	out := storedSecret{uid: secret.UID, key: len(secret.Data[cmmeta.TLSPrivateKeyKey]) > 0}
	if len(secret.Data[cmmeta.TLSCertKey]) == 0 {
		out.broke = "it has no certificate"
		return out
	}
	chain, err := pki.DecodeCertificates(secret.Data[cmmeta.TLSCertKey])
	if err != nil {
		out.broke = "its certificate can not be read: " + err.Error()
		return out
	}
	out.leaf, out.chain = chain[0], len(chain)
	return out
}

// readIssuer reads issuers of our own group. What others have is theirs.
func (c *cluster) readIssuer(ctx context.Context, s *story) error {
	ref := s.certificate.Spec.IssuerRef
	var issuer cmv1.GenericIssuer
	key := client.ObjectKey{Name: ref.Name}
	switch {
	case ref.GroupOrDefault() != cmv1.GroupName:
		s.issuer.missing = "is of another group"
		return nil
	case ref.KindOrDefault() == cmv1.ClusterIssuerKind:
		issuer = &cmv1.ClusterIssuer{}
	default:
		issuer, key.Namespace = &cmv1.Issuer{}, s.certificate.Namespace
	}
	why, err := missing(c.Get(ctx, key, issuer.(client.Object)))
	if err != nil {
		return fmt.Errorf("read %s: %w", ref.KindOrDefault(), err)
	}
	s.issuer.missing, s.issuer.value = why, issuer
	return nil
}

func (c *cluster) readRequests(ctx context.Context, s *story) error {
	var list cmv1.CertificateRequestList
	why, err := missing(c.List(ctx, &list, client.InNamespace(s.certificate.Namespace)))
	if err != nil {
		return fmt.Errorf("list CertificateRequests: %w", err)
	}
	s.requests.missing = why
	for i := range list.Items {
		if metav1.IsControlledBy(&list.Items[i], s.certificate) {
			s.requests.value = append(s.requests.value, list.Items[i])
		}
	}
	slices.SortFunc(s.requests.value, func(a, b cmv1.CertificateRequest) int { return cmp.Compare(revisionOf(&b), revisionOf(&a)) })
	return nil
}

func revisionOf(req *cmv1.CertificateRequest) int {
	n, err := strconv.Atoi(req.Annotations[cmv1.CertificateRequestRevisionAnnotationKey])
	if err != nil {
		return 0 // none was written, or no number
	}
	return n
}

// readOrders reads the Orders of the requests and their Challenges.
func (c *cluster) readOrders(ctx context.Context, s *story) error {
	var orders acmev1.OrderList
	why, err := missing(c.List(ctx, &orders, client.InNamespace(s.certificate.Namespace)))
	if err != nil {
		return fmt.Errorf("list Orders: %w", err)
	}
	s.orders.missing = why
	for i := range orders.Items {
		if slices.ContainsFunc(s.requests.value, func(req cmv1.CertificateRequest) bool { return metav1.IsControlledBy(&orders.Items[i], &req) }) {
			s.orders.value = append(s.orders.value, orders.Items[i])
		}
	}
	if len(s.orders.value) == 0 {
		return nil
	}
	var challenges acmev1.ChallengeList
	if why, err = missing(c.List(ctx, &challenges, client.InNamespace(s.certificate.Namespace))); err != nil {
		return fmt.Errorf("list Challenges: %w", err)
	}
	s.challenges.missing = why
	for i := range challenges.Items {
		if slices.ContainsFunc(s.orders.value, func(o acmev1.Order) bool { return metav1.IsControlledBy(&challenges.Items[i], &o) }) {
			s.challenges.value = append(s.challenges.value, challenges.Items[i])
		}
	}
	return nil
}

// readRevocations reads those that are about this Certificate. A cluster that
// does not have the kind has none.
func (c *cluster) readRevocations(ctx context.Context, s *story) error {
	var list v1alpha1.RevocationList
	err := c.List(ctx, &list, client.InNamespace(s.certificate.Namespace))
	if isNoMatch(err) {
		return nil
	}
	why, err := missing(err)
	if err != nil {
		return fmt.Errorf("list Revocations: %w", err)
	}
	s.revocations.missing = why
	for i := range list.Items {
		if r := &list.Items[i]; r.Status.CertificateName == s.certificate.Name || r.Spec.Target.CertificateName == s.certificate.Name {
			s.revocations.value = append(s.revocations.value, *r)
		}
	}
	return nil
}

// readEvents reads the events of all objects of the story.
func (c *cluster) readEvents(ctx context.Context, s *story) error {
	mine := map[types.UID]bool{s.certificate.UID: true}
	if s.secret.value.uid != "" {
		mine[s.secret.value.uid] = true
	}
	if s.issuer.value != nil {
		mine[s.issuer.value.GetUID()] = true
	}
	for i := range s.requests.value {
		mine[s.requests.value[i].UID] = true
	}
	for i := range s.orders.value {
		mine[s.orders.value[i].UID] = true
	}
	for i := range s.challenges.value {
		mine[s.challenges.value[i].UID] = true
	}
	for i := range s.revocations.value {
		mine[s.revocations.value[i].UID] = true
	}
	var list corev1.EventList
	why, err := missing(c.List(ctx, &list, client.InNamespace(s.certificate.Namespace)))
	if err != nil {
		return fmt.Errorf("list events: %w", err)
	}
	s.events.missing = why
	for i := range list.Items {
		if mine[list.Items[i].InvolvedObject.UID] {
			s.events.value = append(s.events.value, list.Items[i])
		}
	}
	slices.SortStableFunc(s.events.value, func(a, b corev1.Event) int { return eventTime(&a).Compare(eventTime(&b).Time) })
	return nil
}

// eventTime is when an event was seen last. Who writes it has three ways to say so.
func eventTime(e *corev1.Event) *metav1.Time {
	switch {
	case e.Series != nil:
		return &metav1.Time{Time: e.Series.LastObservedTime.Time}
	case !e.LastTimestamp.IsZero():
		return &e.LastTimestamp
	case !e.EventTime.IsZero():
		return &metav1.Time{Time: e.EventTime.Time}
	default:
		return &e.CreationTimestamp
	}
}
