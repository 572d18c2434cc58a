package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// Secrets are what an issuer's credentials are read from.
type Secrets interface {
	// Secret is the data of a Secret in the namespace where the issuer's Secrets
	// are. Its errors say what could not be read.
	Secret(ctx context.Context, name string) (map[string][]byte, error)
	// Token is a token of a service account in that namespace.
	Token(ctx context.Context, serviceAccount string, audiences []string) (string, error)
}

// Settings are provider and variables for the worker, by lego's names.
type Settings struct {
	Provider            string
	Config, Credentials map[string]string
	// Ambient says that the operator's own identity may be used.
	Ambient bool
}

// awsAudience is for whom a token is that AWS takes as a web identity.
const awsAudience = "sts.amazonaws.com"

// TTLs of the contract, in seconds.
const (
	ttlAkamai       = "300"
	ttlAzure        = "60"
	ttlCloudDNS     = "60"
	ttlCloudflare   = "120"
	ttlDigitalOcean = "60"
	ttlRoute53      = "10"
)

// reader collects settings. The first error stays.
type reader struct {
	ctx     context.Context //nolint:containedctx // lives as long as one call of Read
	secrets Secrets
	Settings
	err error
}

// Read finds the settings of a solver. A nil result without an error says that
// its provider is not one of the worker's (rfc2136 and webhook).
func Read(ctx context.Context, solver *acmev1.ACMEChallengeSolverDNS01, secrets Secrets, ambient bool) (*Settings, error) {
	r := &reader{ctx: ctx, secrets: secrets, Settings: Settings{Config: map[string]string{}, Credentials: map[string]string{}, Ambient: ambient}}
	switch {
	case solver.Akamai != nil:
		r.akamai(solver.Akamai)
	case solver.AzureDNS != nil:
		r.azure(solver.AzureDNS)
	case solver.CloudDNS != nil:
		r.cloudDNS(solver.CloudDNS)
	case solver.Cloudflare != nil:
		r.cloudflare(solver.Cloudflare)
	case solver.DigitalOcean != nil:
		r.Provider = "digitalocean"
		r.config("DO_TTL", ttlDigitalOcean)
		r.secret("DO_AUTH_TOKEN", &solver.DigitalOcean.Token)
	case solver.AcmeDNS != nil:
		r.Provider = "acmedns"
		r.config("ACME_DNS_API_BASE", solver.AcmeDNS.Host)
		r.secret("ACME_DNS_ACCOUNTS", &solver.AcmeDNS.AccountSecret)
	case solver.Route53 != nil:
		r.route53(solver.Route53)
	case solver.Provider != nil:
		r.named(solver.Provider)
	default:
		return nil, nil
	}
	if r.err != nil {
		return nil, r.err
	}
	return &r.Settings, nil
}

func (r *reader) config(name, value string) {
	if value != "" {
		r.Config[name] = value
	}
}

// secret reads one value. White space around it is an accident: the newline at
// the end of a file, mostly.
func (r *reader) secret(name string, ref *cmmeta.SecretKeySelector) {
	if r.err != nil || ref == nil || ref.Name == "" {
		return
	}
	data, err := r.secrets.Secret(r.ctx, ref.Name)
	if err != nil {
		r.err = err
		return
	}
	value := strings.TrimSpace(string(data[ref.Key]))
	if value == "" {
		r.err = &Error{Stalled: true, Message: fmt.Sprintf("Secret %s has nothing under the key %q", ref.Name, ref.Key)}
		return
	}
	r.Credentials[name] = value
}

func (r *reader) akamai(akamai *acmev1.ACMEIssuerDNS01ProviderAkamai) {
	r.Provider = "edgedns"
	r.config("AKAMAI_TTL", ttlAkamai)
	r.config("AKAMAI_HOST", strings.TrimSuffix(strings.TrimPrefix(akamai.ServiceConsumerDomain, "https://"), "/"))
	r.secret("AKAMAI_CLIENT_TOKEN", &akamai.ClientToken)
	r.secret("AKAMAI_CLIENT_SECRET", &akamai.ClientSecret)
	r.secret("AKAMAI_ACCESS_TOKEN", &akamai.AccessToken)
}

// azureClouds are the clouds of the API by lego's names.
var azureClouds = map[acmev1.AzureDNSEnvironment]string{
	"":                            "public",
	acmev1.AzurePublicCloud:       "public",
	acmev1.AzureChinaCloud:        "china",
	acmev1.AzureGermanCloud:       "german",
	acmev1.AzureUSGovernmentCloud: "usgovernment",
}

