// Package alerts tests what the chart brings for Prometheus and Grafana: the
// alert rules fire when they should and at no other time, and rules and
// dashboard ask for metrics that the operator has.
//
// Rules are read, expressions evaluated and annotations expanded by Prometheus'
// own packages. Its rule manager and storage are not used: they depend on the
// client libraries of three clouds, a minute of compiling. What they would do
// here, which is to keep samples and to count how long an alert lasts, is in
// storage_test.go and alert_test.go.
//
// The files in testdata are in the format of promtool test rules, which runs
// them as well:
//
//	promtool test rules test/alerts/testdata/*.yaml
package alerts
