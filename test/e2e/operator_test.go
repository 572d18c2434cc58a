package e2e

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"

	"github.com/certwright/certwright/hack/demo/testbed"
)

// operator is the process of the operator that runs now.
type operator struct {
	pod string
	pid int
}

// operatorPod returns the operator's pod; an error unless there is one that
// runs.
func (w *world) operatorPod(ctx context.Context) (*corev1.Pod, error) {
	pods, err := w.clients.CoreV1().Pods(testbed.Namespace).List(ctx, metav1.ListOptions{LabelSelector: testbed.OperatorLabel})
	if err != nil {
		return nil, err
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning {
			return pod, nil
		}
	}
	return nil, errors.New("no pod of the operator is running")
}

// operator waits until the operator's process runs, which need not be ready.
func (w *world) operator(ctx context.Context) (operator, error) {
	var found operator
	var last error
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		pod, err := w.operatorPod(ctx)
		if err != nil {
			last = err
			return false, nil //nolint:nilerr // told when the time is over
		}
		pid, err := testbed.ProcessOf(string(pod.UID), "/certwright")
		last = err
		found = operator{pod.Name, pid}
		return err == nil, nil
	})
	if err != nil {
		return found, fmt.Errorf("wait for the operator: %w: %w", err, last)
	}
	return found, nil
}

// kill ends the process without a chance to tidy up or to give up its lease.
// The pod goes too: the kubelet would wait longer and longer before it starts a
// container that was killed again.
func (w *world) kill(ctx context.Context, o operator) error {
	if err := syscall.Kill(o.pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill operator: %w", err)
	}
	err := w.clients.CoreV1().Pods(testbed.Namespace).Delete(ctx, o.pod, metav1.DeleteOptions{GracePeriodSeconds: ptr.To(int64(0))})
	if err != nil {
		return fmt.Errorf("delete the operator's pod: %w", err)
	}
	// The holder of the lease is dead for certain, so that its successor need
	// not wait until it runs out.
	err = w.clients.CoordinationV1().Leases("kube-system").Delete(ctx, "cert-manager-controller", metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the operator's lease: %w", err)
	}
	return nil
}

// operatorLog returns the end of the operator's log.
func (w *world) operatorLog(ctx context.Context) (string, error) {
	pod, err := w.operatorPod(ctx)
	if err != nil {
		return "", err
	}
	return w.log(ctx, pod, ptr.To(int64(40)))
}

func (w *world) log(ctx context.Context, pod *corev1.Pod, lines *int64) (string, error) {
	text, err := w.clients.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: lines}).DoRaw(ctx)
	return string(text), err
}

// ordersAtCA returns how many orders Pebble has accepted since it started: it
// logs each.
func (w *world) ordersAtCA(ctx context.Context) (int, error) {
	pods, err := w.clients.CoreV1().Pods("pebble").List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=pebble"})
	if err != nil {
		return 0, err
	}
	if len(pods.Items) != 1 {
		return 0, fmt.Errorf("there are %d pods of Pebble", len(pods.Items))
	}
	text, err := w.log(ctx, &pods.Items[0], nil)
	if err != nil {
		return 0, err
	}
	return strings.Count(text, "Added order "), nil
}

// counters sums up the operator's counters of a name, over all labels.
func (w *world) counters(ctx context.Context, names ...string) (map[string]float64, error) {
	pod, err := w.operatorPod(ctx)
	if err != nil {
		return nil, err
	}
	text, err := w.clients.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, "9402", "/metrics", nil).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	sums := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		for _, name := range names {
			rest, ok := strings.CutPrefix(line, name)
			if !ok || !strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, " ") {
				continue
			}
			value, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64)
			if err != nil {
				return nil, fmt.Errorf("read metrics: %w", err)
			}
			sums[name] += value
		}
	}
	return sums, nil
}
