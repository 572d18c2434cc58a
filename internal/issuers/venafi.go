package issuers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/issuers/venafi"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// venafiSigner has certificates issued by a CyberArk Certificate Manager
// (contract 2.7). What it has asked for is known by an annotation of the request,
// so that no crash and no other replica asks for it twice.
type venafiSigner struct {
	client  client.Client
	servers *venafiServers
}

const (
	// venafiVerifyAgain is how long accepted credentials are taken to be good:
	// tokens that users have got end some day.
	venafiVerifyAgain = time.Hour

	// venafiRefusedAgain is when refused credentials are tried again, unless they
	// have been replaced: somebody may give them a right at the server. Not
	// oftener, for accounts are locked after a few attempts.
	venafiRefusedAgain = 30 * time.Minute

	// venafiRecheck is when to ask again a server that is in trouble and does not
	// say how long.
	venafiRecheck = 30 * time.Second

	// A certificate that takes its time is asked for with pauses of a tenth of
	// the time that it has taken, within these bounds: most are there within
	// seconds, but some wait for a person to approve them.
	venafiLeastPause, venafiMostPause = 2 * time.Second, time.Minute

	// venafiPatience is how long there is nothing to tell of a certificate that
	// is not there.
	venafiPatience = time.Minute

	// venafiForeign is how long a server may go on giving the certificate of an
	// earlier request under the name of this one.
	venafiForeign = 10 * time.Minute
)

// Check implements Signer.
func (s *venafiSigner) Check(ctx context.Context, issuer cmv1.GenericIssuer, now time.Time) (lifecycle.IssuerVerdict, error) {
	server, err := s.servers.of(ctx, issuer)
	if useless := (*venafiConfigError)(nil); errors.As(err, &useless) {
		return lifecycle.IssuerVerdict{Reason: useless.reason, Message: useless.text}, nil
	}
	if err != nil {
		return lifecycle.IssuerVerdict{}, err
	}
	err = server.verify(ctx, now)
	if ctx.Err() != nil {
		return lifecycle.IssuerVerdict{}, ctx.Err()
	}
	if err == nil {
		return lifecycle.IssuerVerdict{
			Ready:   true,
			Reason:  cmv1.IssuerReasonIsReady,
			Message: "The server accepts the credentials and has the zone",
			Wake:    server.verifiedUntil(),
		}, nil
	}
	if venafi.IsKind(err, venafi.Unauthorized) {
		return lifecycle.IssuerVerdict{Reason: cmv1.IssuerReasonAuthFailed, Message: err.Error(), Wake: server.verifiedUntil()}, nil
	}
	verdict := lifecycle.IssuerVerdict{
		Reason: cmv1.IssuerReasonErrorSetup,
		Fault:  &lifecycle.Fault{Kind: lifecycle.Retry, Message: err.Error()},
	}
	if e, ok := errors.AsType[*venafi.Error](err); ok {
		// A server that is down for a while does no harm to what it accepted.
		ready := lifecycle.IssuerReady(issuer)
		verdict.Ready = e.Kind == venafi.Unavailable && ready != nil && ready.Status == cmmeta.ConditionTrue && ready.ObservedGeneration == issuer.GetGeneration()
		if e.RetryAfter > 0 {
			verdict.Fault.Kind, verdict.Fault.Until = lifecycle.Wait, now.Add(e.RetryAfter)
		}
	}
	return verdict, nil
}

// Sign implements Signer.
func (s *venafiSigner) Sign(ctx context.Context, in Input) (lifecycle.Outcome, error) {
	server, err := s.servers.of(ctx, in.Issuer)
	if useless := (*venafiConfigError)(nil); errors.As(err, &useless) {
		reason := cmv1.CertificateRequestEventVenafiInitError
		if useless.missing {
			reason = cmv1.CertificateRequestEventSecretMissing
		}
		return lifecycle.OutcomePending{Reason: reason, Message: useless.text, Wake: in.Now.Add(secretRecheck)}, nil
	}
	if err != nil {
		return nil, err
	}
	if refusal, until := server.paused(in.Now); refusal != nil {
		return lifecycle.OutcomePending{Reason: cmv1.CertificateRequestEventRequestError, Message: laterMessage(refusal, until), Wake: until}, nil
	}
	if id := in.Request.Annotations[cmv1.VenafiPickupIDAnnotationKey]; id != "" {
		return s.retrieve(ctx, in, server, id)
	}
	fields, err := venafiFields(in)
	if err != nil {
		return failed(cmv1.CertificateRequestEventCustomFieldsError, err), nil
	}
	id, err := server.Submit(ctx, venafi.Request{CSR: in.CSR, PEM: in.Request.Spec.Request, Duration: durationOf(in.Request), Fields: fields})
	if err != nil {
		return s.unanswered(ctx, in, server, cmv1.CertificateRequestEventRequestError, err)
	}
	return s.remember(ctx, in, id)
}

