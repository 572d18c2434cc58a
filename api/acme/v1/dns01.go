package v1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// ACMEChallengeSolverDNS01 is how the TXT record (RFC 8555, section 8.4) gets
// into the zone. Exactly one provider is set.
type ACMEChallengeSolverDNS01 struct {
	// Whether to follow a CNAME at _acme-challenge and write the record at its
	// target. Empty means None.
	// +optional
	CNAMEStrategy CNAMEStrategy `json:"cnameStrategy,omitempty"`

	// Akamai Edge DNS.
	// +optional
	Akamai *ACMEIssuerDNS01ProviderAkamai `json:"akamai,omitempty"`

	// Google Cloud DNS.
	// +optional
	CloudDNS *ACMEIssuerDNS01ProviderCloudDNS `json:"cloudDNS,omitempty"`

	// Cloudflare.
	// +optional
	Cloudflare *ACMEIssuerDNS01ProviderCloudflare `json:"cloudflare,omitempty"`

	// Amazon Route 53.
	// +optional
	Route53 *ACMEIssuerDNS01ProviderRoute53 `json:"route53,omitempty"`

	// Azure DNS.
	// +optional
	AzureDNS *ACMEIssuerDNS01ProviderAzureDNS `json:"azureDNS,omitempty"`

	// DigitalOcean.
	// +optional
	DigitalOcean *ACMEIssuerDNS01ProviderDigitalOcean `json:"digitalocean,omitempty"`

	// A server that speaks the acme-dns API.
	// +optional
	AcmeDNS *ACMEIssuerDNS01ProviderAcmeDNS `json:"acmeDNS,omitempty"`

	// An authoritative server that takes dynamic updates (RFC 2136).
	// +optional
	RFC2136 *ACMEIssuerDNS01ProviderRFC2136 `json:"rfc2136,omitempty"`

	// A provider that runs in the cluster as an API server of its own.
	// +optional
	Webhook *ACMEIssuerDNS01ProviderWebhook `json:"webhook,omitempty"`
}

// CNAMEStrategy says what to do with a CNAME at _acme-challenge.
// +kubebuilder:validation:Enum=None;Follow
type CNAMEStrategy string

const (
	// NoneStrategy writes the record at _acme-challenge itself.
	NoneStrategy CNAMEStrategy = "None"
	// FollowStrategy writes the record where the CNAME leads.
	FollowStrategy CNAMEStrategy = "Follow"
)

// ACMEIssuerDNS01ProviderAkamai is access to Akamai Edge DNS with the
// credentials of an EdgeGrid API client.
type ACMEIssuerDNS01ProviderAkamai struct {
	// Host of the API client.
	ServiceConsumerDomain string `json:"serviceConsumerDomain"`
	// Client token.
	ClientToken cmmeta.SecretKeySelector `json:"clientTokenSecretRef"`
	// Client secret.
	ClientSecret cmmeta.SecretKeySelector `json:"clientSecretSecretRef"`
	// Access token.
	AccessToken cmmeta.SecretKeySelector `json:"accessTokenSecretRef"`
}

// ACMEIssuerDNS01ProviderCloudDNS is access to Google Cloud DNS.
type ACMEIssuerDNS01ProviderCloudDNS struct {
	// Key file (JSON) of a service account. Without it, the operator's own
	// credentials are used, if the issuer may use them.
	// +optional
	ServiceAccount *cmmeta.SecretKeySelector `json:"serviceAccountSecretRef,omitempty"`
	// Project that has the zone.
	Project string `json:"project"`
	// Name of the managed zone. Without it, the zone is looked up.
	// +optional
	HostedZoneName string `json:"hostedZoneName,omitempty"`
}

// ACMEIssuerDNS01ProviderCloudflare is access to Cloudflare, with a token or
// with an account's key.
type ACMEIssuerDNS01ProviderCloudflare struct {
	// E-mail address of the account. Required with apiKeySecretRef.
	// +optional
	Email string `json:"email,omitempty"`
	// Global key of the account. Excludes apiTokenSecretRef, which can do less
	// harm when it leaks.
	// +optional
	APIKey *cmmeta.SecretKeySelector `json:"apiKeySecretRef,omitempty"`
	// Token that may edit the zone.
	// +optional
	APIToken *cmmeta.SecretKeySelector `json:"apiTokenSecretRef,omitempty"`
}

