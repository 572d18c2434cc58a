package challenge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01/responder"
)

// answers is the shared responder: it answers for every Challenge that there
// is. Each replica of the operator runs one, whether it leads or not, and knows
// the answers from its own cache: a leader that dies takes none with it.
type answers struct {
	client   client.Reader
	listener net.Listener
}

// goodbye is how long a request that is being answered may take once the
// operator is told to end.
const goodbye = 5 * time.Second

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (a *answers) NeedLeaderElection() bool { return false }

// Start serves until the context ends. It implements manager.Runnable.
func (a *answers) Start(ctx context.Context) error {
	server := responder.Server(responder.HandlerFor(a.find))
	served := make(chan error, 1)
	go func() { served <- server.Serve(a.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve challenges: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		return fmt.Errorf("end serving challenges: %w", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve challenges: %w", err)
	}
	return nil
}

// find implements responder.Find.
func (a *answers) find(ctx context.Context, domain, token string) (string, bool) {
	var list acmev1.ChallengeList
	err := a.client.List(ctx, &list, client.MatchingFields{byToken: token}, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		log.FromContext(ctx).Error(err, "find challenge")
		return "", false
	}
	for i := range list.Items {
		if c := &list.Items[i]; responder.CanonicalHost(c.Spec.DNSName) == domain {
			return c.Spec.Key, true
		}
	}
	return "", false
}
