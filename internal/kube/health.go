package kube

import (
	"context"
	"errors"
	"net/http"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// CachesSynced is ready once the caches hold the cluster's state.
func CachesSynced(mgr ctrl.Manager) healthz.Checker {
	return func(req *http.Request) error {
		// The probe's own timeout may be a second; an answer is due before.
		ctx, cancel := context.WithTimeout(req.Context(), 500*time.Millisecond)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("caches are not synced yet")
		}
		return nil
	}
}