// remember stores under which id the request is known, before anything else is
// done with it. If that can not be stored, what was submitted is lost.
func (s *venafiSigner) remember(ctx context.Context, in Input, id string) (lifecycle.Outcome, error) {
	var object client.Object = in.Request
	key := cmv1.VenafiPickupIDAnnotationKey
	if in.Kind.Group == certificatesv1.GroupName {
		object = &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: in.Request.Name}}
		key = cmv1.CertificateSigningRequestVenafiPickupIDAnnotationKey
	}
	note, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: id}}})
	if err != nil {
		return nil, fmt.Errorf("write id of venafi request: %w", err)
	}
	// The patch is of this one annotation, whatever the version: a conflict would
	// have the certificate asked for once more.
	err = s.client.Patch(ctx, object, client.RawPatch(types.MergePatchType, note), kube.FieldOwner)
	if err != nil {
		return nil, fmt.Errorf("store id of venafi request: %w", err)
	}
	return lifecycle.OutcomePending{Reason: cmv1.CertificateRequestEventIssuancePending, Wake: in.Now.Add(venafiLeastPause)}, nil
}

// retrieve takes the certificate if it is there.
func (s *venafiSigner) retrieve(ctx context.Context, in Input, server *venafiServer, id string) (lifecycle.Outcome, error) {
	text, err := server.Retrieve(ctx, id)
	if pending, ok := errors.AsType[*venafi.PendingError](err); ok {
		return venafiPending(in, pending.Error()), nil
	}
	if err != nil {
		return s.unanswered(ctx, in, server, cmv1.CertificateRequestEventRetrieveError, err)
	}
	certs, err := pki.DecodeCertificates(text)
	if err != nil {
		return failed(cmv1.CertificateRequestEventParseError, err), nil
	}
	bundle, err := pki.BuildBundle(certs)
	if err != nil {
		return failed(cmv1.CertificateRequestEventParseError, err), nil
	}
	if err := pki.CheckIssued(bundle.Chain[0], in.CSR, in.Now); err != nil {
		// The self-hosted server knows certificates by their names, and may give
		// the last one for as long as it works on the new one.
		if venafiAge(in) < venafiForeign {
			return venafiPending(in, "the server still gives another certificate of that name"), nil
		}
		return failed(cmv1.CertificateRequestEventRetrieveError, fmt.Errorf("the server gives another certificate under the name %s: %w; there may be another request for the same name", strconv.Quote(id), err)), nil
	}
	return lifecycle.OutcomeIssued{Chain: pki.EncodeCertificates(bundle.Chain...), CA: pki.EncodeCertificates(bundle.CA)}, nil
}

// venafiPending is the outcome while the server is at work. There is nothing to
// tell for as long as it may just take its time.
func venafiPending(in Input, state string) lifecycle.Outcome {
	age := venafiAge(in)
	pending := lifecycle.OutcomePending{
		Reason: cmv1.CertificateRequestEventIssuancePending,
		Wake:   in.Now.Add(min(max(age/10, venafiLeastPause), venafiMostPause)),
	}
	if age >= venafiPatience {
		pending.Message = state
	}
	return pending
}

func venafiAge(in Input) time.Duration { return in.Now.Sub(in.Request.CreationTimestamp.Time) }

// unanswered is the outcome of a request to the server that has failed. What the
// server refuses of this request ends it; anything else is asked again.
func (s *venafiSigner) unanswered(ctx context.Context, in Input, server *venafiServer, reason string, err error) (lifecycle.Outcome, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if refusal, ok := errors.AsType[*venafi.PolicyError](err); ok {
		return failed(reason, refusal), nil
	}
	e, ok := errors.AsType[*venafi.Error](err)
	if !ok {
		return nil, err
	}
	switch e.Kind {
	case venafi.Refused:
		return failed(reason, e), nil
	case venafi.Unauthorized:
		return lifecycle.OutcomePending{
			Reason:  cmv1.CertificateRequestEventVenafiInitError,
			Message: e.Message + "; tried again when the Secret of the issuer changes, and now and then",
			Wake:    in.Now.Add(venafiMostPause),
		}, nil
	case venafi.NoZone, venafi.Unavailable:
	}
	if e.RetryAfter > 0 {
		server.pause(e, in.Now)
	}
	again := in.Now.Add(cmp.Or(e.RetryAfter, venafiRecheck))
	return lifecycle.OutcomePending{Reason: reason, Message: laterMessage(e, again), Wake: again}, nil
}

// laterMessage says what went wrong and when it is tried again. The time is that
// of a pause, which does not move.
func laterMessage(e *venafi.Error, again time.Time) string {
	if e.RetryAfter <= time.Minute {
		return e.Message + "; retried within a minute"
	}
	return e.Message + "; next attempt at " + again.UTC().Format(time.RFC3339)
}

// venafiFields are the custom fields of a request: those of the issuer, and
// those of the Certificate, which come first.
func venafiFields(in Input) ([]venafi.Field, error) {
	var both [2][]venafi.Field
	for i, annotations := range []map[string]string{in.Issuer.GetAnnotations(), in.Request.Annotations} {
		text := annotations[cmv1.VenafiCustomFieldsAnnotationKey]
		if text == "" {
			continue
		}
		fields, err := venafi.ParseFields(text)
		if err != nil {
			where := [...]string{nameOf(in.Issuer), "the request"}[i]
			return nil, fmt.Errorf("annotation %s of %s: %w", cmv1.VenafiCustomFieldsAnnotationKey, where, err)
		}
		both[i] = fields
	}
	return slices.Clip(venafi.MergeFields(both[0], both[1])), nil
}
