package v1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// ACMEChallengeSolverDNS01 is how the TXT record (RFC 8555, section 8.4) gets
// into the zone. Exactly one provider is set.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.akamai) ? 1 : 0) + (has(self.cloudDNS) ? 1 : 0) + (has(self.cloudflare) ? 1 : 0) + (has(self.route53) ? 1 : 0) + (has(self.azureDNS) ? 1 : 0) + (has(self.digitalocean) ? 1 : 0) + (has(self.acmeDNS) ? 1 : 0) + (has(self.rfc2136) ? 1 : 0) + (has(self.webhook) ? 1 : 0) + (has(self.provider) ? 1 : 0) == 1`,message=`set exactly one of akamai, cloudDNS, cloudflare, route53, azureDNS, digitalocean, acmeDNS, rfc2136, webhook and provider`
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

	// Any other provider that the lego library knows. An extension of
	// Certwright.
	// +optional
	Provider *ACMEIssuerDNS01ProviderNamed `json:"provider,omitempty"`

	// DNS servers that are asked for zones and for the record before the CA
	// is: host, host:port, or the URL of a DNS over HTTPS server. They replace
	// those that the operator is started with, and only they are asked.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Nameservers []string `json:"nameservers,omitempty"`
}

// ACMEIssuerDNS01ProviderNamed is access to a DNS provider by its name in the
// lego library and the variables that lego documents for it.
type ACMEIssuerDNS01ProviderNamed struct {
	// Name of the provider, for example hetzner or ovh. Those that run
	// commands are refused.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,message=`provider.name must be the lower-case name of a provider, for example hetzner`
	// +kubebuilder:validation:XValidation:rule=`!(self in ['exec', 'manual'])`,message=`provider.name must not be exec or manual: they run commands or ask a person`
	Name string `json:"name"`

	// Variables that are not secret, for example HETZNER_TTL, by the names that
	// lego documents for the provider.
	// +optional
	Config map[string]string `json:"config,omitempty"`

	// Secret whose keys are variables too, for those that are secret.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.name != ""`,message=`provider.credentialsSecretRef.name must not be empty`
	CredentialsSecret *cmmeta.LocalObjectReference `json:"credentialsSecretRef,omitempty"`
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
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`akamai.serviceConsumerDomain must not be empty`
	ServiceConsumerDomain string `json:"serviceConsumerDomain"`
	// Client token.
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`akamai.clientTokenSecretRef must say name and key of a Secret`
	ClientToken cmmeta.SecretKeySelector `json:"clientTokenSecretRef"`
	// Client secret.
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`akamai.clientSecretSecretRef must say name and key of a Secret`
	ClientSecret cmmeta.SecretKeySelector `json:"clientSecretSecretRef"`
	// Access token.
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`akamai.accessTokenSecretRef must say name and key of a Secret`
	AccessToken cmmeta.SecretKeySelector `json:"accessTokenSecretRef"`
}

// ACMEIssuerDNS01ProviderCloudDNS is access to Google Cloud DNS.
type ACMEIssuerDNS01ProviderCloudDNS struct {
	// Key file (JSON) of a service account. Without it, the operator's own
	// credentials are used, if the issuer may use them.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`cloudDNS.serviceAccountSecretRef must say name and key of a Secret`
	ServiceAccount *cmmeta.SecretKeySelector `json:"serviceAccountSecretRef,omitempty"`
	// Project that has the zone.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`cloudDNS.project must not be empty`
	Project string `json:"project"`
	// Name of the managed zone. Without it, the zone is looked up.
	// +optional
	HostedZoneName string `json:"hostedZoneName,omitempty"`
}

// ACMEIssuerDNS01ProviderCloudflare is access to Cloudflare, with a token or
// with an account's key.
//
// +kubebuilder:validation:XValidation:rule=`has(self.apiKeySecretRef) != has(self.apiTokenSecretRef)`,message=`set exactly one of apiTokenSecretRef and apiKeySecretRef`
// +kubebuilder:validation:XValidation:rule=`!has(self.apiKeySecretRef) || self.?email.orValue("") != ""`,message=`email is required with apiKeySecretRef`
type ACMEIssuerDNS01ProviderCloudflare struct {
	// E-mail address of the account. Required with apiKeySecretRef.
	// +optional
	Email string `json:"email,omitempty"`
	// Global key of the account. Excludes apiTokenSecretRef, which can do less
	// harm when it leaks.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`cloudflare.apiKeySecretRef must say name and key of a Secret`
	APIKey *cmmeta.SecretKeySelector `json:"apiKeySecretRef,omitempty"`
	// Token that may edit the zone.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`cloudflare.apiTokenSecretRef must say name and key of a Secret`
	APIToken *cmmeta.SecretKeySelector `json:"apiTokenSecretRef,omitempty"`
}

// ACMEIssuerDNS01ProviderDigitalOcean is access to DigitalOcean.
type ACMEIssuerDNS01ProviderDigitalOcean struct {
	// Personal access token.
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`digitalocean.tokenSecretRef must say name and key of a Secret`
	Token cmmeta.SecretKeySelector `json:"tokenSecretRef"`
}

