package issuers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// check makes the account of an issuer known to its CA (RFC 8555, section 7.3).
// The CA is asked for as little as possible: nothing, if the status says that
// everything has been done, so that a CA that is down harms no issuer.
func (a *Accounts) check(ctx context.Context, issuer cmv1.GenericIssuer, now time.Time) (lifecycle.IssuerVerdict, error) {
	spec := issuer.GetSpec().ACME
	if err := checkServer(spec.Server); err != nil {
		return misconfigured(cmv1.IssuerReasonInvalidURL, err), nil
	}
	algorithm, err := algorithmOf(issuer)
	if err != nil {
		return misconfigured(cmv1.IssuerReasonInvalidConfig, err), nil
	}
	place := a.placeOf(issuer)
	key, verdict, err := a.haveKey(ctx, spec, place, algorithm, now)
	if key == nil || err != nil {
		return verdict, err
	}
	r := &registration{issuer: issuer, spec: spec, key: key, email: strings.ToLower(spec.Email), now: now}
	if status := issuer.GetStatus().ACME; status != nil {
		r.known = *status
	}
	if a.isUnsettled(place, key) {
		if verdict, err := a.settle(ctx, r, place); verdict != nil || err != nil {
			return orNothing(verdict), err
		}
	}
	if r.deactivated() || r.toDeactivate() {
		return a.deactivate(ctx, r)
	}
	if lost := a.isLost(issuer, r.known.URI); lost || !r.isDone() {
		if r.client, _, err = a.connect(spec, r.key.signer); err != nil {
			return misconfigured(cmv1.IssuerReasonInvalidConfig, err), nil
		}
		verdict, err := r.run(ctx, a)
		if lost && err == nil && verdict.Fault == nil {
			a.setLost(issuer, "")
		}
		return verdict, err
	}
	if r.toRollOver() {
		return a.rollOver(ctx, r, place, algorithm)
	}
	return r.registered(), nil
}

func orNothing(verdict *lifecycle.IssuerVerdict) lifecycle.IssuerVerdict {
	if verdict == nil {
		return lifecycle.IssuerVerdict{}
	}
	return *verdict
}

// haveKey reads the account key, or makes it. Without one the verdict says why.
func (a *Accounts) haveKey(ctx context.Context, spec *acmev1.ACMEIssuer, place keyPlace, algorithm acme.KeyType, now time.Time) (*accountKey, lifecycle.IssuerVerdict, error) {
	key, err := a.key(ctx, place)
	if apierrors.IsNotFound(err) {
		if spec.DisableAccountKeyGeneration {
			return nil, unverified(fmt.Sprintf("Secret %q with the account key does not exist in namespace %q, and disableAccountKeyGeneration is set", place.Name, place.Namespace)), nil
		}
		key, err = a.createKey(ctx, place, algorithm)
		if message, refused := refusedWrite(err); refused {
			verdict := unverified(message)
			verdict.Wake = now.Add(writeRecheck)
			return nil, verdict, nil
		}
	}
	if useless := (*keyError)(nil); errors.As(err, &useless) {
		return nil, unverified(useless.Error()), nil
	}
	return key, lifecycle.IssuerVerdict{}, err
}

// writeRecheck is when to try a refused write again: nobody tells when a
// namespace, a quota or a permission has been mended.
const writeRecheck = time.Minute

// refusedWrite is what to tell people about a write that the API server refused
// because of something that they have to mend.
func refusedWrite(err error) (message string, refused bool) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return "", false
	}
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) {
		return err.Error(), true
	}
	return "", false
}

func checkServer(server string) error {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return errors.New("acme.server is not the URL of an ACME directory")
	}
	return nil
}

// misconfigured says what is wrong with the spec: only an edit can change that.
func misconfigured(reason string, err error) lifecycle.IssuerVerdict {
	return lifecycle.IssuerVerdict{Reason: reason, Message: err.Error()}
}

func unverified(message string) lifecycle.IssuerVerdict {
	return lifecycle.IssuerVerdict{Reason: cmv1.IssuerReasonErrVerifyACMEAccount, Message: message}
}

