package webhook

import "encoding/json"

// The payload's kind. Its group is that of the protocol, not that of the
// solver.
const (
	apiVersion = "webhook.acme.cert-manager.io/v1alpha1"
	kind       = "ChallengePayload"

	// version is that of every solver's group.
	version = "v1alpha1"
	// typeDNS01 is the one type of challenges that there are solvers for.
	typeDNS01 = "dns-01"
)

// action is what a solver is asked to do.
type action string

const (
	present action = "Present"
	cleanUp action = "CleanUp"
)

// payload is a request on its way to a solver, and then also the answer.
type payload struct {
	Kind       string    `json:"kind"`
	APIVersion string    `json:"apiVersion"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

// request says what to do. Fields without omitempty are there even if empty, as
// solvers have always seen them.
type request struct {
	UID                     string          `json:"uid"` // always empty: one answer belongs to one request anyway
	Action                  action          `json:"action"`
	Type                    string          `json:"type"`
	DNSName                 string          `json:"dnsName"` // without "*."
	Key                     string          `json:"key"`     // the value of the TXT record
	ResourceNamespace       string          `json:"resourceNamespace"`
	ResolvedFQDN            string          `json:"resolvedFQDN,omitempty"`
	ResolvedZone            string          `json:"resolvedZone,omitempty"`
	AllowAmbientCredentials bool            `json:"allowAmbientCredentials"`
	Config                  json.RawMessage `json:"config,omitempty"`
}

// response is what a solver says.
type response struct {
	UID     string  `json:"uid"`
	Success bool    `json:"success"`
	Status  *status `json:"status,omitempty"`
}

// status is as much of a metav1.Status as is told to people. API servers answer
// with one, too, if there is no solver that could.
type status struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Reason  string `json:"reason"`
}
