// Package challenge takes Challenges through their proof: it presents the key,
// looks whether it can be seen, tells the CA to look, waits for what the CA
// saw, and takes away what it presented. What to do next is decided by
// lifecycle.NextChallenge; here is only how to look and how to do it.
//
// Self-checks take seconds and run in the background; a verdict is one of the
// things that the next pass sees. What the CA said and what the checks saw is
// remembered in memory. Losing it costs one request and one check.
//
// If the operator answers HTTP-01 challenges itself, three more parts work here:
// the responder (answers), which every replica runs; the way to it from the
// namespaces of Challenges (shared); and who turns and removes such ways
// (keeper), a second controller, of Services.
package challenge