// ACMEIssuerDNS01ProviderRoute53 is access to Amazon Route 53: with an access
// key, with a token of a service account, or with the operator's own
// credentials, and then perhaps in another role.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.accessKeyIDSecretRef) || self.?accessKeyID.orValue("") == ""`,message=`accessKeyID and accessKeyIDSecretRef exclude each other: remove one`
type ACMEIssuerDNS01ProviderRoute53 struct {
	// Another way to authenticate than by access key.
	// +optional
	Auth *Route53Auth `json:"auth,omitempty"`
	// ID of the access key. Excludes accessKeyIDSecretRef.
	// +optional
	AccessKeyID string `json:"accessKeyID,omitempty"`
	// ID of the access key, in a Secret. Excludes accessKeyID.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`route53.accessKeyIDSecretRef must say name and key of a Secret`
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
//
// +kubebuilder:validation:XValidation:rule=`(self.?clientID.orValue("") != "") == has(self.clientSecretSecretRef) && (self.?tenantID.orValue("") != "") == has(self.clientSecretSecretRef)`,message=`clientID, clientSecretSecretRef and tenantID require each other: set all three or none`
// +kubebuilder:validation:XValidation:rule=`!has(self.managedIdentity) || !has(self.clientSecretSecretRef)`,message=`managedIdentity excludes clientID, clientSecretSecretRef and tenantID`
type ACMEIssuerDNS01ProviderAzureDNS struct {
	// Client ID of the service principal.
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// Client secret of the service principal.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`azureDNS.clientSecretSecretRef must say name and key of a Secret`
	ClientSecret *cmmeta.SecretKeySelector `json:"clientSecretSecretRef,omitempty"`
	// Subscription that has the zone.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`azureDNS.subscriptionID must not be empty`
	SubscriptionID string `json:"subscriptionID"`
	// Tenant of the service principal.
	// +optional
	TenantID string `json:"tenantID,omitempty"`
	// Resource group that has the zone.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`azureDNS.resourceGroupName must not be empty`
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
//
// +kubebuilder:validation:XValidation:rule=`self.?resourceID.orValue("") == "" || (self.?clientID.orValue("") == "" && self.?tenantID.orValue("") == "")`,message=`resourceID excludes clientID and tenantID`
// +kubebuilder:validation:XValidation:rule=`self.?tenantID.orValue("") == "" || self.?clientID.orValue("") != ""`,message=`clientID is required with tenantID`
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
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`acmeDNS.host must not be empty`
	Host string `json:"host"`
	// Accounts at the server: a JSON object from domain to account.
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`acmeDNS.accountSecretRef must say name and key of a Secret`
	AccountSecret cmmeta.SecretKeySelector `json:"accountSecretRef"`
}

// ACMEIssuerDNS01ProviderRFC2136 is an authoritative server that takes dynamic
// updates, signed by TSIG (RFC 8945) or not.
//
// +kubebuilder:validation:XValidation:rule=`self.?tsigKeyName.orValue("") == "" || (self.?tsigSecretSecretRef.?name.orValue("") != "" && self.?tsigSecretSecretRef.?key.orValue("") != "")`,message=`tsigSecretSecretRef must say name and key of a Secret when tsigKeyName is set`
// +kubebuilder:validation:XValidation:rule=`self.?tsigKeyName.orValue("") != "" || self.?tsigSecretSecretRef.?name.orValue("") == "" || self.?tsigSecretSecretRef.?key.orValue("") == ""`,message=`tsigKeyName is required with tsigSecretSecretRef`
type ACMEIssuerDNS01ProviderRFC2136 struct {
	// Address of the server, with a port if it is not 53. An IPv6 address
	// stands in brackets.
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[ ]*([^]:[ ]+|[[][^][]+[]])(:[^]:[ ]*)?[ ]*$')`,message=`nameserver must be a host with an optional port, an IPv6 address in brackets: ns.example.com:53, [2001:db8::1]:53`
	Nameserver string `json:"nameserver"`
	// TSIG key, in base64. Required with tsigKeyName.
	// +optional
	TSIGSecret cmmeta.SecretKeySelector `json:"tsigSecretSecretRef,omitempty"`
	// Name of the TSIG key. Required with tsigSecretSecretRef.
	// +optional
	TSIGKeyName string `json:"tsigKeyName,omitempty"`
	// TSIG algorithm: HMACMD5, HMACSHA1, HMACSHA256 or HMACSHA512; HMACSHA224
	// and HMACSHA384 are an extension of Certwright. Empty means HMACMD5, which
	// is weak.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.upperAscii() in ["", 'HMACMD5', 'HMACSHA1', 'HMACSHA224', 'HMACSHA256', 'HMACSHA384', 'HMACSHA512']`,message=`tsigAlgorithm must be HMACMD5, HMACSHA1, HMACSHA224, HMACSHA256, HMACSHA384 or HMACSHA512`
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
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`webhook.solverName must not be empty`
	SolverName string `json:"solverName"`
	// Configuration that is handed to the provider as it stands.
	// +optional
	Config *apiextensionsv1.JSON `json:"config,omitempty"`
}
