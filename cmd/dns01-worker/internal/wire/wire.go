// Package wire is what the operator and the worker say to each other.
package wire

// Operations.
const (
	Present = "present"
	CleanUp = "cleanup"
)

// Request is one operation. internal/dns01/worker writes it; both sides refuse
// fields that they do not know, and come from one image.
type Request struct {
	Operation string `json:"operation"` // present or cleanup
	Provider  string `json:"provider"`  // by lego's name, for example hetzner

	// Variables of the provider. Those of Credentials never appear in an answer.
	Config      map[string]string `json:"config,omitempty"`
	Credentials map[string]string `json:"credentials,omitempty"`
	// Ambient says that the identity of the machine or pod may be used.
	Ambient bool `json:"ambient,omitempty"`

	Domain           string `json:"domain"`           // the name to be proved, without "*."
	FQDN             string `json:"fqdn"`             // where the record goes, with the final dot
	Zone             string `json:"zone"`             // what holds it, with the final dot
	Value            string `json:"value"`            // of the record
	KeyAuthorization string `json:"keyAuthorization"` // what Value is the digest of
	TTL              int    `json:"ttl,omitempty"`    // seconds; 0 leaves it to the provider
	Timeout          int    `json:"timeout"`          // seconds for all of it

	// State is that of the answer to present, for cleanup.
	State string `json:"state,omitempty"`
	// AllowHTTPReq lets the provider httpreq be used, which sends what it is told
	// to wherever it is told.
	AllowHTTPReq bool `json:"allowHTTPReq,omitempty"`
}

// Classes of a failed operation.
const (
	// ClassConfig: the same request can not succeed; a person must change
	// provider, variables or credentials.
	ClassConfig = "config"
	// ClassProvider: the provider said no or could not be reached. Trying again
	// may help.
	ClassProvider = "provider"
	// ClassTimeout: it took too long.
	ClassTimeout = "timeout"
)

// Answer is what became of a request.
type Answer struct {
	OK      bool   `json:"ok"`
	Class   string `json:"class,omitempty"`   // when not OK
	Message string `json:"message,omitempty"` // when not OK: one line, free of secrets
	// State is what cleanup needs to know, for providers that find a record only
	// by what they learned when they made it.
	State string `json:"state,omitempty"`
}

// ConfigError is an error of class config.
type ConfigError struct{ Err error }

func (e ConfigError) Error() string { return e.Err.Error() }

func (e ConfigError) Unwrap() error { return e.Err }
