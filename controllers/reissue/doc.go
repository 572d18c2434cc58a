// Package reissue runs campaigns: Reissues, which have many certificates issued
// anew, with other keys, at a pace. What is next is decided by
// lifecycle.NextReissue; here its Certificates are found and asked for.
//
// A campaign looks at all of its Certificates each time. So it does not look at
// every event of every Certificate: the first event brings a look a second
// later, which is for all that have come until then, and where a look takes
// long the next is put off further. A Certificate costs one write more than its
// issuance: that of its status, which asks for another certificate. A campaign
// that has ended costs nothing.
package reissue