// algorithmOf is the kind of account key that an issuer asks for; empty if it
// does not say.
func algorithmOf(issuer cmv1.GenericIssuer) (acme.KeyType, error) {
	algorithm := acme.KeyType(issuer.GetAnnotations()[cmv1.AccountKeyAlgorithmAnnotation])
	switch algorithm {
	case "", acme.KeyRSA2048, acme.KeyECDSAP256, acme.KeyECDSAP384:
		return algorithm, nil
	}
	return "", fmt.Errorf("annotation %s: %q is none of %s, %s, %s", cmv1.AccountKeyAlgorithmAnnotation, algorithm, acme.KeyRSA2048, acme.KeyECDSAP256, acme.KeyECDSAP384)
}

// createKey makes an account key and stores it, before any CA hears of it.
func (a *Accounts) createKey(ctx context.Context, place keyPlace, algorithm acme.KeyType) (*accountKey, error) {
	if algorithm == "" {
		algorithm = acme.KeyRSA2048 // contract 1.5
	}
	signer, err := acme.GenerateAccountKey(algorithm)
	if err != nil {
		return nil, fmt.Errorf("generate account key: %w", err)
	}
	text, err := acme.MarshalAccountKey(signer)
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: place.Namespace,
			Name:      place.Name,
			Labels: map[string]string{
				"app.kubernetes.io/managed-by":           "cert-manager",
				cmv1.PartOfCertManagerControllerLabelKey: "true",
			},
		},
		Data: map[string][]byte{place.key: text},
	}
	if err := a.client.Create(ctx, secret, kube.FieldOwner); err != nil {
		return nil, fmt.Errorf("store account key: %w", err)
	}
	hash, err := keyHash(signer)
	if err != nil {
		return nil, err
	}
	return &accountKey{version: string(secret.UID) + "/" + secret.ResourceVersion, signer: signer, hash: hash}, nil
}

// registration is one attempt to make an account known.
type registration struct {
	issuer cmv1.GenericIssuer
	spec   *acmev1.ACMEIssuer
	key    *accountKey
	secret *corev1.Secret // of the key, as this attempt has written it; nil if it has not
	email  string
	known  acmev1.ACMEIssuerStatus // before the attempt
	client *acme.Client
	now    time.Time
}

// isDone says whether there is nothing to ask the CA for. The condition vouches
// for what the status does not hold: that the server is still the same.
func (r *registration) isDone() bool {
	ready := lifecycle.IssuerReady(r.issuer)
	if ready == nil || ready.ObservedGeneration != r.issuer.GetGeneration() {
		return false
	}
	// A key that had been missing or unreadable is no news for the CA.
	vouched := ready.Status == cmmeta.ConditionTrue || ready.Reason == cmv1.IssuerReasonErrVerifyACMEAccount
	return vouched && r.isSameKey() && r.known.LastRegisteredEmail == r.email
}

func (r *registration) isSameKey() bool {
	return r.known.URI != "" && r.known.LastPrivateKeyHash == r.key.hash
}

// isHarmless says whether the issuer can go on as it was for as long as the CA
// can not be asked.
func (r *registration) isHarmless() bool {
	ready := lifecycle.IssuerReady(r.issuer)
	return ready != nil && ready.Status == cmmeta.ConditionTrue && r.isSameKey() && sameHost(r.known.URI, r.spec.Server)
}

func sameHost(a, b string) bool {
	ua, errA := url.Parse(a)
	ub, errB := url.Parse(b)
	return errA == nil && errB == nil && ua.Host == ub.Host
}

func (r *registration) run(ctx context.Context, a *Accounts) (lifecycle.IssuerVerdict, error) {
	account, err := r.find(ctx)
	if account == nil && err == nil {
		var binding *acme.ExternalAccountBinding
		if binding, err = a.binding(ctx, r.issuer); err != nil {
			var useless *keyError
			if errors.As(err, &useless) {
				return lifecycle.IssuerVerdict{Reason: cmv1.IssuerReasonErrRegisterACMEAccount, Message: useless.Error()}, nil
			}
			return lifecycle.IssuerVerdict{}, err
		}
		account, err = r.client.NewAccount(ctx, acme.AccountRequest{Contact: r.contact(), TermsAgreed: true, EAB: binding})
	}
	if ctx.Err() != nil {
		return lifecycle.IssuerVerdict{}, ctx.Err()
	}
	if err != nil {
		return r.failed(cmv1.IssuerReasonErrRegisterACMEAccount, err), nil
	}
	if account.Status != acme.StatusValid {
		return lifecycle.IssuerVerdict{
			Reason: cmv1.IssuerReasonErrRegisterACMEAccount,
			Fault: &lifecycle.Fault{
				Kind:    lifecycle.Stalled,
				Message: fmt.Sprintf("the CA says that the account is %s; delete the Secret %q to get another one", account.Status, r.spec.PrivateKey.Name),
			},
		}, nil
	}
	before := r.known
	r.known.URI, r.known.LastPrivateKeyHash = account.URL, r.key.hash
	if r.contactDiffers(account, before) {
		if _, err := r.client.WithAccount(account.URL).UpdateAccount(ctx, r.contact()); err != nil {
			if ctx.Err() != nil {
				return lifecycle.IssuerVerdict{}, ctx.Err()
			}
			verdict := r.failed(cmv1.IssuerReasonErrUpdateACMEAccount, err)
			verdict.ACME = &r.known
			return verdict, nil
		}
	}
	r.known.LastRegisteredEmail = r.email
	return r.registered(), nil
}

