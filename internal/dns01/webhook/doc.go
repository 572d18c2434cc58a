// Package webhook asks DNS-01 solvers that run in the cluster as aggregated API
// servers, in the protocol that the community's solvers speak (contract 2.8): a
// ChallengePayload is posted to the resource that the solver is, and comes back
// with its answer.
//
// The wire types are our own. That real solvers understand them is tested by
// the module test/dns01webhook.
package webhook
