package testbed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const addresses = `KUBECONFIG='%s'
CERTWRIGHT_CLUSTER='it'\''s'
CERTWRIGHT_INGRESS_HTTP='127.0.0.1:1'
CERTWRIGHT_INGRESS_HTTPS='127.0.0.1:2'
CERTWRIGHT_PEBBLE_MGMT='127.0.0.1:3'
CERTWRIGHT_PEBBLE_CA='/ca.pem'
SOMETHING_ELSE='x'
`

func TestNodeIsKnownByTheAddressesBesideItsKubeconfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	write(t, kubeconfig, "")
	if _, ok := NodeOf(kubeconfig); ok {
		t.Error("a node without addresses")
	}
	write(t, filepath.Join(dir, "env"), strings.ReplaceAll(addresses, "%s", kubeconfig))
	node, ok := NodeOf(kubeconfig)
	want := Node{Name: "it's", Kubeconfig: kubeconfig, HTTP: "127.0.0.1:1", HTTPS: "127.0.0.1:2", Management: "127.0.0.1:3", PebbleCA: "/ca.pem"}
	if !ok || node != want {
		t.Errorf("node %+v, %t, want %+v", node, ok, want)
	}
	other := filepath.Join(dir, "other")
	write(t, other, "")
	if _, ok := NodeOf(other); ok {
		t.Error("another kubeconfig in the folder was taken for the node's")
	}
}

func TestMissingAddressIsNamed(t *testing.T) {
	t.Parallel()
	_, err := parseEnv(strings.ReplaceAll(addresses, "CERTWRIGHT_PEBBLE_CA", "CERTWRIGHT_OTHER"))
	if err == nil || !strings.Contains(err.Error(), "CERTWRIGHT_PEBBLE_CA") {
		t.Errorf("error %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