func (r *reader) azure(azure *acmev1.ACMEIssuerDNS01ProviderAzureDNS) {
	r.Provider = "azuredns"
	r.config("AZURE_TTL", ttlAzure)
	r.config("AZURE_ENVIRONMENT", azureClouds[azure.Environment])
	r.config("AZURE_SUBSCRIPTION_ID", azure.SubscriptionID)
	r.config("AZURE_RESOURCE_GROUP", azure.ResourceGroupName)
	r.config("AZURE_ZONE_NAME", azure.HostedZoneName)
	if azure.ZoneType == acmev1.PrivateAzureZone {
		r.config("AZURE_PRIVATE_ZONE", "true")
	}
	if azure.ClientSecret != nil {
		r.config("AZURE_CLIENT_ID", azure.ClientID)
		r.config("AZURE_TENANT_ID", azure.TenantID)
		r.secret("AZURE_CLIENT_SECRET", azure.ClientSecret)
		return
	}
	r.needAmbient("azureDNS", "clientID, tenantID and clientSecretSecretRef")
	if identity := azure.ManagedIdentity; identity != nil {
		r.config("AZURE_CLIENT_ID", identity.ClientID)
		r.config("AZURE_TENANT_ID", identity.TenantID)
		r.config("AZURE_RESOURCE_ID", identity.ResourceID)
	}
}

func (r *reader) cloudDNS(cloud *acmev1.ACMEIssuerDNS01ProviderCloudDNS) {
	r.Provider = "gcloud"
	r.config("GCE_TTL", ttlCloudDNS)
	r.config("GCE_PROJECT", cloud.Project)
	r.config("GCE_ZONE_ID", cloud.HostedZoneName)
	r.config("GCE_ALLOW_PRIVATE_ZONE", "true") // if there is no public one
	if cloud.ServiceAccount == nil {
		r.needAmbient("cloudDNS", "serviceAccountSecretRef")
	}
	r.secret("GCE_SERVICE_ACCOUNT", cloud.ServiceAccount)
}

func (r *reader) cloudflare(cloudflare *acmev1.ACMEIssuerDNS01ProviderCloudflare) {
	r.Provider = "cloudflare"
	r.config("CLOUDFLARE_TTL", ttlCloudflare)
	if cloudflare.APIToken != nil {
		r.secret("CF_DNS_API_TOKEN", cloudflare.APIToken)
		return
	}
	r.config("CF_API_EMAIL", cloudflare.Email)
	r.secret("CF_API_KEY", cloudflare.APIKey)
}

func (r *reader) route53(route53 *acmev1.ACMEIssuerDNS01ProviderRoute53) {
	r.Provider = "route53"
	r.config("AWS_TTL", ttlRoute53)
	r.config("AWS_REGION", route53.Region)
	r.config("AWS_ASSUME_ROLE_ARN", route53.Role)
	r.config("AWS_HOSTED_ZONE_ID", strings.TrimPrefix(route53.HostedZoneID, "/hostedzone/"))
	switch {
	case route53.Auth != nil && route53.Auth.Kubernetes != nil && route53.Auth.Kubernetes.ServiceAccountRef != nil:
		if route53.Role == "" {
			r.err = &Error{Stalled: true, Message: "route53.auth.kubernetes needs route53.role: the role that the service account may assume"}
			return
		}
		account := route53.Auth.Kubernetes.ServiceAccountRef
		token, err := r.secrets.Token(r.ctx, account.Name, append([]string{awsAudience}, account.TokenAudiences...))
		if err != nil {
			r.err = fmt.Errorf("request a token of service account %s: %w", account.Name, err)
			return
		}
		r.Credentials["AWS_WEB_IDENTITY_TOKEN"] = token
	case route53.AccessKeyID != "" || route53.SecretAccessKeyID != nil || route53.SecretAccessKey.Name != "":
		r.config("AWS_ACCESS_KEY_ID", route53.AccessKeyID)
		r.secret("AWS_ACCESS_KEY_ID", route53.SecretAccessKeyID)
		r.secret("AWS_SECRET_ACCESS_KEY", &route53.SecretAccessKey)
	default:
		r.needAmbient("route53", "an access key or auth.kubernetes")
	}
}

func (r *reader) named(provider *acmev1.ACMEIssuerDNS01ProviderNamed) {
	r.Provider = provider.Name
	for name, value := range provider.Config {
		r.Config[name] = value
	}
	if provider.CredentialsSecret == nil {
		return
	}
	data, err := r.secrets.Secret(r.ctx, provider.CredentialsSecret.Name)
	if err != nil {
		r.err = err
		return
	}
	for name, value := range data {
		r.Credentials[name] = string(value)
	}
}

// needAmbient refuses a solver without credentials, unless the operator's own
// may be used.
func (r *reader) needAmbient(provider, instead string) {
	if !r.Ambient && r.err == nil {
		r.err = &Error{Stalled: true, Message: fmt.Sprintf("%s has no credentials, and the issuer may not use those of the operator: set %s", provider, instead)}
	}
}

// OneAtATime reports whether a solver's provider takes one value at one name.
func OneAtATime(solver *acmev1.ACMEChallengeSolverDNS01) bool {
	return solver.Provider != nil && sequential[solver.Provider.Name]
}

// Error is an operation that failed.
type Error struct {
	// Stalled says that trying again does not help: somebody has to change the
	// issuer or its Secret.
	Stalled bool
	// Message is one line, free of secrets, and the same whenever the same thing
	// happens.
	Message string
}

func (e *Error) Error() string { return e.Message }

// IsStalled reports whether an error does not go away by itself.
func IsStalled(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Stalled
}
