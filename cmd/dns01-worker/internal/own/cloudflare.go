package own

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// cloudflare is Cloudflare's API, version 4, where each value is a record with
// an ID of its own.
type cloudflare struct {
	rest
	ttl int
}

type cloudflareRecord struct {
	ID      string `json:"id,omitempty"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Content string `json:"content"`
	TTL     int    `json:"ttl"`
}

type cloudflareList[T any] struct {
	Result []T `json:"result"`
	Info   struct {
		TotalPages int `json:"total_pages"`
	} `json:"result_info"`
}

// first is the first of the named variables that is set.
func first(values map[string]string, names ...string) string {
	for _, name := range names {
		if value := strings.TrimSpace(values[name]); value != "" {
			return value
		}
	}
	return ""
}

func newCloudflare(values map[string]string) (Provider, error) {
	token := first(values, "CF_DNS_API_TOKEN", "CLOUDFLARE_DNS_API_TOKEN")
	key := first(values, "CF_API_KEY", "CLOUDFLARE_API_KEY")
	email := first(values, "CF_API_EMAIL", "CLOUDFLARE_EMAIL")
	header := http.Header{}
	switch {
	case token != "" && key != "":
		return nil, errors.New("an API token and an API key exclude each other")
	case token != "":
		header.Set("Authorization", "Bearer "+token)
	case key != "" && email != "":
		header.Set("X-Auth-Key", key)
		header.Set("X-Auth-Email", email)
	case key != "":
		return nil, errors.New("an API key is of use only with the account's e-mail address")
	default:
		return nil, errors.New("neither an API token nor an API key is given")
	}
	base := first(values, "CLOUDFLARE_BASE_URL")
	if base == "" {
		base = "https://api.cloudflare.com/client/v4"
	}
	ttl, err := seconds(values, "CLOUDFLARE_TTL", 120)
	if err != nil {
		return nil, err
	}
	return &cloudflare{newREST("Cloudflare", base, header), ttl}, nil
}

// zone finds the ID of the zone that holds a name. The zone that the DNS knows
// need not be known to the account: the DNS may have it delegated elsewhere,
// or the record may be written before it is delegated.
func (p *cloudflare) zone(ctx context.Context, fqdn string) (string, error) {
	labels := strings.Split(strings.TrimSuffix(fqdn, "."), ".")
	for i := range len(labels) - 1 { // a top-level domain is nobody's zone
		name := strings.Join(labels[i:], ".")
		var zones cloudflareList[struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		}]
		if err := p.do(ctx, http.MethodGet, "/zones?"+url.Values{"name": {name}}.Encode(), nil, &zones); err != nil {
			return "", err
		}
		for _, zone := range zones.Result {
			if strings.EqualFold(zone.Name, name) {
				return zone.ID, nil
			}
		}
	}
	return "", wire.ConfigError{Err: fmt.Errorf("the credentials show no zone at Cloudflare that holds %s", strings.TrimSuffix(fqdn, "."))}
}

// find gives zone and IDs of the records that have the request's value.
func (p *cloudflare) find(ctx context.Context, request wire.Request) (zone string, ids []string, err error) {
	if zone, err = p.zone(ctx, request.FQDN); err != nil {
		return "", nil, err
	}
	for page := 1; page <= maxPages; page++ {
		var records cloudflareList[cloudflareRecord]
		query := url.Values{"type": {typeTXT}, "name": {strings.TrimSuffix(request.FQDN, ".")}, "per_page": {"100"}, "page": {fmt.Sprint(page)}}
		if err := p.do(ctx, http.MethodGet, "/zones/"+url.PathEscape(zone)+"/dns_records?"+query.Encode(), nil, &records); err != nil {
			return "", nil, err
		}
		for _, record := range records.Result {
			// Cloudflare shows the value with or without quotes, as it was written.
			if record.Type == typeTXT && strings.Trim(record.Content, `"`) == request.Value {
				ids = append(ids, record.ID)
			}
		}
		if page >= records.Info.TotalPages {
			break
		}
	}
	return zone, ids, nil
}

// Ensure implements Provider.
func (p *cloudflare) Ensure(ctx context.Context, request wire.Request) error {
	zone, ids, err := p.find(ctx, request)
	if err != nil || len(ids) > 0 {
		return err
	}
	return p.do(ctx, http.MethodPost, "/zones/"+url.PathEscape(zone)+"/dns_records", cloudflareRecord{
		Type: typeTXT, Name: strings.TrimSuffix(request.FQDN, "."), Content: `"` + request.Value + `"`, TTL: p.ttl,
	}, nil)
}

// Remove implements Provider.
func (p *cloudflare) Remove(ctx context.Context, request wire.Request) error {
	zone, ids, err := p.find(ctx, request)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := p.do(ctx, http.MethodDelete, "/zones/"+url.PathEscape(zone)+"/dns_records/"+url.PathEscape(id), nil, nil)
		if err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}

// isNotFound reports whether somebody was faster.
func isNotFound(err error) bool {
	var refused statusError
	return errors.As(err, &refused) && refused.status == http.StatusNotFound
}
