// Package cainjection puts CA certificates where the API server reads them: in
// the caBundle of admission webhooks, of aggregated APIs and of the conversion
// webhooks of CustomResourceDefinitions (contract 2.10). An annotation of the
// object, the target, says which: those of a Certificate's Secret, those of any
// Secret that allows it, or that of the API server itself.
//
// What a target asks for (source.go) and what its bundles become (want.go) are
// computed by pure functions. A bundle gets the certificates of the source, and
// keeps those that it has and that are still valid: while a CA is replaced some
// servers show a certificate of the old one and some of the new.
//
// A cluster may have thousands of CustomResourceDefinitions of a megabyte each.
// So targets are watched as metadata, of which only the name is kept if there is
// no annotation (cache.go). A target is read whole only when it, or its source,
// is another than last time (memory.go).
package cainjection
