// Package worker is the DNS providers that run in a process of their own: the
// program cmd/dns01-worker, which carries lego. It starts one process per
// operation, so that no SDK of a cloud is in the operator, no setting of one
// issuer meets another's, and a provider that crashes, hangs or eats memory
// costs one operation.
//
// # What a process gets
//
// The request on its standard input, credentials included, and an environment
// of a few variables by name (see environment.go): how to reach the internet,
// and, if the issuer may use the operator's own identity, what that consists
// of. The worker sets the variables that lego wants by itself; so they are not
// in the environment that others on the machine can read for as long as the
// process lives, and nothing of the operator's environment reaches a provider by
// accident.
//
// # Limits
//
// Time: the worker ends itself; its process group is killed a little later.
// Memory: 512 MiB by setrlimit in the worker, and a garbage collector that works
// harder from 128 MiB on. Output: 64 KiB. At most Options.Parallel at once.
// Errors are scrubbed by the worker, which knows all forms of a secret, and the
// plain forms once more here. Standard error is discarded: the trace of a crash
// shows what was in memory.
//
// # Size and start
//
//	$ make build && ls -l bin/dns01-worker
//	$ go test -run '^$' -bench Start ./internal/dns01/worker
//
// 62 MB. A process that refuses its request takes 120 ms of CPU and 44 MB of
// memory (resident); that was half a second on two cores of a small virtual
// machine with a load of 17.
//
// # One value at a time
//
// Two challenges for one name (wildcard and apex) have two values in one RRset.
// Most providers keep both. Those for which OneAtATime is true do not, or are
// not known to: the second challenge must not be presented before the first is
// cleaned up.
package worker
