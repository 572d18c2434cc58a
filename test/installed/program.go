package installed

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Account returns the access that a ServiceAccount has.
func Account(t testing.TB, admin *rest.Config, namespace, name string) *rest.Config {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(admin)
	if err != nil {
		t.Fatal(err)
	}
	hour := int64(3600) // longer than any test
	token, err := clientset.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("get token of service account %s/%s: %v", namespace, name, err)
	}
	config := rest.AnonymousClientConfig(admin)
	config.BearerToken = token.Status.Token
	return config
}

// Kubeconfig writes an access to a file and returns its path.
func Kubeconfig(t testing.TB, config *rest.Config) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	const name = "test"
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{name: {
			Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData,
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {Token: config.BearerToken}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	}, file)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// building is held while the product's program is built.
var building sync.Mutex

// Operator builds the product's program, unless it is there as it is to be, and
// returns its path. The root is that of the checkout.
func Operator(t testing.TB, root string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// One for each package: another one may be running its own just now.
	path, err := filepath.Abs(filepath.Join(root, "bin", "test", filepath.Base(here), "certwright"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "-C", root, "build", "-o", path, "./cmd/controller") //nolint:gosec // the path is the test's own
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build operator: %v\n%s", err, out)
	}
	return path
}

// Process is a program that runs.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  *log
	done chan struct{}
	err  error // once done is closed
}

// stopping is how long a program may take to end after it was asked to.
const stopping = 20 * time.Second

// Run runs a program until the test ends, or until it is stopped. What it
// printed is shown if the test fails.
func Run(t testing.TB, path string, environment []string, arguments ...string) *Process {
	t.Helper()
	p := &Process{name: filepath.Base(path), log: &log{}, done: make(chan struct{})}
	p.cmd = exec.CommandContext(context.Background(), path, arguments...) //nolint:gosec // the program is the test's own
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.name, p.log.last())
		}
	})
	return p
}

// Stop asks the program to end, and waits for it.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("stop %s: %v", p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(stopping):
		t.Errorf("%s does not end when it is asked to", p.name)
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Ready waits until the program says by HTTP that it is ready.
func (p *Process) Ready(t testing.TB, url string) {
	t.Helper()
	Eventually(t, settling, p.name+" is ready", func() error {
		select {
		case <-p.done:
			t.Fatalf("%s has ended: %v", p.name, p.err)
		default:
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", answer.Status)
		}
		return nil
	})
}

// FreeAddress is an address of this machine at which nobody listens.
func FreeAddress(t testing.TB, host string) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// log keeps what a program prints.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// last is the end of it, as far as somebody would read.
func (l *log) last() string {
	const most = 8 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	return text[max(0, len(text)-most):]
}
