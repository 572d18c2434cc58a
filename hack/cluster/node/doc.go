// Package node runs a whole Kubernetes node on one Linux machine, as root: a control plane, kube-scheduler, kubelet,
// kube-proxy and containerd, and in the cluster CoreDNS, Traefik and Pebble.
//
// Everything runs in a network namespace without a default route, so that no pod or service address reaches outside or
// collides with the machine's network, and in a mount namespace of its own, so that every mount goes away with the last
// process. The namespaces belong to a process, the holder, that does nothing else. A forwarder outside of them offers
// the API server, the ingress controller and Pebble's management interface on loopback.
package node
