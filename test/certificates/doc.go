// Package certificates has Certificates issued by the controllers as they are
// put together in the product, on a real API server, and looks at what comes
// out: each field of a Certificate in the certificate or the Secret it is
// about, and the Secret over its life among other programs that write it.
//
// It is a folder of its own because three controllers take part, and no
// controller imports another.
package certificates
