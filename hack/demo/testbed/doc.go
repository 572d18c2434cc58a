// Package testbed makes a cluster that has Certwright in it, out of this
// checkout: it builds the images, loads them into a node of hack/cluster and
// installs the chart with Helm. The demo and the journeys of test/e2e stand on
// it, so what the tests prove is what the demo shows.
package testbed
