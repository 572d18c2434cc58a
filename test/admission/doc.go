// Package admission tests what the Helm chart installs besides the operator,
// against a real API server: the admission policies, as users with and without
// permissions meet them, and that everything the chart can render is valid.
//
// The chart is rendered by the Helm that hack/cluster builds, which the first
// time on a machine takes some minutes.
package admission
