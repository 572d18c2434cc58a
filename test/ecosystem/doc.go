// Package ecosystem has Certwright work with programs that others wrote for its
// API, each as its own chart installs it and under its own ServiceAccount:
//
//   - approver-policy decides about requests instead of the operator,
//   - trust-manager consumes certificates and has its webhook's CA injected,
//   - aws-privateca-issuer is an external issuer; what it issues comes from a
//     stand-in of the CA's HTTP API.
//
// The programs are built from their modules, which are dependencies of this
// module only; which versions, its go.mod says. aws-privateca-issuer is the last
// one that Go 1.26 builds. There is no node: the programs are processes on this
// machine, and the API server reaches their webhooks through a Service whose
// EndpointSlice the test makes.
package ecosystem