// find looks for the account of the key: some CAs let an external account be
// bound only once. It returns nil if there is none to be found.
func (r *registration) find(ctx context.Context) (*acme.Account, error) {
	account, err := r.client.NewAccount(ctx, acme.AccountRequest{OnlyReturnExisting: true})
	if err == nil {
		return account, nil
	}
	if acme.IsAccountDoesNotExist(err) {
		return nil, nil
	}
	// Some CAs refuse to look without a binding: then registering tells more.
	if isRefusal(err, r.now) {
		return nil, nil
	}
	return nil, err
}

func (r *registration) contact() []string {
	if r.email == "" {
		return nil
	}
	return []string{acme.MailContact(r.email)}
}

// contactDiffers says whether the CA is to be told the contact. Some CAs do not
// repeat what they were told, and contacts that others gave stay.
func (r *registration) contactDiffers(account *acme.Account, before acmev1.ACMEIssuerStatus) bool {
	switch {
	case account.Created:
		return false
	case account.URL == before.URI && r.email == before.LastRegisteredEmail:
		return false
	case r.email == "":
		return before.LastRegisteredEmail != ""
	}
	return !slices.Equal(account.Contact, r.contact())
}

func (r *registration) registered() lifecycle.IssuerVerdict {
	return lifecycle.IssuerVerdict{
		Ready:   true,
		Reason:  cmv1.IssuerReasonACMEAccountRegistered,
		Message: "The account is registered with the ACME server",
		ACME:    &r.known,
	}
}

func (r *registration) failed(reason string, err error) lifecycle.IssuerVerdict {
	fault := acmeview.Fault(err, r.now)
	if fault.Kind == lifecycle.Failed {
		// There is no other attempt than this one. What is not found is a wrong
		// URL, or a server that is being set up.
		fault.Kind = lifecycle.Stalled
		if fault.Code == lifecycle.NotFound {
			fault.Kind = lifecycle.Retry
		}
	}
	passing := fault.Kind == lifecycle.Retry || fault.Kind == lifecycle.Wait
	return lifecycle.IssuerVerdict{Ready: passing && r.isHarmless(), Reason: reason, Fault: &fault}
}

// binding reads the external account binding of an issuer; nil if it has none.
// What is wrong with its Secret is a *keyError.
func (a *Accounts) binding(ctx context.Context, issuer cmv1.GenericIssuer) (*acme.ExternalAccountBinding, error) {
	eab := issuer.GetSpec().ACME.ExternalAccountBinding
	if eab == nil {
		return nil, nil
	}
	place := types.NamespacedName{Namespace: secretNamespace(issuer, a.namespace), Name: eab.Key.Name}
	secret, err := a.secrets.Get(ctx, place)
	if apierrors.IsNotFound(err) {
		return nil, &keyError{fmt.Sprintf("Secret %q with the key of the external account does not exist in namespace %q", place.Name, place.Namespace)}
	}
	if err != nil {
		return nil, fmt.Errorf("read key of the external account: %w", err)
	}
	key, err := acme.ParseEABKey(secret.Data[eab.Key.Key])
	if err != nil {
		return nil, &keyError{fmt.Sprintf("Secret %q in namespace %q: %s: %v", place.Name, place.Namespace, eab.Key.Key, err)}
	}
	return &acme.ExternalAccountBinding{KeyID: eab.KeyID, Key: key}, nil
}
