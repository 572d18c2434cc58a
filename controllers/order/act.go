package order

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// act does what was decided. answered is true if something was learned by it,
// so that there is more to decide: an answer of the CA, or a fault.
func (r *Reconciler) act(ctx context.Context, s *sight, action lifecycle.OrderAction) (answered bool, err error) {
	switch a := action.(type) {
	case lifecycle.OrderNothing:
		return false, nil
	case lifecycle.DeleteChallenge:
		return false, r.deleteChallenge(ctx, a)
	case lifecycle.CreateChallenge:
		return r.createChallenge(ctx, s, a)
	case lifecycle.TakeTurn:
		return r.takeTurn(ctx, s, a)
	case lifecycle.PlaceOrder:
		return r.ask(ctx, s, lifecycle.StepPlaceOrder, func(ca *acme.Client) error { return r.place(ctx, s, ca, a) })
	case lifecycle.ReadOrder:
		return r.ask(ctx, s, lifecycle.StepReadOrder, func(ca *acme.Client) error { return r.readOrder(ctx, s, ca, a) })
	case lifecycle.ReadAuthorization:
		return r.ask(ctx, s, lifecycle.StepReadAuthorization, func(ca *acme.Client) error { return r.readAuthorization(ctx, s, ca, a) })
	case lifecycle.FinalizeOrder:
		return r.ask(ctx, s, lifecycle.StepFinalizeOrder, func(ca *acme.Client) error { return r.finalize(ctx, s, ca, a) })
	case lifecycle.FetchCertificate:
		return r.ask(ctx, s, lifecycle.StepFetchCertificate, func(ca *acme.Client) error { return r.fetch(ctx, s, ca, a) })
	}
	return false, fmt.Errorf("act: unknown action %T", action)
}

// ask makes a round trip with the issuer's account. What the CA says, or what
// goes wrong, is something learned.
func (r *Reconciler) ask(ctx context.Context, s *sight, step lifecycle.Step, trip func(*acme.Client) error) (answered bool, err error) {
	ca, err := r.clients.Client(ctx, s.issuer)
	if err != nil {
		return r.fault(ctx, s, lifecycle.StepAccount, err)
	}
	s.succeeded(lifecycle.StepAccount)
	if err := trip(ca); err != nil {
		return r.fault(ctx, s, step, err)
	}
	s.succeeded(step)
	return true, nil
}

// fault remembers what went wrong, unless it is only that the operator ends.
func (r *Reconciler) fault(ctx context.Context, s *sight, step lifecycle.Step, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, fmt.Errorf("%s: %w", step, ctx.Err())
	}
	now := r.clock()
	fault := acmeview.Fault(err, now)
	if refused := (*replacesRefusedError)(nil); errors.As(err, &refused) {
		// Some CAs answer as if they were in trouble themselves, which would be
		// repeated for ever.
		fault.Code, fault.Kind = lifecycle.AlreadyReplaced, lifecycle.Failed
	}
	if unusable := (*unusableSpecError)(nil); errors.As(err, &unusable) {
		fault.Kind = lifecycle.Failed
	}
	if profile := (*profileError)(nil); errors.As(err, &profile) {
		fault.Message += "; " + profile.offered()
	}
	if step == lifecycle.StepPlaceOrder && s.Turn != nil && s.Turn.Granted {
		r.pacer.failed(s.issuer, err, fault.Until)
		s.Turn = nil // it is used up
	}
	log.FromContext(ctx).V(1).Info("step failed", "step", step, "kind", fault.Kind, "fault", fault.Message)
	s.failed(step, fault, now)
	return true, nil
}

// unusableSpecError is about an Order that was made by hand: no CA has to be
// asked to know that it can not work.
type unusableSpecError struct{ what string }

func (e *unusableSpecError) Error() string { return e.what }

// replacesRefusedError is about an order that may be placed if it does not say
// which certificate it replaces.
type replacesRefusedError struct{ error }

func (e *replacesRefusedError) Unwrap() error { return e.error }

func (r *Reconciler) place(ctx context.Context, s *sight, ca *acme.Client, a lifecycle.PlaceOrder) error {
	var addresses []netip.Addr
	for _, text := range a.IPAddresses {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return &unusableSpecError{fmt.Sprintf("place order: %q is not an IP address", text)}
		}
		addresses = append(addresses, address)
	}
	order, err := ca.NewOrder(ctx, acme.OrderRequest{
		Identifiers: acme.IdentifiersFor(a.DNSNames, addresses),
		NotAfter:    a.NotAfter,
		Profile:     a.Profile,
		Replaces:    a.Replaces,
	})
	if a.Replaces != "" && acme.IsReplacesRefused(err) {
		return &replacesRefusedError{err}
	}
	if acme.IsInvalidProfile(err) {
		directory, unread := ca.Directory(ctx)
		err = &profileError{err: err, profiles: directory.Meta.Profiles, known: unread == nil}
	}
	if err != nil {
		return err
	}
	s.answer(acmeview.Order(order), r.clock())
	return nil
}

