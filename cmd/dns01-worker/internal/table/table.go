// Package table says which providers and which of their variables there are.
package table

//go:generate go run ./generate -o table_generated.go -sequential ../../../../internal/dns01/worker/sequential_generated.go

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// facts are what the worker has to know of one of lego's providers.
type facts struct {
	// variables are what lego documents, sorted.
	variables []string
	// remembers: a record is found again by what the provider keeps in memory.
	remembers bool
}

// own are the variables of our own providers, which go by lego's names where lego has one.
var own = map[string][]string{
	"acmedns":      {"ACME_DNS_ACCOUNTS", "ACME_DNS_API_BASE"},
	"azuredns":     {"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_ENVIRONMENT", "AZURE_PRIVATE_ZONE", "AZURE_RESOURCE_GROUP", "AZURE_RESOURCE_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZURE_TTL", "AZURE_ZONE_NAME"},
	"cloudflare":   {"CF_API_EMAIL", "CF_API_KEY", "CF_DNS_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_BASE_URL", "CLOUDFLARE_DNS_API_TOKEN", "CLOUDFLARE_EMAIL", "CLOUDFLARE_TTL"},
	"digitalocean": {"DO_API_URL", "DO_AUTH_TOKEN", "DO_TTL"},
	"gcloud":       {"GCE_ALLOW_PRIVATE_ZONE", "GCE_PROJECT", "GCE_SERVICE_ACCOUNT", "GCE_TTL", "GCE_ZONE_ID"},
	// route53 is lego's; the credentials are ours.
	"route53": {"AWS_ACCESS_KEY_ID", "AWS_ASSUME_ROLE_ARN", "AWS_EXTERNAL_ID", "AWS_HOSTED_ZONE_ID", "AWS_MAX_RETRIES", "AWS_POLLING_INTERVAL", "AWS_PRIVATE_ZONE", "AWS_PROPAGATION_TIMEOUT", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_TTL", "AWS_WAIT_FOR_RECORD_SETS_CHANGED", "AWS_WEB_IDENTITY_TOKEN"},
}

// refused are providers that are not for a cluster that several people use.
var refused = map[string]string{
	"exec":    "it runs a program of the machine",
	"manual":  "it waits for a person at a terminal",
	"httpreq": "it sends requests wherever the issuer says; the operator has to be started with it allowed",
}

// contents are variables that hold the path of a file for lego. In a request
// they hold its content.
var contents = []string{"DNSUPDATE_TSIG_FILE", "DNSUPDATE_TSIG_GSS_KEYTAB_FILE", "HYPERONE_PASSPORT_LOCATION", "INFOBLOX_CA_CERTIFICATE", "OCI_PRIVATE_KEY_PATH", "TRANSIP_PRIVATE_KEY_PATH"}

// unsafe are documented variables that are refused: settings in such a file
// name further files, or programs to run, and what they can say can be said by
// other variables.
var unsafe = []string{"AKAMAI_EDGERC", "AKAMAI_EDGERC_SECTION", "AWS_PROFILE", "AWS_SDK_LOAD_CONFIG", "AWS_SHARED_CREDENTIALS_FILE", "OCI_CONFIG_FILE", "OCI_PROFILE", "OS_CLOUD", "TF_VAR_private_key_path"}

// Variables are the variables that a provider takes here, sorted.
func Variables(provider string) []string {
	if variables, ok := own[provider]; ok {
		return variables
	}
	return slices.DeleteFunc(slices.Clone(documented[provider].variables), func(name string) bool { return slices.Contains(unsafe, name) })
}

// Provider gives lego's code for a name, or says why there is none.
func Provider(request wire.Request) (string, error) {
	name := request.Provider
	if code, ok := aliases[name]; ok {
		name = code
	}
	if why, ok := refused[name]; ok && (name != "httpreq" || !request.AllowHTTPReq) {
		return "", fmt.Errorf("provider %q is refused: %s", name, why)
	}
	if _, ok := documented[name]; !ok {
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(documented)), func(name string) bool { _, ok := refused[name]; return ok })
		return "", fmt.Errorf("provider %q is not known; known are %s", request.Provider, strings.Join(names, ", "))
	}
	return name, nil
}

// CheckVariables refuses variables that a provider does not know, which lego
// would silently ignore, or take for something else.
func CheckVariables(provider string, request wire.Request) error {
	known := Variables(provider)
	var strange []string
	for _, values := range []map[string]string{request.Config, request.Credentials} {
		for name, value := range values {
			switch {
			case !slices.Contains(known, name):
				strange = append(strange, name)
			case strings.ContainsRune(value, 0):
				return fmt.Errorf("variable %s contains a NUL character", name)
			}
		}
	}
	if len(strange) > 0 {
		slices.Sort(strange)
		return fmt.Errorf("provider %q does not know %s; it knows %s", provider, strings.Join(slices.Compact(strange), ", "), strings.Join(known, ", "))
	}
	for name := range request.Config {
		if _, ok := request.Credentials[name]; ok {
			return fmt.Errorf("%s is set twice: in the configuration and in the Secret", name)
		}
	}
	return nil
}

// IsContent reports whether a variable holds the content of a file, for whose
// path lego asks.
func IsContent(variable string) bool { return slices.Contains(contents, variable) }

// TTL is the variable for the record's TTL in seconds, or empty.
func TTL(provider string) string {
	i := slices.IndexFunc(Variables(provider), func(name string) bool { return strings.HasSuffix(name, "_TTL") })
	if i < 0 {
		return ""
	}
	return Variables(provider)[i]
}

// Remembers reports whether lego finds a record of the provider again only by
// what Present has left in memory.
func Remembers(provider string) bool {
	_, ours := own[provider]
	return documented[provider].remembers && !ours
}
