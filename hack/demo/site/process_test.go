package site

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is the site's process, too, and behaves as its first argument
// says.
func TestMain(m *testing.M) {
	var err error
	switch c := (Config{Dir: os.Getenv("SITE_OF_TEST")}); {
	case c.Dir == "":
		os.Exit(m.Run())
	case os.Args[1] == "fail":
		err = errors.New("no luck today")
	case os.Args[1] == "program":
		err = listenForever(c, os.Args[2] == "deaf")
	default:
		err = pretend(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pretend is a site with one program.
func pretend(behaviour string) error {
	cmd := exec.Command(os.Args[0], "program", behaviour)
	cmd.ExtraFiles = []*os.File{Held()}
	return cmd.Run()
}

// listenForever takes connections as long as the program runs.
func listenForever(c Config, deaf bool) error {
	if deaf {
		signal.Ignore(syscall.SIGTERM)
	}
	l, err := listen(context.Background())
	if err != nil {
		return err
	}
	if err := c.publish(Addresses{HTTP: l.Addr().String()}); err != nil {
		return err
	}
	for {
		if _, err := l.Accept(); err != nil {
			return err
		}
	}
}

func started(t *testing.T, behaviour string) Config {
	t.Helper()
	c := Config{Dir: t.TempDir()}
	_, err := Start(t.Context(), c, "/usr/bin/env", "SITE_OF_TEST="+c.Dir, os.Args[0], behaviour)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Stop(context.Background(), c); err != nil {
			t.Error(err)
		}
	})
	return c
}

// left reports whether the site's program is there.
func (c Config) left(t *testing.T) bool {
	t.Helper()
	addresses, err := c.addresses()
	if err != nil {
		t.Fatal(err)
	}
	connection, err := net.Dial("tcp", addresses.HTTP)
	if err != nil {
		return false
	}
	return connection.Close() == nil
}

func TestSiteIsStartedOnceAndStoppedWithItsPrograms(t *testing.T) {
	t.Parallel()
	c := started(t, "obey")
	if _, err := Start(t.Context(), c, "/bin/false"); err == nil || !strings.Contains(err.Error(), "it runs already") {
		t.Errorf("a second one: %v", err)
	}
	if !c.left(t) {
		t.Fatal("its program does not run")
	}
	for range 2 { // the second time there is nothing to stop
		if err := Stop(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if c.left(t) {
		t.Error("its program has not ended with it")
	}
}

// The process that keeps the programs dies: they are found all the same.
func TestProgramsThatOutliveTheirKeeperAreStopped(t *testing.T) {
	t.Parallel()
	c := started(t, "obey")
	text, err := os.ReadFile(c.lockFile())
	if err != nil {
		t.Fatal(err)
	}
	var keeper int
	if _, err := fmt.Sscan(string(text), &keeper); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(keeper, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := Stop(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if c.left(t) {
		t.Error("the program is left")
	}
}

func TestProgramThatDoesNotListenIsKilled(t *testing.T) {
	t.Parallel()
	c := started(t, "deaf")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := stopWithin(ctx, c, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if c.left(t) {
		t.Error("the program is left")
	}
}

func TestSiteThatCanNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	c := Config{Dir: t.TempDir()}
	_, err := Start(t.Context(), c, "/usr/bin/env", "SITE_OF_TEST="+c.Dir, os.Args[0], "fail")
	if err == nil || !strings.Contains(err.Error(), "no luck today") {
		t.Errorf("error %v", err)
	}
}

func TestSiteThatNeverWasIsStopped(t *testing.T) {
	t.Parallel()
	if err := Stop(t.Context(), Config{Dir: filepath.Join(t.TempDir(), "nothing")}); err != nil {
		t.Error(err)
	}
}
