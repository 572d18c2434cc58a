package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/cmd/kubectl-certwright/internal/page"
)

const (
	// storyFresh is how old a story may be that is shown.
	storyFresh = 4 * time.Second
	// storyShare bounds what stories cost where reading takes long, as in a
	// namespace with thousands of requests: they are read anew only after this
	// many times as long as it took, so that at most a twentieth of the time
	// goes into it.
	storyShare = 20
	// mostKept bounds the stories and lists that a viewer has in memory.
	mostKept = 32
)

// viewer shows one person what he may see.
type viewer struct {
	ctx context.Context //nolint:containedctx // that of the command, for what goes on behind requests
	api *cluster
	now func() time.Time

	mu        sync.Mutex
	followers map[string]*follower
	stories   map[client.ObjectKey]*kept
}

// kept is a story that was read lately.
type kept struct {
	mu    sync.Mutex // held while it is read
	story *page.Story
	fresh time.Time // until when it is
}

func newViewer(ctx context.Context, api *cluster, now func() time.Time) *viewer {
	return &viewer{ctx: ctx, api: api, now: now, followers: map[string]*follower{}, stories: map[client.ObjectKey]*kept{}}
}

// List of page.Viewer.
func (v *viewer) List(ctx context.Context, namespace string) ([]page.Row, error) {
	v.mu.Lock()
	f := v.followers[namespace]
	if f == nil {
		if len(v.followers) >= mostKept {
			v.followers = map[string]*follower{} // those that are running end when nobody asks
		}
		f = &follower{ctx: v.ctx, api: v.api, namespace: namespace, now: v.now}
		v.followers[namespace] = f
	}
	v.mu.Unlock()
	rows, err := f.list(ctx)
	return rows, forPage(err)
}

// Story of page.Viewer. Nothing outside of the cluster is asked.
func (v *viewer) Story(ctx context.Context, namespace, name string) (*page.Story, error) {
	key := client.ObjectKey{Namespace: namespace, Name: name}
	v.mu.Lock()
	k := v.stories[key]
	if k == nil {
		if len(v.stories) >= mostKept {
			v.stories = map[client.ObjectKey]*kept{}
		}
		k = &kept{}
		v.stories[key] = k
	}
	v.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	begin := v.now()
	if k.story != nil && begin.Before(k.fresh) {
		return k.story, nil
	}
	story, err := v.read(ctx, key)
	if err != nil {
		return nil, forPage(err)
	}
	end := v.now()
	k.story, k.fresh = story, end.Add(max(storyFresh, storyShare*end.Sub(begin)))
	return story, nil
}

func (v *viewer) read(ctx context.Context, key client.ObjectKey) (*page.Story, error) {
	crt := &cmv1.Certificate{}
	if err := v.api.Get(ctx, key, crt); err != nil {
		return nil, fmt.Errorf("read Certificate: %w", err)
	}
	api := *v.api
	api.namespace = key.Namespace
	q := &inquiry{api: &api, now: v.now()}
	title, err := q.begin(ctx, crt)
	if err != nil {
		return nil, err
	}
	e, err := q.explain(ctx, title)
	if err != nil {
		return nil, err
	}
	return storyOf(q.story, e, q.now), nil
}

// forPage says what a page can tell apart.
func forPage(err error) error {
	switch {
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w: %w", page.ErrWho, err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w: %w", page.ErrForbidden, err)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%w: %w", page.ErrNotFound, err)
	default:
		return explain(err)
	}
}

const (
	// knownFor is how long the API server is not asked again whether it knows a
	// token.
	knownFor = time.Minute
	// mostGuests bounds the viewers in memory.
	mostGuests = 256
	// mostAsking bounds how many unknown tokens are asked about at a time, so
	// that who guesses can not drive requests to the API server.
	mostAsking = 4
)

// guests are the viewers by tokens of their own, under hashes of those.
type guests struct {
	ctx    context.Context //nolint:containedctx // that of the command, for its viewers
	api    *cluster
	now    func() time.Time
	asking chan struct{}

	mu  sync.Mutex
	all map[[sha256.Size]byte]*guest
}

type guest struct {
	viewer *viewer
	known  time.Time // until when
}

func newGuests(ctx context.Context, api *cluster, now func() time.Time) *guests {
	return &guests{ctx: ctx, api: api, now: now, asking: make(chan struct{}, mostAsking), all: map[[sha256.Size]byte]*guest{}}
}

// enter returns the viewer of a token that the API server knows.
func (g *guests) enter(ctx context.Context, token string) (page.Viewer, error) {
	key, now := sha256.Sum256([]byte(token)), g.now()
	g.mu.Lock()
	one := g.all[key]
	g.mu.Unlock()
	if one != nil && now.Before(one.known) {
		return one.viewer, nil
	}
	select {
	case g.asking <- struct{}{}:
		defer func() { <-g.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	api, err := g.api.as(token)
	if err != nil {
		return nil, err
	}
	if one != nil {
		api = one.viewer.api
	}
	review := &authenticationv1.SelfSubjectReview{}
	if err := api.Create(ctx, review); err != nil {
		g.mu.Lock()
		delete(g.all, key)
		g.mu.Unlock()
		return nil, forPage(fmt.Errorf("ask who you are: %w", err))
	}
	if review.Status.UserInfo.Username == "system:anonymous" {
		return nil, errors.Join(page.ErrWho, errors.New("the API server lets anybody in"))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.all) >= mostGuests {
		for k, other := range g.all {
			if now.After(other.known) {
				delete(g.all, k)
			}
		}
	}
	if len(g.all) >= mostGuests {
		return nil, errors.New("too many people look at this page")
	}
	one = g.all[key]
	if one == nil {
		one = &guest{viewer: newViewer(g.ctx, api, g.now)}
		g.all[key] = one
	}
	one.known = now.Add(knownFor)
	return one.viewer, nil
}
