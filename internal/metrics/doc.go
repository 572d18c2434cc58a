// Package metrics holds the metrics of the operator, under the names that
// dashboards and alerts know (contract, section 4).
package metrics
