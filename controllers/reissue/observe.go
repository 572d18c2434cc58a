package reissue

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// byReissue finds Certificates and Revocations by the UID of the campaign that
// they are of.
const byReissue = "reissue"

func addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &cmv1.Certificate{}, byReissue, func(o client.Object) []string {
		if mark := o.(*cmv1.Certificate).Status.Reissue; mark != nil {
			return []string{mark.UID}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index certificates by reissue: %w", err)
	}
	err = indexer.IndexField(ctx, &v1alpha1.Revocation{}, byReissue, func(o client.Object) []string {
		if uid := o.GetLabels()[v1alpha1.ReissueUIDLabel]; uid != "" {
			return []string{uid}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index revocations by reissue: %w", err)
	}
	return nil
}

// allNamespaces is what a selector says for them.
const allNamespaces = "*"

// survey is one look at the Certificates of a campaign.
type survey struct {
	*reconciler

	reissue     *v1alpha1.Reissue
	since       time.Time // what was requested later is new
	members     []lifecycle.ReissueMember
	taken       map[types.NamespacedName]bool
	revocations map[types.NamespacedName]*v1alpha1.Revocation
	accounts    map[types.NamespacedName]account // by issuer, which has no namespace if it is a ClusterIssuer
}

type account struct {
	ca    string
	limit lifecycle.OrderLimit
}

// observe reads, from caches, what one decision about a campaign needs.
func (r *reconciler) observe(ctx context.Context, reissue *v1alpha1.Reissue, known campaign, now time.Time) (lifecycle.ReissueSeen, error) {
	seen := lifecycle.ReissueSeen{
		Reissue: reissue, MayCross: reissue.Namespace == r.ClusterResourceNamespace,
		Stored: known.storedAt, Refused: known.refusal, RefusedUntil: known.retryAt,
	}
	selection, err := lifecycle.ParseReissueSelector(&reissue.Spec.Selector)
	if err != nil {
		seen.SelectorErr = err
		return seen, nil //nolint:nilerr // the decision tells it
	}
	if len(reissue.Spec.Selector.Namespaces) > 0 && !seen.MayCross {
		return seen, nil // and nothing of others is looked at
	}
	s := &survey{
		reconciler: r, reissue: reissue, since: now, taken: map[types.NamespacedName]bool{},
		revocations: map[types.NamespacedName]*v1alpha1.Revocation{}, accounts: map[types.NamespacedName]account{},
	}
	if at := reissue.Status.StartedAt; at != nil {
		s.since = at.Time
	}
	if err := s.begun(ctx); err != nil {
		return seen, err
	}
	if err := s.selected(ctx, selection); err != nil {
		return seen, err
	}
	seen.Members = s.members
	return seen, nil
}

// begun finds the Certificates that the campaign has begun. Here its own
// writes have to be seen, or more would be begun than may be.
func (s *survey) begun(ctx context.Context) error {
	uid := client.MatchingFields{byReissue: string(s.reissue.UID)}
	if s.reissue.Spec.Revoke == nil {
		list := &cmv1.CertificateList{}
		if err := s.client.List(ctx, list, uid, client.UnsafeDisableDeepCopy); err != nil {
			return fmt.Errorf("list certificates of reissue: %w", err)
		}
		for i := range list.Items {
			if err := s.add(ctx, &list.Items[i]); err != nil {
				return err
			}
		}
		return nil
	}
	list := &v1alpha1.RevocationList{}
	if err := s.client.List(ctx, list, uid, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list revocations of reissue: %w", err)
	}
	for i := range list.Items {
		revocation := &list.Items[i]
		key := types.NamespacedName{Namespace: revocation.Namespace, Name: revocation.Spec.Target.CertificateName}
		if other := s.revocations[key]; other == nil || attempt(other) < attempt(revocation) {
			s.revocations[key] = revocation
		}
	}
	for key := range s.revocations {
		crt := &cmv1.Certificate{}
		err := s.client.Get(ctx, key, crt, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("get certificate of reissue: %w", err)
		}
		if err := s.add(ctx, crt); err != nil {
			return err
		}
	}
	return nil
}

func attempt(r *v1alpha1.Revocation) int {
	n, err := strconv.Atoi(r.Annotations[v1alpha1.ReissueAttemptAnnotation])
	if err != nil {
		return 1
	}
	return n
}

// selected finds the Certificates that the campaign has not begun.
func (s *survey) selected(ctx context.Context, selection *lifecycle.ReissueSelection) error {
	spec := &s.reissue.Spec.Selector
	namespaces := spec.Namespaces
	switch {
	case len(namespaces) == 0:
		namespaces = []string{s.reissue.Namespace}
	case slices.Contains(namespaces, allNamespaces):
		namespaces = []string{""}
	}
	for _, namespace := range namespaces {
		options := []client.ListOption{
			client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selection.Labels},
			client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy,
		}
		if spec.IssuerRef != nil {
			options = append(options, client.MatchingFields{kube.ByIssuer: kube.IssuerKey(*spec.IssuerRef)})
		}
		list := &cmv1.CertificateList{}
		if err := s.client.List(ctx, list, options...); err != nil {
			return fmt.Errorf("list certificates: %w", err)
		}
		for i := range list.Items {
			crt := &list.Items[i]
			if s.taken[client.ObjectKeyFromObject(crt)] || !selection.Selects(crt) {
				continue
			}
			if selection.ByLeaf() {
				fits, err := s.fits(ctx, crt, selection)
				if err != nil {
					return err
				}
				if !fits {
					continue
				}
			}
			if err := s.add(ctx, crt); err != nil {
				return err
			}
		}
	}
	return nil
}

// fits looks at the certificate itself.
func (s *survey) fits(ctx context.Context, crt *cmv1.Certificate, selection *lifecycle.ReissueSelection) (bool, error) {
	secret, err := s.Secrets.Get(ctx, types.NamespacedName{Namespace: crt.Namespace, Name: crt.Spec.SecretName})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	chain, err := pki.DecodeCertificates(secret.Data[lifecycle.TLSCert])
	if err != nil || len(chain) == 0 {
		return false, nil //nolint:nilerr // what is no certificate is not selected
	}
	return selection.SelectsLeaf(chain[0]), nil
}

func (s *survey) add(ctx context.Context, crt *cmv1.Certificate) error {
	key := client.ObjectKeyFromObject(crt)
	s.taken[key] = true
	m := lifecycle.ReissueMember{Certificate: crt, Revocation: s.revocations[key]}
	if lifecycle.IssuedNear(crt, s.since) && crt.Status.Revision != nil {
		request := &cmv1.CertificateRequest{}
		name := types.NamespacedName{Namespace: crt.Namespace, Name: lifecycle.RequestName(crt.Name, *crt.Status.Revision)}
		err := s.client.Get(ctx, name, request, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("get certificate request: %w", err)
		}
		m.Issued = request.CreationTimestamp.Time
	}
	a, err := s.account(ctx, crt)
	if err != nil {
		return err
	}
	m.CA, m.Limit = a.ca, a.limit
	s.members = append(s.members, m)
	return nil
}

// account finds the limit of the CA. One account for each issuer is assumed:
// of several issuers with one account nothing is known before they are Ready.
func (s *survey) account(ctx context.Context, crt *cmv1.Certificate) (account, error) {
	ref := crt.Spec.IssuerRef
	if ref.GroupOrDefault() != cmv1.GroupName {
		return account{}, nil
	}
	key := types.NamespacedName{Namespace: crt.Namespace, Name: ref.Name}
	var issuer cmv1.GenericIssuer = &cmv1.Issuer{}
	if ref.KindOrDefault() == cmv1.ClusterIssuerKind {
		key.Namespace, issuer = "", &cmv1.ClusterIssuer{}
	}
	if a, known := s.accounts[key]; known {
		return a, nil
	}
	a := account{}
	if err := s.client.Get(ctx, key, issuer, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); client.IgnoreNotFound(err) != nil {
		return a, fmt.Errorf("get issuer: %w", err)
	}
	if acme := issuer.GetSpec().ACME; acme != nil {
		if directory, err := url.Parse(acme.Server); err == nil {
			a = account{ca: key.String(), limit: s.Limits.For(directory.Host)}
		}
	}
	s.accounts[key] = a
	return a, nil
}
