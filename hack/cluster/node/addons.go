package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/certwright/certwright/hack/cluster/credentials"
	"github.com/certwright/certwright/hack/cluster/daemon"
	"github.com/certwright/certwright/hack/cluster/ociimage"
)

//go:embed manifests/*.yaml
var manifests embed.FS

const (
	corednsImage = "cluster.certwright.dev/coredns:1.15.0"
	traefikImage = "cluster.certwright.dev/traefik:3.7.13"
	pebbleImage  = "cluster.certwright.dev/pebble:2.10.1"
)

const (
	certPebbleCA = "pebble-ca"
	certPebble   = "pebble"
)

// PebbleCA returns the path of the PEM file with the authority of Pebble's own endpoints.
func (n *Node) PebbleCA() string { return n.path("pebble-ca.pem") }

// applyManifests creates what runs in the cluster, and what Gateway API needs.
func (n *Node) applyManifests(ctx context.Context) error {
	values, err := n.values(time.Now())
	if err != nil {
		return err
	}
	var rendered bytes.Buffer
	for _, name := range []string{"coredns", "traefik", "pebble"} {
		if err := render(&rendered, name, values); err != nil {
			return err
		}
	}
	if err := n.kubectl(ctx, &rendered, "apply", "--server-side", "--force-conflicts", "-f", "-", "-f", n.Programs.GatewayAPI); err != nil {
		return err
	}
	// The Gateway last: its kind exists only when the API server has taken in the definitions.
	if err := n.kubectl(ctx, nil, "wait", "--for=condition=Established", "--timeout=3m", "customresourcedefinitions", "--all"); err != nil {
		return err
	}
	rendered.Reset()
	if err := render(&rendered, "gateway", values); err != nil {
		return err
	}
	return n.kubectl(ctx, &rendered, "apply", "--server-side", "--force-conflicts", "-f", "-")
}

// waitForAddons waits until what runs in the cluster answers.
func (n *Node) waitForAddons(ctx context.Context) error {
	for _, wait := range []struct {
		what  string
		probe daemon.Probe
	}{
		{"CoreDNS", n.probeDNS()},
		{"Traefik", n.probeIngress()},
		{"Pebble", n.probePebble()},
	} {
		if err := n.waitFor(ctx, wait.what, wait.probe, patience); err != nil {
			return err
		}
		n.Progress(wait.what)
	}
	return nil
}

// loadImages waits for containerd and imports the images.
func (n *Node) loadImages(ctx context.Context, group *daemon.Group) error {
	if err := group.Wait(ctx, Containerd, n.probeContainerd(), patience); err != nil {
		return err
	}
	program := func(ref, dir, name string) ociimage.Image {
		path := "/" + name
		return ociimage.Image{
			Ref: ref, Entrypoint: []string{path}, User: "65532:65532",
			Files: map[string]ociimage.File{path: ociimage.Executable(filepath.Join(dir, name))},
		}
	}
	images := []ociimage.Image{
		program(pauseImage, n.Programs.Pause, "pause"),
		program(corednsImage, n.Programs.CoreDNS, "coredns"),
		program(traefikImage, n.Programs.Traefik, "traefik"),
		program(pebbleImage, n.Programs.Pebble, "pebble"),
	}
	// Traefik wants a writable folder for temporary files at its start.
	images[2].Files["/tmp"] = ociimage.File{Dir: true, Mode: 0o1777}
	failed := make([]error, len(images))
	var all sync.WaitGroup
	for i, img := range images {
		all.Go(func() { failed[i] = n.loadImage(ctx, img) })
	}
	all.Wait()
	return errors.Join(failed...)
}

