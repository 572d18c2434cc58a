package lifecycle

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// init, not a variable: variables are initialized before, so that the flag is
// defined once, wherever else in the package's tests it is.
func init() {
	if flag.Lookup("update") == nil {
		flag.Bool("update", false, "write what happens into the transcripts")
	}
}

// TestACMETranscripts tells what happens, write by write and request by
// request, for people to read and to notice when it changes.
func TestACMETranscripts(t *testing.T) {
	t.Parallel()
	transcripts := map[string]func(w *acmeSim){
		"order-calm": func(w *acmeSim) { w.run(time.Hour) },
		"order-crash-after-placing": func(w *acmeSim) {
			w.crashAfter = 1
			w.run(time.Hour)
		},
		"order-finalize-lost": func(w *acmeSim) {
			w.lost[StepFinalizeOrder] = true
			w.run(time.Hour)
		},
		"order-rate-limited": func(w *acmeSim) {
			until := w.now.Add(90 * time.Minute)
			w.faults = func(s Step, now time.Time) *Fault {
				if s == StepPlaceOrder && now.Before(until) {
					return &Fault{Kind: Wait, Until: until, Message: "create order: too many new orders recently (rateLimited)"}
				}
				return nil
			}
			w.run(2 * time.Hour)
		},
		"order-ca-down": func(w *acmeSim) {
			w.faults = func(_ Step, now time.Time) *Fault {
				if now.Sub(acmeSimStart) < 20*time.Minute {
					return &Fault{Kind: Retry, Message: "create order: no answer from ca.example.com: connection refused"}
				}
				return nil
			}
			w.run(2 * time.Hour)
		},
		"order-without-solver": func(w *acmeSim) {
			solvers := w.issuer.Solvers
			w.issuer.Solvers = []acmev1.ACMEChallengeSolver{{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{}}}
			w.run(time.Hour)
			w.note("--------- a person gives the issuer an HTTP-01 solver")
			w.issuer.Solvers = solvers
			w.touch(simOrder)
			w.run(time.Hour)
		},
		"challenge-not-to-be-seen": func(w *acmeSim) {
			mended := w.now.Add(time.Minute)
			w.look = func(w *acmeSim, _ string) SelfCheckVerdict {
				if w.now.Before(mended) {
					return SelfCheckWrong
				}
				return SelfCheckPassed
			}
			w.run(time.Hour)
		},
		"challenge-shared-responder": func(w *acmeSim) {
			w.shared = true
			w.run(time.Hour)
		},
		"challenge-shared-responder-slow-route": func(w *acmeSim) {
			w.shared = true
			open := w.now.Add(5 * time.Second)
			w.look = func(w *acmeSim, _ string) SelfCheckVerdict {
				if w.now.Before(open) {
					return SelfCheckWrong
				}
				return SelfCheckPassed
			}
			w.run(time.Hour)
		},
		"challenge-not-to-be-told-from-here": func(w *acmeSim) {
			w.seen = "no answer within 10 s (http://a.example.com)"
			w.look = func(*acmeSim, string) SelfCheckVerdict { return SelfCheckUnreachable }
			w.run(time.Hour)
		},
		"challenge-not-to-be-told-and-refused": func(w *acmeSim) {
			w.seen = "no answer within 10 s (http://a.example.com)"
			w.look = func(*acmeSim, string) SelfCheckVerdict { return SelfCheckUnreachable }
			w.verdict = func(string) acmev1.State { return acmev1.Invalid }
			w.run(time.Hour)
		},
		"challenge-not-to-be-told-too-often": func(w *acmeSim) {
			w.seen = "no answer within 10 s (http://a.example.com)"
			w.look = func(*acmeSim, string) SelfCheckVerdict { return SelfCheckUnreachable }
			for n := range MaxFailedValidations {
				w.failed = append(w.failed, w.now.Add(time.Duration(n-10)*4*time.Minute))
			}
			w.run(time.Hour)
		},
		"challenge-answers-that-differ-each-time": func(w *acmeSim) {
			w.orderExpires = w.now.Add(2 * time.Minute)
			n := 0
			w.look = func(w *acmeSim, _ string) SelfCheckVerdict {
				n++
				w.seen = []string{"the answer has status 404 instead of 200", "the answer has status 502 instead of 200"}[n%2]
				return SelfCheckWrong
			}
			w.run(time.Hour)
		},
		"challenge-refused": func(w *acmeSim) {
			w.verdict = func(string) acmev1.State { return acmev1.Invalid }
			w.run(time.Hour)
		},
		"challenge-gone": func(w *acmeSim) {
			w.faults = func(s Step, _ time.Time) *Fault {
				if s == StepAcceptChallenge {
					return &Fault{Kind: Failed, Code: NotFound, Message: "accept challenge: no such challenge (malformed)"}
				}
				return nil
			}
			w.run(time.Hour)
		},
	}
	for name, happens := range transcripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newACMESim(t, "a.example.com")
			happens(w)
			compareTranscript(t, name, strings.Join(w.trace, "\n")+"\n")
		})
	}
}

func compareTranscript(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("transcript changed (-want +got), run with -update if that is right:\n%s", diff)
	}
}

// changedFields lists the fields of a status that a write changes.
func changedFields(before, after any) []string {
	fields := func(v any) map[string]json.RawMessage {
		m := map[string]json.RawMessage{}
		text, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			panic(err) // a status is JSON
		}
		return m
	}
	old, now := fields(before), fields(after)
	var changed []string
	for _, name := range sortedKeys(now) {
		if string(old[name]) == string(now[name]) {
			continue
		}
		value := string(now[name])
		if name == "authorizations" {
			value = fmt.Sprintf("%d characters", len(value))
		}
		changed = append(changed, name+"="+value)
	}
	for _, name := range sortedKeys(old) {
		if _, ok := now[name]; !ok {
			changed = append(changed, name+" removed")
		}
	}
	return changed
}
