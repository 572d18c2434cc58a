// Command bench measures what a certificate costs: requests to the API server, CPU, memory and time of the operator, on a
// control plane of its own where nothing else runs, with certificates from a CA issuer. Beside it, in the same run, it
// measures the floor: the writes that no operator can avoid, with real keys and signatures, by a plain client. It ends
// non-zero if a budget is broken. See README.md.
package main
