package cainjection

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// bySource is the index of targets by their source.
const bySource = "source"

// newTargets adds to the manager a cache with the metadata of the targets of a
// kind. Each kind has its own, as one that may not be read would hold up all
// others of its cache.
func newTargets(ctx context.Context, mgr ctrl.Manager, k kind, sources Sources) (cache.Cache, error) {
	targets, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(),
		Scheme:     mgr.GetScheme(),
		Mapper:     mgr.GetRESTMapper(),
		ByObject:   map[client.Object]cache.ByObject{k.metadata(): {Transform: keepAsked(k)}},
	})
	if err != nil {
		return nil, fmt.Errorf("create cache of %s: %w", k.resource, err)
	}
	err = targets.IndexField(ctx, k.metadata(), bySource, func(o client.Object) []string {
		from, _ := sources.of(o.GetAnnotations())
		if from == (source{}) {
			return nil
		}
		return []string{from.String()}
	})
	if err != nil {
		return nil, fmt.Errorf("index %s by source: %w", k.resource, err)
	}
	if err := mgr.Add(targets); err != nil {
		return nil, fmt.Errorf("add cache of %s: %w", k.resource, err)
	}
	return targets, nil
}

// keepAsked keeps of a target what a look at it needs, and of what is no target
// hardly anything.
func keepAsked(k kind) toolscache.TransformFunc {
	head := k.metadata().TypeMeta
	return func(in any) (any, error) {
		m, ok := in.(*metav1.PartialObjectMetadata)
		if !ok {
			return in, nil
		}
		kept := &metav1.PartialObjectMetadata{TypeMeta: head}
		kept.Name, kept.ResourceVersion = m.Name, m.ResourceVersion
		if !asks(m.Annotations) {
			return kept, nil
		}
		kept.UID, kept.Generation = m.UID, m.Generation
		kept.Annotations = map[string]string{}
		for _, key := range annotations {
			if value, ok := m.Annotations[key]; ok {
				kept.Annotations[key] = value
			}
		}
		return kept, nil
	}
}
