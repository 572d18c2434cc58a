package testbed

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// tlsByDefault makes Traefik end TLS at its port 443 for every Ingress, as its
// own Helm chart does. Without it an Ingress needs an annotation of Traefik's.
const tlsByDefault = "--entrypoints.websecure.http.tls=true"

// ServeTLS sees to it that the node's ingress controller serves every Ingress
// over HTTPS.
func (c Checkout) ServeTLS(ctx context.Context, node Node) error {
	kubectl := func(args ...string) (string, error) {
		return c.Cluster(ctx, append([]string{"kubectl", "--kubeconfig", node.Kubeconfig, "--namespace", "traefik"}, args...)...)
	}
	args, err := kubectl("get", "deployment", "traefik", "--output", `jsonpath={range .spec.template.spec.containers[0].args[*]}{@}{"\n"}{end}`)
	if err != nil {
		return fmt.Errorf("read ingress controller: %w", err)
	}
	if slices.Contains(strings.Fields(args), tlsByDefault) {
		return nil
	}
	patch := fmt.Sprintf(`[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": %q}]`, tlsByDefault)
	if _, err := kubectl("patch", "deployment", "traefik", "--type", "json", "--patch", patch); err != nil {
		return fmt.Errorf("set up ingress controller: %w", err)
	}
	if _, err := kubectl("rollout", "status", "deployment", "traefik", "--timeout", "2m"); err != nil {
		return fmt.Errorf("wait for ingress controller: %w", err)
	}
	return nil
}
