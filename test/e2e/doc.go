// Package e2e has the journeys: what users do and see, on a real node with the
// chart installed by Helm, an ingress controller and an ACME CA (Pebble).
//
// The tests start a node of hack/cluster, which needs Linux and root, and remove
// it. If CERTWRIGHT_E2E_KUBECONFIG names the kubeconfig of a node that runs,
// they use that one and leave it.
package e2e