// ACMEIssuerDNS01ProviderDigitalOcean is access to DigitalOcean.
type ACMEIssuerDNS01ProviderDigitalOcean struct {
	// Personal access token.
	Token cmmeta.SecretKeySelector `json:"tokenSecretRef"`
}

// ACMEIssuerDNS01ProviderRoute53 is access to Amazon Route 53: with an access
// key, with a token of a service account, or with the operator's own
// credentials, and then perhaps in another role.
type ACMEIssuerDNS01ProviderRoute53 struct {
	// Another way to authenticate than by access key.
	// +optional
	Auth *Route53Auth `json:"auth,omitempty"`
	// ID of the access key. Excludes accessKeyIDSecretRef.
	// +optional
	AccessKeyID string `json:"accessKeyID,omitempty"`
	// ID of the access key, in a Secret. Excludes accessKeyID.
	// +optional
	SecretAccessKeyID *cmmeta.SecretKeySelector `json:"accessKeyIDSecretRef,omitempty"`
	// Secret of the access key.
	// +optional
	SecretAccessKey cmmeta.SecretKeySelector `json:"secretAccessKeySecretRef"`
	// ARN of the role to assume.
	// +optional
	Role string `json:"role,omitempty"`
	// ID of the hosted zone. Without it, the longest public zone that fits the
	// name.
	// +optional
	HostedZoneID string `json:"hostedZoneID,omitempty"`
	// Region. Without it, that of the operator's environment.
	// +optional
	Region string `json:"region,omitempty"`
}

// Route53Auth is a way to authenticate to AWS.
type Route53Auth struct {
	// By a token of a Kubernetes service account, as a web identity.
	Kubernetes *Route53KubernetesAuth `json:"kubernetes"`
}

// Route53KubernetesAuth names the service account whose token is shown to AWS.
type Route53KubernetesAuth struct {
	// The service account. The token's audience is sts.amazonaws.com, besides
	// those given here.
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef"`
}

// ServiceAccountRef names a service account of the issuer's namespace for
// which a token is requested.
type ServiceAccountRef struct {
	// Name of the service account.
	Name string `json:"name"`
	// Audiences of the token, besides the default.
	// +optional
	// +listType=atomic
	TokenAudiences []string `json:"audiences,omitempty"`
}

// ACMEIssuerDNS01ProviderAzureDNS is access to Azure DNS: with a client
// secret (clientID, clientSecretSecretRef and tenantID, all three), or with
// the identity of the operator's pod.
type ACMEIssuerDNS01ProviderAzureDNS struct {
	// Client ID of the service principal.
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// Client secret of the service principal.
	// +optional
	ClientSecret *cmmeta.SecretKeySelector `json:"clientSecretSecretRef,omitempty"`
	// Subscription that has the zone.
	SubscriptionID string `json:"subscriptionID"`
	// Tenant of the service principal.
	// +optional
	TenantID string `json:"tenantID,omitempty"`
	// Resource group that has the zone.
	ResourceGroupName string `json:"resourceGroupName"`
	// Name of the zone. Without it, the zone is looked up.
	// +optional
	HostedZoneName string `json:"hostedZoneName,omitempty"`
	// The Azure cloud. Empty means AzurePublicCloud.
	// +optional
	Environment AzureDNSEnvironment `json:"environment,omitempty"`
	// Which identity of the operator's pod to use. Excludes a client secret.
	// +optional
	ManagedIdentity *AzureManagedIdentity `json:"managedIdentity,omitempty"`
	// Whether the zone is public or private. Empty means AzurePublicZone.
	// +optional
	ZoneType AzureZoneType `json:"zoneType,omitempty"`
}

