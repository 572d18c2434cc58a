// Package challenge takes Challenges through their proof: it presents the key,
// looks whether it can be seen, tells the CA to look, waits for what the CA
// saw, and takes away what it presented. What to do next is decided by
// lifecycle.NextChallenge; here is only how to look and how to do it.
//
// Self-checks take seconds and run in the background; a verdict is one of the
// things that the next pass sees. What the CA said and what the checks saw is
// remembered in memory. Losing it costs one request and one check.
package challenge