// profileError is the refusal of a profile, with those that there are.
type profileError struct {
	err      error
	profiles map[string]string
	known    bool
}

func (e *profileError) Error() string { return e.err.Error() }
func (e *profileError) Unwrap() error { return e.err }

// offered says which profiles there are, for the author of the issuer.
func (e *profileError) offered() string {
	switch {
	case !e.known:
		return "which profiles the CA offers could not be read"
	case len(e.profiles) == 0:
		return "the CA offers no profiles: remove acme.profile from the issuer"
	}
	return "the CA offers the profiles " + strings.Join(slices.Sorted(maps.Keys(e.profiles)), ", ")
}

func (r *Reconciler) readOrder(ctx context.Context, s *sight, ca *acme.Client, a lifecycle.ReadOrder) error {
	order, err := ca.GetOrder(ctx, a.URL)
	if err != nil {
		return err
	}
	s.answer(acmeview.Order(order), r.clock())
	return nil
}

func (r *Reconciler) readAuthorization(ctx context.Context, s *sight, ca *acme.Client, a lifecycle.ReadAuthorization) error {
	authorization, err := ca.GetAuthorization(ctx, a.URL)
	if err != nil {
		return err
	}
	s.authorization(a.URL, acmeview.StoredAuthorization(authorization))
	r.read.Put(authorization, r.clock())
	return nil
}

func (r *Reconciler) finalize(ctx context.Context, s *sight, ca *acme.Client, a lifecycle.FinalizeOrder) error {
	block, _ := pem.Decode(a.Request)
	if block == nil {
		return &unusableSpecError{"finalize order: the signing request is not PEM"}
	}
	order, err := ca.Finalize(ctx, a.URL, block.Bytes)
	if acme.IsOrderNotReady(err) && s.CA.State == acmev1.Pending {
		s.answer(*s.CA, r.clock()) // the CA has not got that far
		return nil
	}
	if err != nil {
		return err
	}
	s.answer(acmeview.Order(order), r.clock())
	return nil
}

// fetch downloads the certificate. The preferred chain is a wish: what goes
// wrong with the alternatives is not worth waiting for.
func (r *Reconciler) fetch(ctx context.Context, s *sight, ca *acme.Client, a lifecycle.FetchCertificate) error {
	chain, err := ca.Certificate(ctx, a.URL)
	if err != nil {
		return err
	}
	chains := []*acme.Chain{chain}
	for _, url := range chain.Alternates {
		if a.PreferredChain == "" || acme.PreferredChain(chains, a.PreferredChain).TopIssuer() == a.PreferredChain {
			break // those for the smallest are all looked at
		}
		alternate, err := ca.Certificate(ctx, url)
		if err != nil {
			log.FromContext(ctx).V(1).Info("alternate chain not fetched", "fault", acme.Summary(err))
			continue
		}
		if !alternate.Leaf().Equal(chain.Leaf()) {
			log.FromContext(ctx).V(1).Info("alternate chain not used: it is for another certificate")
			continue
		}
		chains = append(chains, alternate)
	}
	s.Chain = acme.PreferredChain(chains, a.PreferredChain).PEM
	return nil
}

// createChallenge creates a Challenge with its key, which is made of the account
// key.
func (r *Reconciler) createChallenge(ctx context.Context, s *sight, a lifecycle.CreateChallenge) (bool, error) {
	ca, err := r.clients.Client(ctx, s.issuer)
	if err != nil {
		return r.fault(ctx, s, lifecycle.StepAccount, err)
	}
	s.succeeded(lifecycle.StepAccount)
	key, err := challengeKey(ca, a.Spec)
	if err != nil {
		return r.fault(ctx, s, lifecycle.StepAccount, err)
	}
	challenge := &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   s.Order.Namespace,
			Name:        a.Name,
			Labels:      maps.Clone(s.Order.Labels),
			Annotations: maps.Clone(s.Order.Annotations),
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(s.Order, acmev1.GroupVersion.WithKind(acmev1.OrderKind)),
			},
		},
		Spec: a.Spec,
	}
	if lifecycle.NeedsFinalizer(a.Spec, r.shared) {
		challenge.Finalizers = []string{acmev1.ACMEDomainQualifiedFinalizer}
	}
	challenge.Spec.Key = key
	err = r.client.Create(ctx, challenge, kube.FieldOwner)
	if fault, refused := acmeview.WriteFault("create challenge", err); refused {
		s.failed(lifecycle.StepCreateChallenge, fault, r.clock())
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("create challenge: %w", err)
	}
	s.succeeded(lifecycle.StepCreateChallenge)
	return false, nil
}

func (r *Reconciler) deleteChallenge(ctx context.Context, a lifecycle.DeleteChallenge) error {
	err := r.client.Delete(ctx, a.Challenge, client.Preconditions{UID: ptr.To(a.Challenge.UID)})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete challenge: %w", err)
	}
	return nil
}
