package own

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// cloudDNS is Google Cloud DNS, where all values of a name are one RRset, which
// is replaced as a whole: a change says what is there and what shall be, and is
// refused if the former is no longer so. lego's provider deletes the RRset.
type cloudDNS struct {
	rest
	project string
	zone    string // its name at Google; empty means to look for it
	private bool
	ttl     int
}

const cloudDNSScope = "https://www.googleapis.com/auth/ndev.clouddns.readwrite"

func newCloudDNS(values map[string]string, ambient bool) (Provider, error) {
	p := &cloudDNS{
		rest: newREST("Google Cloud DNS", "https://dns.googleapis.com", http.Header{}),
		zone: first(values, "GCE_ZONE_ID"), project: first(values, "GCE_PROJECT"),
	}
	var err error
	if p.ttl, err = seconds(values, "GCE_TTL", 60); err != nil {
		return nil, err
	}
	if text := first(values, "GCE_ALLOW_PRIVATE_ZONE"); text != "" {
		if p.private, err = strconv.ParseBool(text); err != nil {
			return nil, errors.New("GCE_ALLOW_PRIVATE_ZONE must be true or false")
		}
	}
	source, project, err := googleTokens([]byte(values["GCE_SERVICE_ACCOUNT"]), ambient)
	if err != nil {
		return nil, err
	}
	p.client.Transport = &oauth2.Transport{Source: source}
	if p.project = cmp.Or(p.project, project); p.project == "" {
		return nil, errors.New("the project is not given")
	}
	return p, nil
}

// googleTokens gives tokens for the key of a service account, or else for the
// identity of the operator's pod. Other kinds of credentials are not taken from
// a Secret: they can name files to read, and programs to run.
func googleTokens(key []byte, ambient bool) (source oauth2.TokenSource, project string, err error) {
	ctx := context.Background() // tokens are fetched when they are needed; the process has its own limit
	if len(key) == 0 {
		if !ambient {
			return nil, "", errAmbient
		}
		found, err := google.FindDefaultCredentials(ctx, cloudDNSScope)
		if err != nil {
			return nil, "", fmt.Errorf("find the operator's own credentials: %w", err)
		}
		return found.TokenSource, found.ProjectID, nil
	}
	config, err := google.JWTConfigFromJSON(key, cloudDNSScope)
	if err != nil {
		// The error of the decoder could quote what is in the Secret.
		return nil, "", errors.New("the service account's key is not a JSON key file of type service_account")
	}
	var file struct {
		Project string `json:"project_id"`
	}
	if err := json.Unmarshal(key, &file); err != nil {
		return nil, "", errors.New("the service account's key is not JSON")
	}
	return config.TokenSource(ctx), file.Project, nil
}

type googleRRset struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	TTL     int      `json:"ttl"`
	RRdatas []string `json:"rrdatas"` // in presentation format, with quotes
}

// Ensure implements Provider.
func (p *cloudDNS) Ensure(ctx context.Context, request wire.Request) error {
	quoted := strconv.Quote(request.Value)
	return p.change(ctx, request, func(values []string) []string {
		if slices.Contains(values, quoted) || slices.Contains(values, request.Value) {
			return values
		}
		return append(slices.Clone(values), quoted)
	})
}

// Remove implements Provider.
func (p *cloudDNS) Remove(ctx context.Context, request wire.Request) error {
	return p.change(ctx, request, func(values []string) []string {
		return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return strings.Trim(value, `"`) == request.Value })
	})
}

func (p *cloudDNS) change(ctx context.Context, request wire.Request, edit func([]string) []string) error {
	zone, err := p.findZone(ctx, request)
	if err != nil {
		return explainGoogle(err)
	}
	for range attempts {
		err = p.changeOnce(ctx, zone, request, edit)
		// 404: what was to be replaced is gone; 409: what was to be made is there;
		// 412: it has changed.
		if !isNotFound(err) && !isStatus(err, http.StatusConflict) && !isStatus(err, http.StatusPreconditionFailed) {
			break
		}
	}
	return explainGoogle(err)
}

func (p *cloudDNS) changeOnce(ctx context.Context, zone string, request wire.Request, edit func([]string) []string) error {
	var found struct {
		RRsets []googleRRset `json:"rrsets"`
	}
	query := url.Values{"name": {request.FQDN}, "type": {typeTXT}}
	if err := p.do(ctx, http.MethodGet, zone+"/rrsets?"+query.Encode(), nil, &found); err != nil {
		return err
	}
	var change struct {
		Additions []googleRRset `json:"additions,omitempty"`
		Deletions []googleRRset `json:"deletions,omitempty"`
	}
	var values []string
	for _, set := range found.RRsets {
		if set.Name == request.FQDN && set.Type == typeTXT {
			values = set.RRdatas
			change.Deletions = append(change.Deletions, set)
		}
	}
	wanted := edit(values)
	if slices.Equal(values, wanted) {
		return nil
	}
	if len(wanted) > 0 {
		change.Additions = []googleRRset{{Name: request.FQDN, Type: typeTXT, TTL: p.ttl, RRdatas: wanted}}
	}
	return p.do(ctx, http.MethodPost, zone+"/changes", change, nil)
}

// findZone is the path of the zone.
func (p *cloudDNS) findZone(ctx context.Context, request wire.Request) (string, error) {
	zones := "/dns/v1/projects/" + url.PathEscape(p.project) + "/managedZones"
	if p.zone != "" {
		return zones + "/" + url.PathEscape(p.zone), nil
	}
	var found struct {
		Zones []struct {
			Name       string `json:"name"`
			Visibility string `json:"visibility"`
		} `json:"managedZones"`
	}
	if err := p.do(ctx, http.MethodGet, zones+"?"+url.Values{"dnsName": {request.Zone}}.Encode(), nil, &found); err != nil {
		return "", err
	}
	private := ""
	for _, zone := range found.Zones {
		if zone.Visibility != "private" {
			return zones + "/" + url.PathEscape(zone.Name), nil
		}
		private = zone.Name
	}
	if p.private && private != "" {
		return zones + "/" + url.PathEscape(private), nil
	}
	return "", wire.ConfigError{Err: fmt.Errorf("project %s has no public zone for %s", p.project, strings.TrimSuffix(request.Zone, "."))}
}

// explainGoogle classes the refusal of a token.
func explainGoogle(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode/100 == 4 {
		return wire.ConfigError{Err: fmt.Errorf("google refuses the credentials: %w", err)}
	}
	return err
}
