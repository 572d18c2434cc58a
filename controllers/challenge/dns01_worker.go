package challenge

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/internal/dns01/worker"
	"github.com/certwright/certwright/internal/kube"
)

var errNoWorker = errors.New("find DNS provider: this operator was started without dns01-worker, and has none but rfc2136 and webhook")

// byWorker makes a provider that is a process of its own for each operation.
func (d *solveDNS) byWorker(ctx context.Context, c *acmev1.Challenge, access Access) (dns01.Provider, error) {
	if d.Worker == nil {
		return nil, errNoWorker
	}
	settings, err := worker.Read(ctx, c.Spec.Solver.DNS01, access, access.Ambient)
	if err != nil {
		return nil, err
	}
	if settings == nil {
		return nil, errors.New("find DNS provider: the solver names none")
	}
	return stepTeller{d.Worker.Provider(settings, &annotation{client: d.client, challenge: client.ObjectKeyFromObject(c), uid: c.UID})}, nil
}

// stepTeller says in errors which record was to be changed: a provider of the
// worker says what it did itself, in its own words.
type stepTeller struct{ provider dns01.Provider }

// EnsureTXT implements dns01.Provider.
func (s stepTeller) EnsureTXT(ctx context.Context, record dns01.Record) error {
	if err := s.provider.EnsureTXT(ctx, record); err != nil {
		return fmt.Errorf("add TXT record %q: %w", record.FQDN, err)
	}
	return nil
}

// RemoveTXT implements dns01.Provider.
func (s stepTeller) RemoveTXT(ctx context.Context, record dns01.Record) error {
	if err := s.provider.RemoveTXT(ctx, record); err != nil {
		return fmt.Errorf("remove TXT record %q: %w", record.FQDN, err)
	}
	return nil
}

// tokenSeconds is how long a token of a service account is good for. It is used
// at once; the API server gives none for less.
const tokenSeconds = 600

// Token implements worker.Secrets.
func (a Access) Token(ctx context.Context, serviceAccount string, audiences []string) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: serviceAccount}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences, ExpirationSeconds: ptr.To[int64](tokenSeconds)}}
	err := a.tokens.SubResource("token").Create(ctx, account, request)
	if apierrors.IsNotFound(err) {
		return "", &missingError{fmt.Sprintf("service account %q does not exist in namespace %q", serviceAccount, a.Namespace)}
	}
	if apierrors.IsForbidden(err) {
		return "", fmt.Errorf("the operator may not: its own service account needs the verb create on serviceaccounts/token for %q in namespace %q", serviceAccount, a.Namespace)
	}
	if err != nil {
		return "", err
	}
	return request.Status.Token, nil
}

// annotation is what a provider has to know again when it removes a record. It
// implements worker.Memory, and lives as long as the Challenge.
type annotation struct {
	client    client.Client
	challenge types.NamespacedName
	uid       types.UID
}

func (a *annotation) get(ctx context.Context) (*acmev1.Challenge, error) {
	c := &acmev1.Challenge{}
	if err := a.client.Get(ctx, a.challenge, c); err != nil {
		return nil, fmt.Errorf("get challenge: %w", err)
	}
	if c.UID != a.uid {
		return nil, errors.New("get challenge: it is another one by now")
	}
	return c, nil
}

// Recall implements worker.Memory.
func (a *annotation) Recall(ctx context.Context) (string, error) {
	c, err := a.get(ctx)
	if err != nil {
		return "", err
	}
	return c.Annotations[acmev1.DNS01MemoryAnnotationKey], nil
}

// Remember implements worker.Memory.
func (a *annotation) Remember(ctx context.Context, text string) error {
	c, err := a.get(ctx)
	if err != nil {
		return err
	}
	if c.Annotations[acmev1.DNS01MemoryAnnotationKey] == text {
		return nil
	}
	changed := c.DeepCopy()
	if text == "" {
		delete(changed.Annotations, acmev1.DNS01MemoryAnnotationKey)
	} else {
		metav1.SetMetaDataAnnotation(&changed.ObjectMeta, acmev1.DNS01MemoryAnnotationKey, text)
	}
	if err := a.client.Patch(ctx, changed, client.MergeFrom(c), kube.FieldOwner); err != nil {
		return fmt.Errorf("change challenge: %w", err)
	}
	return nil
}

// takesOneValue reports whether a provider takes one value at one name only: a
// second would be lost, or would overwrite the first.
func takesOneValue(c *acmev1.Challenge) bool { return worker.OneAtATime(c.Spec.Solver.DNS01) }
