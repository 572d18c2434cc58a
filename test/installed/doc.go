// Package installed gives tests programs as a cluster has them: with what their
// Helm chart renders in force, under their ServiceAccount and nothing more, as
// processes of their own. Only the pods are missing: the tests have an API
// server without a node.
//
// It is not in test/apiserver, which also serves packages that need no chart,
// and not in test/operator, which runs single controllers within the test and
// with all rights.
package installed
