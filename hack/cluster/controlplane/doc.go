// Package controlplane runs etcd, kube-apiserver and kube-controller-manager. On loopback it needs no root and several
// run side by side, each on ports of its own; inside a node's network namespace it is the node's control plane.
package controlplane