// AzureManagedIdentity picks an identity of the operator's pod.
type AzureManagedIdentity struct {
	// Client ID of the identity. Excludes resourceID.
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// Resource ID of the identity. Not for workload identity.
	// +optional
	ResourceID string `json:"resourceID,omitempty"`
	// Tenant of the identity. Only for workload identity.
	// +optional
	TenantID string `json:"tenantID,omitempty"`
}

// AzureDNSEnvironment is an Azure cloud.
// +kubebuilder:validation:Enum=AzurePublicCloud;AzureChinaCloud;AzureGermanCloud;AzureUSGovernmentCloud
type AzureDNSEnvironment string

const (
	// AzurePublicCloud is the public cloud.
	AzurePublicCloud AzureDNSEnvironment = "AzurePublicCloud"
	// AzureChinaCloud is the cloud for China.
	AzureChinaCloud AzureDNSEnvironment = "AzureChinaCloud"
	// AzureGermanCloud is the former cloud for Germany.
	AzureGermanCloud AzureDNSEnvironment = "AzureGermanCloud"
	// AzureUSGovernmentCloud is the cloud for US authorities.
	AzureUSGovernmentCloud AzureDNSEnvironment = "AzureUSGovernmentCloud"
)

// AzureZoneType is the kind of a zone in Azure DNS.
// +kubebuilder:validation:Enum=AzurePublicZone;AzurePrivateZone
type AzureZoneType string

const (
	// PublicAzureZone is a zone that the internet sees.
	PublicAzureZone AzureZoneType = "AzurePublicZone"
	// PrivateAzureZone is a zone that only its virtual networks see.
	PrivateAzureZone AzureZoneType = "AzurePrivateZone"
)

// ACMEIssuerDNS01ProviderAcmeDNS is access to a server that speaks the
// acme-dns API.
type ACMEIssuerDNS01ProviderAcmeDNS struct {
	// URL of the server.
	Host string `json:"host"`
	// Accounts at the server: a JSON object from domain to account.
	AccountSecret cmmeta.SecretKeySelector `json:"accountSecretRef"`
}

// ACMEIssuerDNS01ProviderRFC2136 is an authoritative server that takes dynamic
// updates, signed by TSIG (RFC 8945) or not.
type ACMEIssuerDNS01ProviderRFC2136 struct {
	// Address of the server, with a port if it is not 53. An IPv6 address
	// stands in brackets.
	Nameserver string `json:"nameserver"`
	// TSIG key, in base64. Required with tsigKeyName.
	// +optional
	TSIGSecret cmmeta.SecretKeySelector `json:"tsigSecretSecretRef,omitempty"`
	// Name of the TSIG key. Required with tsigSecretSecretRef.
	// +optional
	TSIGKeyName string `json:"tsigKeyName,omitempty"`
	// TSIG algorithm: HMACMD5, HMACSHA1, HMACSHA256 or HMACSHA512. Empty means
	// HMACMD5, which is weak.
	// +optional
	TSIGAlgorithm string `json:"tsigAlgorithm,omitempty"`
	// Transport of the update. Empty means UDP.
	// +optional
	Protocol RFC2136UpdateProtocol `json:"protocol,omitempty"`
}

// RFC2136UpdateProtocol is the transport of a dynamic update.
// +kubebuilder:validation:Enum=TCP;UDP
type RFC2136UpdateProtocol string

const (
	// RFC2136UpdateProtocolTCP sends updates over TCP.
	RFC2136UpdateProtocolTCP RFC2136UpdateProtocol = "TCP"
	// RFC2136UpdateProtocolUDP sends updates over UDP.
	RFC2136UpdateProtocolUDP RFC2136UpdateProtocol = "UDP"
)

// ACMEIssuerDNS01ProviderWebhook is a provider that runs in the cluster as an
// API server of its own, behind the Kubernetes API.
type ACMEIssuerDNS01ProviderWebhook struct {
	// API group that the provider serves.
	GroupName string `json:"groupName"`
	// Name of the solver within that group.
	SolverName string `json:"solverName"`
	// Configuration that is handed to the provider as it stands.
	// +optional
	Config *apiextensionsv1.JSON `json:"config,omitempty"`
}
