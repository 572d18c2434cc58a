package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

var (
	syncCalls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "certmanager_controller_sync_call_count", //nolint:promlinter // wire fact
		Help: "Passes of a controller.",
	}, []string{"controller"})
	syncErrors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "certmanager_controller_sync_error_count", //nolint:promlinter // wire fact
		Help: "Passes of a controller that ended with an error.",
	}, []string{"controller"})
)

func init() {
	ctrlmetrics.Registry.MustRegister(syncCalls, syncErrors)
}

// Counted counts the passes of a controller (contract, section 4).
func Counted[request comparable](controller string, r reconcile.TypedReconciler[request]) reconcile.TypedReconciler[request] {
	calls, errors := syncCalls.WithLabelValues(controller), syncErrors.WithLabelValues(controller)
	return reconcile.TypedFunc[request](func(ctx context.Context, req request) (ctrl.Result, error) {
		calls.Inc()
		result, err := r.Reconcile(ctx, req)
		if err != nil {
			errors.Inc()
		}
		return result, err
	})
}
