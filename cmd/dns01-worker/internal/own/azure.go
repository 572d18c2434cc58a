package own

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// azure is Azure's API, where all values of a name are one resource with an
// ETag. lego's provider deletes that resource with all its values, finds zones
// by a query for which the principal often has no right, and does not know
// managed identities by resource ID.
type azure struct {
	rest
	credential azcore.TokenCredential
	scope      string
	zones      string // path of the zones of the resource group
	zone       string // name of the zone; empty means that of the request
	version    string // of the API
	private    bool
	ttl        int
}

// azureClouds are the authority that gives tokens and the API of each cloud. The
// former German cloud is gone, but has its value in the contract.
var azureClouds = map[string]struct{ authority, api string }{
	"public":       {"https://login.microsoftonline.com/", "https://management.azure.com"},
	"china":        {"https://login.chinacloudapi.cn/", "https://management.chinacloudapi.cn"},
	"german":       {"https://login.microsoftonline.de/", "https://management.microsoftazure.de"},
	"usgovernment": {"https://login.microsoftonline.us/", "https://management.usgovcloudapi.net"},
}

func newAzure(values map[string]string, ambient bool) (Provider, error) {
	where, ok := azureClouds[cmp.Or(values["AZURE_ENVIRONMENT"], "public")]
	if !ok {
		return nil, errors.New("the environment must be public, china, german or usgovernment")
	}
	subscription, group := first(values, "AZURE_SUBSCRIPTION_ID"), first(values, "AZURE_RESOURCE_GROUP")
	if subscription == "" || group == "" {
		return nil, errors.New("subscription and resource group are required")
	}
	ttl, err := seconds(values, "AZURE_TTL", 60)
	if err != nil {
		return nil, err
	}
	p := &azure{
		rest: newREST("Azure", where.api, http.Header{}), scope: where.api + "/.default", ttl: ttl,
		zone: strings.TrimSuffix(first(values, "AZURE_ZONE_NAME"), "."),
	}
	kind := "dnsZones"
	p.version = "2018-05-01"
	if text := first(values, "AZURE_PRIVATE_ZONE"); text != "" {
		if p.private, err = strconv.ParseBool(text); err != nil {
			return nil, errors.New("AZURE_PRIVATE_ZONE must be true or false")
		}
	}
	if p.private {
		kind, p.version = "privateDnsZones", "2020-06-01"
	}
	p.zones = "/subscriptions/" + url.PathEscape(subscription) + "/resourceGroups/" + url.PathEscape(group) + "/providers/Microsoft.Network/" + kind + "/"
	options := azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: where.authority}}
	p.credential, err = azureCredential(values, ambient, options)
	return p, err
}

// azureCredential is a client secret, or the identity of the operator's pod: a
// workload identity if the pod has been given one, else a managed identity of
// the machine.
func azureCredential(values map[string]string, ambient bool, options azcore.ClientOptions) (azcore.TokenCredential, error) {
	client, secret, tenant := first(values, "AZURE_CLIENT_ID"), values["AZURE_CLIENT_SECRET"], first(values, "AZURE_TENANT_ID")
	resource := first(values, "AZURE_RESOURCE_ID")
	if secret != "" {
		if client == "" || tenant == "" {
			return nil, errors.New("a client secret is of use only with client ID and tenant ID")
		}
		return azidentity.NewClientSecretCredential(tenant, client, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options})
	}
	if !ambient {
		return nil, errAmbient
	}
	if file := os.Getenv("AZURE_FEDERATED_TOKEN_FILE"); file != "" {
		if resource != "" {
			return nil, errors.New("a workload identity has no resource ID")
		}
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, ClientID: client, TenantID: tenant, TokenFilePath: file,
		})
	}
	managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
	switch {
	case client != "" && resource != "":
		return nil, errors.New("client ID and resource ID of a managed identity exclude each other")
	case client != "":
		managed.ID = azidentity.ClientID(client)
	case resource != "":
		managed.ID = azidentity.ResourceID(resource)
	}
	return azidentity.NewManagedIdentityCredential(managed)
}

