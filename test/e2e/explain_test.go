package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// commandLine is kubectl-certwright in the hands of a user.
type commandLine struct {
	*journey

	path string
}

func (j *journey) commandLine() commandLine {
	return commandLine{journey: j, path: j.build(".", "./cmd/kubectl-certwright")}
}

// run runs it in the journey's namespace and returns what it prints, and its exit
// code.
func (j commandLine) run(args ...string) (out string, code int) {
	j.Helper()
	cmd := exec.CommandContext(j.Context(), j.path, append(args, "--namespace", j.namespace)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+j.node.Kubeconfig)
	var printed, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &complaints
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		j.Fatal(err)
	}
	if complaints.Len() > 0 {
		j.Logf("%s says on the side: %s", strings.Join(args, " "), complaints.String())
	}
	return printed.String(), cmd.ProcessState.ExitCode()
}

// Exit codes of the command line (docs/cli.md).
const (
	exitReady = 0
	exitCause = 3
)

// explained fails the test unless explain names a cause with all of the words.
func (j commandLine) explained(certificate string, words ...string) string {
	j.Helper()
	out, code := j.run("explain", "certificate", certificate)
	if code != exitCause || !hasAll(out, append(words, "Cause\n", "Fix\n")...) {
		j.Errorf("explain: exit code %d, want %d and %q:\n%s", code, exitCause, words, out)
	}
	return out
}

func TestExplainFindsTheCauseUntilAllIsWell(t *testing.T) {
	t.Parallel()
	j := newJourney(t).commandLine()
	j.create(j.certificate("leaf", clusterIssuer("e2e-missing-"+j.namespace), j.host()))
	j.until("the operator has looked at it", issueLimit, func(context.Context) (bool, string, error) {
		out, _ := j.run("explain", "certificate", "leaf")
		return strings.Contains(out, `There is no ClusterIssuer "e2e-missing-`+j.namespace), out, nil
	})
	j.create(j.certificate("good", clusterIssuer(pebbleIssuer), j.host()))
	j.untilReady("good", issueLimit)
	if out, code := j.run("explain", "certificate", "good"); code != exitReady {
		t.Errorf("explain of a Certificate that is ready: exit code %d:\n%s", code, out)
	}
}
