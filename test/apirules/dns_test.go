package apirules

// dns makes an ACME issuer's one solver, for DNS-01.
func dns(yaml string) string { return solver("{dns01: {" + yaml + "}}") }

var dnsRows = []row{
	{rule: "DNS-01 has a provider", base: acme, with: dns(`cnameStrategy: Follow`), want: "set exactly one of akamai, cloudDNS"},
	{rule: "DNS-01 has one provider", base: acme, with: dns(`webhook: {groupName: a, solverName: b}, digitalocean: {tokenSecretRef: {name: a, key: b}}`), want: "set exactly one of akamai, cloudDNS"},
	{rule: "a named provider is accepted", base: acme, with: dns(`provider: {name: hetzner, config: {HETZNER_TTL: "60"}, credentialsSecretRef: {name: a}}`)},
	{rule: "a named provider has the name of one", base: acme, with: dns(`provider: {name: "Hetzner DNS"}`), want: "must be the lower-case name of a provider"},
	{rule: "a named provider runs no commands", base: acme, with: dns(`provider: {name: exec}`), want: "must not be exec or manual"},
	{rule: "a named provider's credentials are somewhere", base: acme, with: dns(`provider: {name: hetzner, credentialsSecretRef: {name: ""}}`), want: "provider.credentialsSecretRef.name must not be empty"},
	{rule: "a named provider excludes the others", base: acme, with: dns(`provider: {name: hetzner}, webhook: {groupName: a, solverName: b}`), want: "set exactly one of akamai, cloudDNS"},
	{rule: "a CNAME strategy is known", base: acme, with: dns(`cnameStrategy: Maybe, webhook: {groupName: a, solverName: b}`), want: "Unsupported value"},

	{rule: "acme-dns is accepted", base: acme, with: dns(`acmeDNS: {host: "https://a", accountSecretRef: {name: a, key: b}}`)},
	{rule: "acme-dns has a host", base: acme, with: dns(`acmeDNS: {host: "", accountSecretRef: {name: a, key: b}}`), want: "acmeDNS.host must not be empty"},
	{rule: "acme-dns has an account", base: acme, with: dns(`acmeDNS: {host: a, accountSecretRef: {name: a}}`), want: "acmeDNS.accountSecretRef must say name and key"},

	{rule: "Akamai is accepted", base: acme, with: dns(`akamai: {serviceConsumerDomain: a, clientTokenSecretRef: {name: a, key: b}, clientSecretSecretRef: {name: a, key: c}, accessTokenSecretRef: {name: a, key: d}}`)},
	{rule: "Akamai has a domain", base: acme, with: dns(`akamai: {serviceConsumerDomain: "", clientTokenSecretRef: {name: a, key: b}, clientSecretSecretRef: {name: a, key: c}, accessTokenSecretRef: {name: a, key: d}}`), want: "akamai.serviceConsumerDomain must not be empty"},
	{rule: "Akamai has a client token", base: acme, with: dns(`akamai: {serviceConsumerDomain: a, clientTokenSecretRef: {name: ""}, clientSecretSecretRef: {name: a, key: c}, accessTokenSecretRef: {name: a, key: d}}`), want: "akamai.clientTokenSecretRef must say name and key"},
	{rule: "Akamai has a client secret", base: acme, with: dns(`akamai: {serviceConsumerDomain: a, clientTokenSecretRef: {name: a, key: b}, clientSecretSecretRef: {name: a}, accessTokenSecretRef: {name: a, key: d}}`), want: "akamai.clientSecretSecretRef must say name and key"},
	{rule: "Akamai has an access token", base: acme, with: dns(`akamai: {serviceConsumerDomain: a, clientTokenSecretRef: {name: a, key: b}, clientSecretSecretRef: {name: a, key: c}, accessTokenSecretRef: {name: a, key: ""}}`), want: "akamai.accessTokenSecretRef must say name and key"},

	{rule: "Azure with the pod's identity is accepted", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b}`)},
	{rule: "Azure with a client secret is accepted", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, clientID: c, tenantID: d, clientSecretSecretRef: {name: a, key: b}}`)},
	{rule: "Azure has a subscription", base: acme, with: dns(`azureDNS: {subscriptionID: "", resourceGroupName: b}`), want: "azureDNS.subscriptionID must not be empty"},
	{rule: "Azure has a resource group", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: ""}`), want: "azureDNS.resourceGroupName must not be empty"},
	{rule: "a client ID needs a client secret", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, clientID: c}`), want: "clientID, clientSecretSecretRef and tenantID require each other"},
	{rule: "a client secret needs a tenant", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, clientID: c, clientSecretSecretRef: {name: a, key: b}}`), want: "clientID, clientSecretSecretRef and tenantID require each other"},
	{rule: "a tenant needs a client secret", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, tenantID: c}`), want: "clientID, clientSecretSecretRef and tenantID require each other"},
	{rule: "a client secret is somewhere", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, clientID: c, tenantID: d, clientSecretSecretRef: {name: a}}`), want: "azureDNS.clientSecretSecretRef must say name and key"},
	{rule: "a client secret excludes a managed identity", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, clientID: c, tenantID: d, clientSecretSecretRef: {name: a, key: b}, managedIdentity: {clientID: e}}`), want: "managedIdentity excludes clientID"},
	{rule: "a managed identity with tenant is accepted", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, managedIdentity: {clientID: c, tenantID: d}}`)},
	{rule: "a managed identity is picked in one way", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, managedIdentity: {clientID: c, resourceID: d}}`), want: "resourceID excludes clientID and tenantID"},
	{rule: "a managed identity's tenant needs a client ID", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, managedIdentity: {tenantID: d}}`), want: "clientID is required with tenantID"},
	{rule: "an Azure cloud is known", base: acme, with: dns(`azureDNS: {subscriptionID: a, resourceGroupName: b, environment: MyCloud}`), want: "Unsupported value"},

	{rule: "Cloud DNS is accepted", base: acme, with: dns(`cloudDNS: {project: a}`)},
	{rule: "Cloud DNS has a project", base: acme, with: dns(`cloudDNS: {project: ""}`), want: "cloudDNS.project must not be empty"},
	{rule: "Cloud DNS has a key file", base: acme, with: dns(`cloudDNS: {project: a, serviceAccountSecretRef: {name: a}}`), want: "cloudDNS.serviceAccountSecretRef must say name and key"},

	{rule: "Cloudflare with a token is accepted", base: acme, with: dns(`cloudflare: {apiTokenSecretRef: {name: a, key: b}}`)},
	{rule: "Cloudflare with a key is accepted", base: acme, with: dns(`cloudflare: {email: jane@example.com, apiKeySecretRef: {name: a, key: b}}`)},
	{rule: "Cloudflare has credentials", base: acme, with: dns(`cloudflare: {email: jane@example.com}`), want: "set exactly one of apiTokenSecretRef and apiKeySecretRef"},
	{rule: "Cloudflare has one kind of credentials", base: acme, with: dns(`cloudflare: {email: a, apiKeySecretRef: {name: a, key: b}, apiTokenSecretRef: {name: a, key: b}}`), want: "set exactly one of apiTokenSecretRef and apiKeySecretRef"},
	{rule: "a Cloudflare key belongs to an address", base: acme, with: dns(`cloudflare: {apiKeySecretRef: {name: a, key: b}}`), want: "email is required with apiKeySecretRef"},
	{rule: "a Cloudflare token is somewhere", base: acme, with: dns(`cloudflare: {apiTokenSecretRef: {name: a}}`), want: "cloudflare.apiTokenSecretRef must say name and key"},
	{rule: "a Cloudflare key is somewhere", base: acme, with: dns(`cloudflare: {email: a, apiKeySecretRef: {name: a}}`), want: "cloudflare.apiKeySecretRef must say name and key"},

	{rule: "DigitalOcean has a token", base: acme, with: dns(`digitalocean: {tokenSecretRef: {name: a}}`), want: "digitalocean.tokenSecretRef must say name and key"},

	{rule: "Route 53 with nothing is accepted", base: acme, with: dns(`route53: {}`)},
	{rule: "Route 53 with an empty reference is accepted", base: acme, with: dns(`route53: {accessKeyID: a, secretAccessKeySecretRef: {name: ""}}`)},
	{rule: "Route 53 has one access key ID", base: acme, with: dns(`route53: {accessKeyID: a, accessKeyIDSecretRef: {name: a, key: b}}`), want: "accessKeyID and accessKeyIDSecretRef exclude each other"},
	{rule: "a Route 53 access key ID is somewhere", base: acme, with: dns(`route53: {accessKeyIDSecretRef: {name: a}}`), want: "route53.accessKeyIDSecretRef must say name and key"},

	{rule: "RFC 2136 without TSIG is accepted", base: acme, with: dns(`rfc2136: {nameserver: "192.0.2.1:53"}`)},
	{rule: "RFC 2136 with TSIG is accepted", base: acme, with: dns(`rfc2136: {nameserver: "ns.example.com", tsigKeyName: a, tsigAlgorithm: hmacsha256, tsigSecretSecretRef: {name: a, key: b}}`)},
	{rule: "an IPv6 name server stands in brackets", base: acme, with: dns(`rfc2136: {nameserver: "2001:db8::1"}`), want: "nameserver must be a host with an optional port"},
	{rule: "an IPv6 name server in brackets is accepted", base: acme, with: dns(`rfc2136: {nameserver: "[2001:db8::1]:53"}`)},
	{rule: "a name server has a host", base: acme, with: dns(`rfc2136: {nameserver: ":53"}`), want: "nameserver must be a host with an optional port"},
	{rule: "a name server is not empty", base: acme, with: dns(`rfc2136: {nameserver: ""}`), want: "nameserver must be a host with an optional port"},
	{rule: "every TSIG algorithm of RFC 8945 that is in use is accepted", base: acme, with: dns(`rfc2136: {nameserver: a, tsigAlgorithm: HmacSha384}`)},
	{rule: "a TSIG algorithm is known", base: acme, with: dns(`rfc2136: {nameserver: a, tsigAlgorithm: HMACSHA3}`), want: "tsigAlgorithm must be HMACMD5"},
	{rule: "a TSIG name needs a key", base: acme, with: dns(`rfc2136: {nameserver: a, tsigKeyName: b}`), want: "tsigSecretSecretRef must say name and key"},
	{rule: "a TSIG key needs a name", base: acme, with: dns(`rfc2136: {nameserver: a, tsigSecretSecretRef: {name: a, key: b}}`), want: "tsigKeyName is required with tsigSecretSecretRef"},
	{rule: "an empty TSIG reference is accepted", base: acme, with: dns(`rfc2136: {nameserver: a, tsigSecretSecretRef: {name: ""}}`)},
	{rule: "an update goes over TCP or UDP", base: acme, with: dns(`rfc2136: {nameserver: a, protocol: QUIC}`), want: "Unsupported value"},

	{rule: "a webhook has a solver", base: acme, with: dns(`webhook: {groupName: a, solverName: ""}`), want: "webhook.solverName must not be empty"},
	{rule: "a webhook may have any configuration", base: acme, with: dns(`webhook: {groupName: a, solverName: b, config: {a: [1, {b: c}], d: 1.5}}`)},
	{rule: "a webhook's configuration may be a string", base: acme, with: dns(`webhook: {groupName: a, solverName: b, config: hello}`)},
}