// values returns what the manifests are filled in with. Pebble's certificate is made here.
func (n *Node) values(now time.Time) (map[string]string, error) {
	authority, err := credentials.EnsureAuthority(n.CP.PKI(), certPebbleCA, now)
	if err != nil {
		return nil, err
	}
	if err := authority.Ensure(n.CP.PKI(), certPebble, credentials.Leaf{
		Name: "pebble", Server: true, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(pebbleIP)},
		DNS: []string{"pebble", "pebble.pebble", "pebble.pebble.svc", "pebble.pebble.svc.cluster.local", "localhost"},
	}, now); err != nil {
		return nil, err
	}
	ca, _, err := credentials.Read(n.CP.PKI(), certPebbleCA)
	if err != nil {
		return nil, err
	}
	pebble, _, err := credentials.Read(n.CP.PKI(), certPebble)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(n.PebbleCA(), ca.Cert, 0o644); err != nil {
		return nil, err
	}
	return map[string]string{
		"DNSIP": dnsIP, "TraefikIP": traefikIP, "PebbleIP": pebbleIP, "DeadIP": deadIP.String(),
		"CoreDNSImage": corednsImage, "TraefikImage": traefikImage, "PebbleImage": pebbleImage,
		"PebbleCA": string(ca.Cert), "PebbleCert": string(pebble.Cert), "PebbleKey": string(pebble.Key),
	}, nil
}

// render writes a manifest with its values filled in, as one more document of a YAML stream.
func render(w *bytes.Buffer, name string, values map[string]string) error {
	file := name + ".yaml"
	t, err := template.New(file).Option("missingkey=error").Funcs(template.FuncMap{"indent": indent}).ParseFS(manifests, "manifests/"+file)
	if err != nil {
		return fmt.Errorf("parse manifest: %w", err)
	}
	w.WriteString("---\n")
	if err := t.Execute(w, values); err != nil {
		return fmt.Errorf("fill in manifest: %w", err)
	}
	return nil
}

func indent(spaces int, text string) string {
	pad := strings.Repeat(" ", spaces)
	return pad + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+pad)
}

func (n *Node) kubectl(ctx context.Context, stdin io.Reader, args ...string) error {
	cmd := exec.CommandContext(ctx, n.CP.Program, append([]string{"kubectl", "--kubeconfig", n.CP.Kubeconfig()}, args...)...)
	cmd.Stdin = stdin
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

// waitFor waits for something in the cluster; what the pods say goes into the error.
func (n *Node) waitFor(ctx context.Context, what string, probe daemon.Probe, limit time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(waiting)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-waiting.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			cmd := exec.CommandContext(ctx, n.CP.Program, "kubectl", "--kubeconfig", n.CP.Kubeconfig(), "get", "nodes,pods", "--all-namespaces", "--output=wide")
			out, listErr := cmd.CombinedOutput()
			return errors.Join(fmt.Errorf("%s does not answer after %s: %w\n%s", what, limit, err, bytes.TrimSpace(out)), listErr)
		}
	}
}

// probeDNS wants the cluster's DNS to know the ingress controller by two names: a service, and one of the test names.
func (n *Node) probeDNS() daemon.Probe {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return n.Dial(ctx, "tcp", net.JoinHostPort(dnsIP, "53"))
		}}
		for _, name := range []string{"traefik.traefik.svc.cluster.local.", "www.certwright.test."} {
			addresses, err := resolver.LookupHost(ctx, name)
			if err != nil {
				return err
			}
			if len(addresses) != 1 || addresses[0] != traefikIP {
				return fmt.Errorf("%s has the addresses %v", name, addresses)
			}
		}
		return nil
	}
}

// probeIngress wants an answer of the ingress controller through the forwarder: 404, while it has no route.
func (n *Node) probeIngress() daemon.Probe {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Forwards.HTTP)) + "/"
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}

// probePebble wants Pebble's directory, at its service's address and with its own certificate.
func (n *Node) probePebble() daemon.Probe {
	return daemon.HTTPProbe("https://"+net.JoinHostPort(pebbleIP, "14000")+"/dir", func() (*http.Client, error) {
		ca, err := os.ReadFile(n.PebbleCA())
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca)
		return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
			DialContext: n.Dial, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool},
		}}, nil
	})
}
