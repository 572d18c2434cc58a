package credentials

import (
	"encoding/json"
	"fmt"
	"os"
)

// Kubeconfig returns a kubeconfig, in JSON, which is YAML too, for one user of one cluster.
func Kubeconfig(cluster, server string, ca []byte, user Pair) ([]byte, error) {
	type named map[string]any
	data, err := json.MarshalIndent(map[string]any{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": cluster,
		"clusters": []named{{"name": cluster, "cluster": named{
			"server": server, "certificate-authority-data": ca,
		}}},
		"users": []named{{"name": cluster, "user": named{
			"client-certificate-data": user.Cert, "client-key-data": user.Key,
		}}},
		"contexts": []named{{"name": cluster, "context": named{"cluster": cluster, "user": cluster}}},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode kubeconfig: %w", err)
	}
	return append(data, '\n'), nil
}

// WriteKubeconfig writes a kubeconfig that only the caller can read.
func WriteKubeconfig(path, cluster, server string, ca []byte, user Pair) error {
	data, err := Kubeconfig(cluster, server, ca, user)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}
