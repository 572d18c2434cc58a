package worker

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// vault is the Secrets of a namespace.
type vault map[string]map[string][]byte

func (v vault) Secret(_ context.Context, name string) (map[string][]byte, error) {
	data, ok := v[name]
	if !ok {
		return nil, errors.New("Secret " + name + " is not there")
	}
	return data, nil
}

func (v vault) Token(_ context.Context, account string, audiences []string) (string, error) {
	return "token of " + account + " for " + strings.Join(audiences, ","), nil
}

func key(name, key string) *cmmeta.SecretKeySelector {
	return &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name}, Key: key}
}

var someSecrets = vault{
	"dns":   {"a": []byte("value-a\n"), "b": []byte("value-b"), "c": []byte("value-c"), "empty": []byte(" \n")},
	"named": {"HETZNER_API_TOKEN": []byte("value-h")},
}

func TestEveryProviderOfTheAPIBecomesOneOfTheWorkers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		solver  acmev1.ACMEChallengeSolverDNS01
		ambient bool
		want    Settings
	}{
		"akamai": {
			solver: acmev1.ACMEChallengeSolverDNS01{Akamai: &acmev1.ACMEIssuerDNS01ProviderAkamai{
				ServiceConsumerDomain: "akab-1.luna.akamaiapis.net", ClientToken: *key("dns", "a"), ClientSecret: *key("dns", "b"), AccessToken: *key("dns", "c"),
			}},
			want: Settings{
				Provider: "edgedns", Config: map[string]string{"AKAMAI_TTL": "300", "AKAMAI_HOST": "akab-1.luna.akamaiapis.net"},
				Credentials: map[string]string{"AKAMAI_CLIENT_TOKEN": "value-a", "AKAMAI_CLIENT_SECRET": "value-b", "AKAMAI_ACCESS_TOKEN": "value-c"},
			},
		},
		"azureDNS with a secret": {
			solver: acmev1.ACMEChallengeSolverDNS01{AzureDNS: &acmev1.ACMEIssuerDNS01ProviderAzureDNS{
				ClientID: "c", ClientSecret: key("dns", "a"), TenantID: "t", SubscriptionID: "s", ResourceGroupName: "g", HostedZoneName: "example.com",
				Environment: acmev1.AzureUSGovernmentCloud, ZoneType: acmev1.PrivateAzureZone,
			}},
			want: Settings{
				Provider: "azuredns", Config: map[string]string{
					"AZURE_TTL": "60", "AZURE_ENVIRONMENT": "usgovernment", "AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "g",
					"AZURE_ZONE_NAME": "example.com", "AZURE_PRIVATE_ZONE": "true", "AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t",
				},
				Credentials: map[string]string{"AZURE_CLIENT_SECRET": "value-a"},
			},
		},
		"azureDNS with a managed identity": {
			ambient: true,
			solver: acmev1.ACMEChallengeSolverDNS01{AzureDNS: &acmev1.ACMEIssuerDNS01ProviderAzureDNS{
				SubscriptionID: "s", ResourceGroupName: "g", ManagedIdentity: &acmev1.AzureManagedIdentity{ResourceID: "/r"},
			}},
			want: Settings{Provider: "azuredns", Config: map[string]string{
				"AZURE_TTL": "60", "AZURE_ENVIRONMENT": "public", "AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "g", "AZURE_RESOURCE_ID": "/r",
			}},
		},
		"azureDNS with a workload identity": {
			ambient: true,
			solver: acmev1.ACMEChallengeSolverDNS01{AzureDNS: &acmev1.ACMEIssuerDNS01ProviderAzureDNS{
				SubscriptionID: "s", ResourceGroupName: "g", ManagedIdentity: &acmev1.AzureManagedIdentity{ClientID: "c", TenantID: "t"},
			}},
			want: Settings{Provider: "azuredns", Config: map[string]string{
				"AZURE_TTL": "60", "AZURE_ENVIRONMENT": "public", "AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "g", "AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t",
			}},
		},
		"cloudDNS": {
			solver: acmev1.ACMEChallengeSolverDNS01{CloudDNS: &acmev1.ACMEIssuerDNS01ProviderCloudDNS{Project: "p", HostedZoneName: "z", ServiceAccount: key("dns", "a")}},
			want: Settings{
				Provider: "gcloud", Config: map[string]string{"GCE_TTL": "60", "GCE_PROJECT": "p", "GCE_ZONE_ID": "z", "GCE_ALLOW_PRIVATE_ZONE": "true"},
				Credentials: map[string]string{"GCE_SERVICE_ACCOUNT": "value-a"},
			},
		},
		"cloudDNS of the operator": {
			ambient: true,
			solver:  acmev1.ACMEChallengeSolverDNS01{CloudDNS: &acmev1.ACMEIssuerDNS01ProviderCloudDNS{Project: "p"}},
			want:    Settings{Provider: "gcloud", Config: map[string]string{"GCE_TTL": "60", "GCE_PROJECT": "p", "GCE_ALLOW_PRIVATE_ZONE": "true"}},
		},
		"cloudflare with a token": {
			solver: acmev1.ACMEChallengeSolverDNS01{Cloudflare: &acmev1.ACMEIssuerDNS01ProviderCloudflare{Email: "me@example.com", APIToken: key("dns", "a")}},
			want:   Settings{Provider: "cloudflare", Config: map[string]string{"CLOUDFLARE_TTL": "120"}, Credentials: map[string]string{"CF_DNS_API_TOKEN": "value-a"}},
		},
		"cloudflare with a key": {
			solver: acmev1.ACMEChallengeSolverDNS01{Cloudflare: &acmev1.ACMEIssuerDNS01ProviderCloudflare{Email: "me@example.com", APIKey: key("dns", "a")}},
			want: Settings{
				Provider: "cloudflare", Config: map[string]string{"CLOUDFLARE_TTL": "120", "CF_API_EMAIL": "me@example.com"},
				Credentials: map[string]string{"CF_API_KEY": "value-a"},
			},
		},
		"digitalocean": {
			solver: acmev1.ACMEChallengeSolverDNS01{DigitalOcean: &acmev1.ACMEIssuerDNS01ProviderDigitalOcean{Token: *key("dns", "a")}},
			want:   Settings{Provider: "digitalocean", Config: map[string]string{"DO_TTL": "60"}, Credentials: map[string]string{"DO_AUTH_TOKEN": "value-a"}},
		},
		"acmeDNS": {
			solver: acmev1.ACMEChallengeSolverDNS01{AcmeDNS: &acmev1.ACMEIssuerDNS01ProviderAcmeDNS{Host: "https://auth.example.net", AccountSecret: *key("dns", "a")}},
			want: Settings{
				Provider: "acmedns", Config: map[string]string{"ACME_DNS_API_BASE": "https://auth.example.net"},
				Credentials: map[string]string{"ACME_DNS_ACCOUNTS": "value-a"},
			},
		},
		"route53 with a key": {
			solver: acmev1.ACMEChallengeSolverDNS01{Route53: &acmev1.ACMEIssuerDNS01ProviderRoute53{
				AccessKeyID: "AKIA", SecretAccessKey: *key("dns", "a"), Region: "eu-west-1", HostedZoneID: "/hostedzone/Z1",
			}},
			want: Settings{
				Provider: "route53", Config: map[string]string{"AWS_TTL": "10", "AWS_REGION": "eu-west-1", "AWS_HOSTED_ZONE_ID": "Z1", "AWS_ACCESS_KEY_ID": "AKIA"},
				Credentials: map[string]string{"AWS_SECRET_ACCESS_KEY": "value-a"},
			},
		},
		"route53 with a key in a Secret and a role": {
			ambient: true,
			solver: acmev1.ACMEChallengeSolverDNS01{Route53: &acmev1.ACMEIssuerDNS01ProviderRoute53{
				SecretAccessKeyID: key("dns", "b"), SecretAccessKey: *key("dns", "a"), Role: "arn:aws:iam::1:role/dns",
			}},
			want: Settings{
				Provider: "route53", Config: map[string]string{"AWS_TTL": "10", "AWS_ASSUME_ROLE_ARN": "arn:aws:iam::1:role/dns"},
				Credentials: map[string]string{"AWS_ACCESS_KEY_ID": "value-b", "AWS_SECRET_ACCESS_KEY": "value-a"},
			},
		},
		"route53 with a service account": {
			solver: acmev1.ACMEChallengeSolverDNS01{Route53: &acmev1.ACMEIssuerDNS01ProviderRoute53{
				Role: "arn", Auth: &acmev1.Route53Auth{Kubernetes: &acmev1.Route53KubernetesAuth{ServiceAccountRef: &acmev1.ServiceAccountRef{Name: "sa", TokenAudiences: []string{"x"}}}},
			}},
			want: Settings{
				Provider: "route53", Config: map[string]string{"AWS_TTL": "10", "AWS_ASSUME_ROLE_ARN": "arn"},
				Credentials: map[string]string{"AWS_WEB_IDENTITY_TOKEN": "token of sa for sts.amazonaws.com,x"},
			},
		},
		"route53 of the operator": {
			ambient: true, solver: acmev1.ACMEChallengeSolverDNS01{Route53: &acmev1.ACMEIssuerDNS01ProviderRoute53{}},
			want: Settings{Provider: "route53", Config: map[string]string{"AWS_TTL": "10"}},
		},
		"by name": {
			solver: acmev1.ACMEChallengeSolverDNS01{Provider: &acmev1.ACMEIssuerDNS01ProviderNamed{
				Name: "hetzner", Config: map[string]string{"HETZNER_TTL": "60"}, CredentialsSecret: &cmmeta.LocalObjectReference{Name: "named"},
			}},
			want: Settings{Provider: "hetzner", Config: map[string]string{"HETZNER_TTL": "60"}, Credentials: map[string]string{"HETZNER_API_TOKEN": "value-h"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Read(t.Context(), &test.solver, someSecrets, test.ambient)
			if err != nil {
				t.Fatal(err)
			}
			if test.want.Ambient = test.ambient; test.want.Credentials == nil {
				test.want.Credentials = map[string]string{}
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProvidersOfOthersAreLeftToThem(t *testing.T) {
	t.Parallel()
	for _, solver := range []acmev1.ACMEChallengeSolverDNS01{{RFC2136: &acmev1.ACMEIssuerDNS01ProviderRFC2136{}}, {Webhook: &acmev1.ACMEIssuerDNS01ProviderWebhook{}}} {
		if got, err := Read(t.Context(), &solver, someSecrets, true); got != nil || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestWhatLacksInASolverIsSaid(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		solver  acmev1.ACMEChallengeSolverDNS01
		want    string
		stalled bool
	}{
		"no Secret": {acmev1.ACMEChallengeSolverDNS01{DigitalOcean: &acmev1.ACMEIssuerDNS01ProviderDigitalOcean{Token: *key("gone", "a")}},
			"Secret gone is not there", false},
		"no key": {acmev1.ACMEChallengeSolverDNS01{DigitalOcean: &acmev1.ACMEIssuerDNS01ProviderDigitalOcean{Token: *key("dns", "z")}},
			`Secret dns has nothing under the key "z"`, true},
		"empty key": {acmev1.ACMEChallengeSolverDNS01{DigitalOcean: &acmev1.ACMEIssuerDNS01ProviderDigitalOcean{Token: *key("dns", "empty")}},
			`Secret dns has nothing under the key "empty"`, true},
		"route53": {acmev1.ACMEChallengeSolverDNS01{Route53: &acmev1.ACMEIssuerDNS01ProviderRoute53{}},
			"route53 has no credentials, and the issuer may not use those of the operator: set an access key or auth.kubernetes", true},
		"cloudDNS": {acmev1.ACMEChallengeSolverDNS01{CloudDNS: &acmev1.ACMEIssuerDNS01ProviderCloudDNS{Project: "p"}},
			"cloudDNS has no credentials, and the issuer may not use those of the operator: set serviceAccountSecretRef", true},
		"azureDNS": {acmev1.ACMEChallengeSolverDNS01{AzureDNS: &acmev1.ACMEIssuerDNS01ProviderAzureDNS{}},
			"azureDNS has no credentials, and the issuer may not use those of the operator: set clientID, tenantID and clientSecretSecretRef", true},
		"no role": {acmev1.ACMEChallengeSolverDNS01{Route53: &acmev1.ACMEIssuerDNS01ProviderRoute53{
			Auth: &acmev1.Route53Auth{Kubernetes: &acmev1.Route53KubernetesAuth{ServiceAccountRef: &acmev1.ServiceAccountRef{Name: "sa"}}}}},
			"route53.auth.kubernetes needs route53.role: the role that the service account may assume", true},
	} {
		_, err := Read(t.Context(), &test.solver, someSecrets, false)
		if err == nil || err.Error() != test.want || IsStalled(err) != test.stalled {
			t.Errorf("%s: got %v (stalled %v), want %s", name, err, IsStalled(err), test.want)
		}
	}
}

func TestProvidersThatTakeOneValueAreKnown(t *testing.T) {
	t.Parallel()
	for solver, want := range map[*acmev1.ACMEChallengeSolverDNS01]bool{
		{Provider: &acmev1.ACMEIssuerDNS01ProviderNamed{Name: "duckdns"}}: true,
		{Provider: &acmev1.ACMEIssuerDNS01ProviderNamed{Name: "hetzner"}}: false,
		{Cloudflare: &acmev1.ACMEIssuerDNS01ProviderCloudflare{}}:         false,
	} {
		if got := OneAtATime(solver); got != want {
			t.Errorf("%+v: got %v", solver.Provider, got)
		}
	}
}
