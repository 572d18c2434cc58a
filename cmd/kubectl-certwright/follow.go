package main

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// followPause is how long after the end of a watch the object is read again:
// soon enough for a person who looks on, seldom enough for who may not watch.
const followPause = 2 * time.Second

// follow shows see an object as it is and each time that it has changed, until
// see has seen enough. list is a list of the object's kind.
func follow[T client.Object](ctx context.Context, api client.WithWatch, object T, list client.ObjectList, see func(T) (enough bool, err error)) error {
	key := client.ObjectKeyFromObject(object)
	for {
		if err := api.Get(ctx, key, object); err != nil {
			switch {
			case ctx.Err() != nil: // not every error of the client says that this is why
				return ctx.Err()
			case apierrors.IsNotFound(err):
				return not("%s was deleted by somebody", key.Name)
			}
			return fmt.Errorf("read %s: %w", key.Name, err)
		}
		if enough, err := see(object); enough || err != nil {
			return err
		}
		w, err := api.Watch(ctx, list, client.InNamespace(key.Namespace), client.MatchingFields{"metadata.name": key.Name},
			from(object.GetResourceVersion()))
		if err == nil {
			enough, err := watched(ctx, w, key.Name, see)
			if enough || err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(followPause):
		}
	}
}

// watched shows see what a watch tells, until it ends.
func watched[T client.Object](ctx context.Context, w watch.Interface, name string, see func(T) (bool, error)) (enough bool, err error) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case event, open := <-w.ResultChan():
			changed, ok := event.Object.(T)
			if !open || event.Type == watch.Error || !ok {
				return false, nil
			}
			if event.Type == watch.Deleted {
				return false, not("%s was deleted by somebody", name)
			}
			if enough, err := see(changed); enough || err != nil {
				return enough, err
			}
		}
	}
}

// from begins a watch after what was read.
func from(resourceVersion string) client.ListOption {
	return &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: resourceVersion}}
}
