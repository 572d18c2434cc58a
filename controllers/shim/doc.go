// Package shim makes Certificates for the objects whose TLS section asks for
// one by annotation: Ingresses, and Gateways and ListenerSets of the Gateway API
// (contract 1.7).
//
// What an object asks for is computed by pure functions, from the object and
// the operator's defaults alone (want.go), and so is what has to change in
// the cluster (plan). The controller reads, asks them, and carries out the
// steps.
//
// A Certificate belongs to its object, but not every field of it: people and
// other programs add labels, annotations and spec fields that no annotation
// can say. So the shim remembers, in the annotation FieldsAnnotation, which
// fields it has set. An update sets the wanted fields, removes those that it
// set before and wants no more, and leaves all others alone (merge).
// A Certificate without that annotation was made by the operator that this one
// replaces: taking it over sets the wanted fields and removes nothing.
package shim
