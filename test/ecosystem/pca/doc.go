// Package pca stands in for AWS Private CA, and for the one call of AWS STS that
// clients of it make: the HTTP APIs as far as an issuer of certificates needs
// them, and strictly. A request is refused if its signature (Signature Version
// 4) is not right, if it has fields that the API has not, if it is for another
// CA, or for a template that the CA has not. What is issued is signed for real.
//
// It is a package of its own because it is the one part of the tests that knows
// about that API and nothing about Kubernetes.
package pca
