package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The test binary itself plays workers that go wrong, when it is started with a
// name of one.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "worker" {
		play(os.Args[2], os.Args[3:])
		return
	}
	os.Exit(m.Run())
}

func play(role string, arguments []string) {
	switch role {
	case "crash":
		panic("top-secret-token")
	case "hang":
		child := exec.CommandContext(context.Background(), os.Args[0], "worker", "child", arguments[0])
		child.Stdout = os.Stdout // holds the pipe
		if err := child.Start(); err != nil {
			panic(err)
		}
		select {}
	case "child":
		if err := os.WriteFile(arguments[0]+".new", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			panic(err)
		}
		if err := os.Rename(arguments[0]+".new", arguments[0]); err != nil {
			panic(err)
		}
		signals := make(chan os.Signal, 1) // select alone would be a deadlock
		signal.Notify(signals, os.Interrupt)
		<-signals
	case "flood":
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("x", 4096)); err != nil {
				os.Exit(3)
			}
		}
	case "noise":
		fmt.Println("this is no answer")
	case "twice":
		fmt.Println(`{"ok":true}{"ok":true}`)
	case "tell":
		fmt.Printf(`{"ok":false,"class":"provider","message":"refused top-secret-token, and\ttop"}`)
	case "environment":
		text, err := json.Marshal(map[string]any{"ok": false, "class": "config", "message": strings.Join(os.Environ(), " ")})
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}

func playing(t *testing.T, role ...string) *Client {
	t.Helper()
	c := New(Options{Path: os.Args[0], Timeout: 20 * time.Second})
	c.argv = append(c.argv, append([]string{"worker"}, role...)...)
	return c
}

var someSettings = &Settings{Provider: "x", Credentials: map[string]string{"X_TOKEN": "top-secret-token\n", "X_REGION": "top"}}

func TestAWorkerThatGoesWrongCostsOneOperation(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{
		"crash": "the DNS worker failed: it crashed: exit status 2",
		"flood": "the DNS worker failed: it wrote more than 65536 bytes",
		"noise": "the DNS worker failed: its answer can not be read",
		"twice": "the DNS worker failed: it answered more than once",
		"tell":  "refused [secret], and\ttop",
	} {
		err := playing(t, role).Provider(someSettings, nil).EnsureTXT(t.Context(), record("x"))
		if err == nil || err.Error() != want || IsStalled(err) {
			t.Errorf("%s: got %v, want %s", role, err, want)
		}
	}
}

func TestAWorkerThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	err := New(Options{Path: "/nowhere/dns01-worker"}).Provider(someSettings, nil).EnsureTXT(t.Context(), record("x"))
	if err == nil || err.Error() != "the DNS worker failed: it could not be started: fork/exec /nowhere/dns01-worker: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

func TestAWorkerThatHangsIsKilledWithWhatItStarted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- playing(t, "hang", file).Provider(someSettings, nil).EnsureTXT(ctx, record("x"))
	}()
	pid := 0
	for deadline := time.Now().Add(30 * time.Second); pid == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the child does not start")
		}
		if text, err := os.ReadFile(file); err == nil {
			if pid, err = strconv.Atoi(string(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for deadline := time.Now().Add(30 * time.Second); alive(pid); {
		if time.Now().After(deadline) {
			t.Fatal("the child of the worker lives on")
		}
	}
}

// alive reports whether a process runs. One that nobody has waited for yet, and
// is dead, does not.
func alive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil && !errors.Is(err, os.ErrNotExist)
	}
	_, rest, _ := strings.Cut(string(status), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestAnOperationThatTakesTooLongIsEnded(t *testing.T) {
	t.Parallel()
	_, err := run(t.Context(), time.Millisecond-killAfter, []string{os.Args[0], "worker", "child", filepath.Join(t.TempDir(), "pid")}, nil, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "it did not end within") {
		t.Errorf("got %v", err)
	}
}

func TestAWorkerInheritsOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	here := map[string]string{
		"HTTPS_PROXY": "http://proxy:3128", "AWS_ROLE_ARN": "arn", "KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOME": "/root", "PATH": "/bin",
		"LD_PRELOAD": "x.so", "CF_API_TOKEN": "somebody's", "AWS_ENDPOINT_URL": "http://evil",
	}
	for ambient, want := range map[bool][]string{
		false: {"GOMAXPROCS=2", "GOTRACEBACK=none", "HTTPS_PROXY=http://proxy:3128"},
		true:  {"AWS_ROLE_ARN=arn", "GOMAXPROCS=2", "GOTRACEBACK=none", "HTTPS_PROXY=http://proxy:3128"},
	} {
		c := playing(t, "environment")
		c.lookup = func(name string) (string, bool) { value, ok := here[name]; return value, ok }
		err := c.Provider(&Settings{Provider: "x", Ambient: ambient}, nil).EnsureTXT(t.Context(), record("x"))
		if err == nil || !IsStalled(err) {
			t.Fatalf("got %v", err)
		}
		got := strings.Fields(err.Error())
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ambient %v: %s", ambient, diff)
		}
	}
}

func TestAWaitForASlotEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := New(Options{Path: "/nowhere", Parallel: 1})
	c.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Provider(someSettings, nil).EnsureTXT(ctx, record("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// slip is a memory for one record, as a Challenge is.
type slip struct{ text string }

func (s *slip) Recall(context.Context) (string, error) { return s.text, nil }

func (s *slip) Remember(_ context.Context, text string) error { s.text = text; return nil }

func TestWhatTheWorkerRefusesReachesTheUserInWords(t *testing.T) {
	t.Parallel()
	in := newInternet(t, nil)
	for name, test := range map[string]struct {
		settings Settings
		want     string
	}{
		"provider": {Settings{Provider: "hetzer"}, `provider "hetzer" is not known; known are abion, acmedns, `},
		"variable": {
			Settings{Provider: "hetzner", Config: map[string]string{"HETZNER_TOKEN": "x"}},
			`provider "hetzner" does not know HETZNER_TOKEN; it knows HETZNER_API_TOKEN, HETZNER_HTTP_TIMEOUT, `,
		},
		"file":    {Settings{Provider: "hetzner", Config: map[string]string{"HETZNER_API_TOKEN_FILE": "/etc/passwd"}}, `provider "hetzner" does not know HETZNER_API_TOKEN_FILE; `},
		"command": {Settings{Provider: "exec", Config: map[string]string{"EXEC_PATH": "/bin/sh"}}, `provider "exec" is refused: it runs a program`},
		"httpreq": {Settings{Provider: "httpreq"}, `provider "httpreq" is refused: `},
		"nothing": {Settings{Provider: "hetzner"}, "hetzner: some credentials information are missing: HETZNER_API_TOKEN"},
		"ambient": {Settings{Provider: "route53"}, "configure route53: no credentials are given, and the issuer may not use those of the operator"},
	} {
		err := in.client(nil).Provider(&test.settings, nil).EnsureTXT(t.Context(), record("x"))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || !IsStalled(err) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

// A URL that an issuer may set must not lead to what gives the machine its
// identity.
func TestTheMetadataServerIsOutOfReach(t *testing.T) {
	t.Parallel()
	for _, test := range []*Settings{
		settings("cloudflare", map[string]string{"CLOUDFLARE_BASE_URL": "http://169.254.169.254/latest"}, map[string]string{"CF_DNS_API_TOKEN": "cf-token"}),
		settings("pdns", map[string]string{"PDNS_API_URL": "http://[fd00:ec2::254]/latest"}, map[string]string{"PDNS_API_KEY": "pdns-key"}),
	} {
		client := newInternet(t, nil).client(nil)
		client.lookup = func(string) (string, bool) { return "", false } // no proxy
		err := client.Provider(test, nil).EnsureTXT(t.Context(), record("x"))
		if err == nil || !strings.Contains(err.Error(), "the issuer may not use the identity of the machine") {
			t.Errorf("%s: got %v", test.Provider, err)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	path, err := binary()
	if err != nil {
		b.Fatal(err)
	}
	provider := New(Options{Path: path}).Provider(&Settings{Provider: "unknown"}, nil)
	for b.Loop() {
		if err := provider.EnsureTXT(b.Context(), record("x")); !IsStalled(err) {
			b.Fatal(err)
		}
	}
}
