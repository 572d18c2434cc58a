// Command node is kube-scheduler, kubelet and kube-proxy in one binary.
package main

import (
	"context"

	"github.com/certwright/certwright/hack/cluster/kubernetes/multicall"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	multicall.Programs{
		"kube-scheduler": func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
		"kubelet":        func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
		"kube-proxy":     func() int { return cli.Run(proxy.NewProxyCommand()) },
	}.Main()
}
