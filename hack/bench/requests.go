package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// kind is a kind of request, as the API server counts them.
type kind struct {
	Verb     string `json:"verb"`     // GET, LIST, WATCH, POST, PUT, PATCH, APPLY, DELETE, DELETECOLLECTION
	Resource string `json:"resource"` // plural, with the subresource behind a slash
}

// method is the HTTP method of a verb.
func (k kind) method() string {
	switch k.Verb {
	case "GET", "LIST", "WATCH":
		return http.MethodGet
	case "APPLY":
		return http.MethodPatch
	case "DELETECOLLECTION":
		return http.MethodDelete
	}
	return k.Verb
}

// operatorResources are what the operator writes. The API server counts all requests, whoever makes them; during a
// measurement there is the API server itself (leases), the controller manager, and the bench, whose few writes are known.
var operatorResources = map[string]bool{
	"certificates": true, "certificaterequests": true, "issuers": true, "clusterissuers": true,
	"orders": true, "challenges": true,
	"secrets": true, "events": true, "pods": true, "services": true, "ingresses": true,
	permissionReviews: true,
}

// served counts the requests for the operator's resources that the API server has answered.
func served(s samples) map[kind]float64 {
	counts := map[kind]float64{}
	for _, one := range s["apiserver_request_total"] {
		resource := one.labels["resource"]
		if !operatorResources[resource] {
			continue
		}
		if sub := one.labels["subresource"]; sub != "" {
			resource += "/" + sub
		}
		counts[kind{one.labels["verb"], resource}] += one.value
	}
	return counts
}

// count is how many requests of a kind the operator made.
type count struct {
	kind

	N float64 `json:"n"`
}

// requests are the operator's own requests of a measurement.
type requests struct {
	// Sent counts, by HTTP method, what the operator's client sent, by its own account.
	Sent map[string]float64 `json:"sent"`
	// Writes says what they were, by the API server's account.
	Writes []count `json:"writes"`
	// Reads are the reads of the operator's resources that the API server answered, to whomever: the controller manager
	// reads certificates too. How many of them are the operator's, Sent says.
	Reads []count `json:"reads"`
}

// attribute makes out what the operator's requests were. The two accounts of writes must agree; if they do not, somebody
// else wrote, or the operator wrote something that it should not.
func attribute(sent map[string]float64, answered map[kind]float64, own map[kind]float64) (requests, error) {
	r := requests{Sent: sent}
	written := map[string]float64{}
	for k, n := range answered {
		n -= own[k]
		switch {
		case n == 0:
		case k.method() == http.MethodGet:
			r.Reads = append(r.Reads, count{k, n})
		default:
			r.Writes = append(r.Writes, count{k, n})
			written[k.method()] += n
		}
	}
	order := func(a, b count) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Verb, b.Verb))
	}
	slices.SortFunc(r.Writes, order)
	slices.SortFunc(r.Reads, order)
	methods := maps.Clone(written)
	maps.Copy(methods, sent)
	for _, method := range slices.Sorted(maps.Keys(methods)) {
		if method != http.MethodGet && written[method] != sent[method] {
			return r, fmt.Errorf("the operator counts %.0f %s requests, and the API server %.0f: %v", sent[method], method, written[method], r.Writes)
		}
	}
	return r, nil
}

// permissionReviews are requests that certificates do not cause but time: the operator asks once a minute whether it may
// approve the requests for an issuer, however many there are.
const permissionReviews = "selfsubjectaccessreviews"

// forCertificates is the number of the operator's requests without its permission reviews.
func (r requests) forCertificates() float64 { return sum(r.Sent) - r.writes(permissionReviews) }

// writes is how many of them wrote a resource.
func (r requests) writes(resource string) float64 {
	var n float64
	for _, c := range r.Writes {
		if c.Resource == resource {
			n += c.N
		}
	}
	return n
}