// azureRecordSet is all TXT values of a name. Public and private zones differ in
// the case of the fields, which does not matter on reading.
type azureRecordSet struct {
	ETag       string `json:"etag"`
	Properties struct {
		TTL     int `json:"TTL"`
		Records []struct {
			Value []string `json:"value"` // parts of one value
		} `json:"TXTRecords"`
	} `json:"properties"`
}

// attempts is how often a change is made anew because somebody else was faster.
const attempts = 5

// Ensure implements Provider.
func (p *azure) Ensure(ctx context.Context, request wire.Request) error {
	return p.change(ctx, request, func(values [][]string) [][]string {
		if slices.ContainsFunc(values, isValue(request)) {
			return values
		}
		return append(values, []string{request.Value})
	})
}

// Remove implements Provider.
func (p *azure) Remove(ctx context.Context, request wire.Request) error {
	return p.change(ctx, request, func(values [][]string) [][]string {
		return slices.DeleteFunc(slices.Clone(values), isValue(request))
	})
}

func isValue(request wire.Request) func([]string) bool {
	return func(parts []string) bool { return strings.Join(parts, "") == request.Value }
}

// change reads the values, and writes others if nobody has written meanwhile.
func (p *azure) change(ctx context.Context, request wire.Request, edit func([][]string) [][]string) error {
	token, err := p.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{p.scope}})
	if err != nil {
		var refused *azidentity.AuthenticationFailedError
		if errors.As(err, &refused) && refused.RawResponse != nil && refused.RawResponse.StatusCode/100 == 4 {
			return wire.ConfigError{Err: fmt.Errorf("azure refuses the credentials: %w", err)}
		}
		return fmt.Errorf("get a token of Azure: %w", err)
	}
	zone := cmp.Or(p.zone, strings.TrimSuffix(request.Zone, "."))
	within := request
	within.Zone = zone + "."
	if !strings.HasSuffix("."+request.FQDN, "."+within.Zone) {
		return wire.ConfigError{Err: fmt.Errorf("%s is not in the zone %s", strings.TrimSuffix(request.FQDN, "."), zone)}
	}
	api := p.with("Authorization", "Bearer "+token.Token)
	path := p.zones + url.PathEscape(zone) + "/TXT/" + url.PathEscape(relative(within)) + "?api-version=" + p.version
	for range attempts {
		if err = p.exchangeOnce(ctx, api, path, edit); !isStatus(err, http.StatusPreconditionFailed) {
			return err
		}
	}
	return err
}

func (p *azure) exchangeOnce(ctx context.Context, api rest, path string, edit func([][]string) [][]string) error {
	var set azureRecordSet
	err := api.do(ctx, http.MethodGet, path, nil, &set)
	absent := isNotFound(err)
	if err != nil && !absent {
		return err
	}
	var values [][]string
	for _, record := range set.Properties.Records {
		values = append(values, record.Value)
	}
	wanted := edit(values)
	switch {
	case slices.EqualFunc(values, wanted, slices.Equal):
		return nil
	case len(wanted) == 0:
		err := api.with("If-Match", set.ETag).do(ctx, http.MethodDelete, path, nil, nil)
		if isNotFound(err) {
			return nil
		}
		return err
	case absent:
		api = api.with("If-None-Match", "*")
	default:
		api = api.with("If-Match", set.ETag)
	}
	return api.do(ctx, http.MethodPut, path, p.body(wanted), nil)
}

func (p *azure) body(values [][]string) any {
	var records []map[string][]string
	for _, value := range values {
		records = append(records, map[string][]string{"value": value})
	}
	if p.private {
		return map[string]any{"properties": map[string]any{"ttl": p.ttl, "txtRecords": records}}
	}
	return map[string]any{"properties": map[string]any{"TTL": p.ttl, "TXTRecords": records}}
}

// isStatus reports whether an error is an answer of that status.
func isStatus(err error, status int) bool {
	var refused statusError
	return errors.As(err, &refused) && refused.status == status
}
