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

// digitalOcean is DigitalOcean's API, version 2, where each value is a record
// with an ID of its own.
type digitalOcean struct {
	rest
	ttl int
}

type digitalOceanRecord struct {
	ID   int64  `json:"id,omitempty"`
	Type string `json:"type"`
	Name string `json:"name"` // relative to the zone
	Data string `json:"data"`
	TTL  int    `json:"ttl"`
}

func newDigitalOcean(values map[string]string) (Provider, error) {
	token := first(values, "DO_AUTH_TOKEN")
	if token == "" {
		return nil, errors.New("no token is given (DO_AUTH_TOKEN)")
	}
	base := first(values, "DO_API_URL")
	if base == "" {
		base = "https://api.digitalocean.com"
	}
	ttl, err := seconds(values, "DO_TTL", 60)
	if err != nil {
		return nil, err
	}
	return &digitalOcean{newREST("DigitalOcean", base, http.Header{"Authorization": {"Bearer " + token}}), ttl}, nil
}

func (p *digitalOcean) records(request wire.Request) string {
	return "/v2/domains/" + url.PathEscape(strings.TrimSuffix(request.Zone, ".")) + "/records"
}

// find gives the IDs of the records that have the request's value.
func (p *digitalOcean) find(ctx context.Context, request wire.Request) ([]int64, error) {
	var ids []int64
	for page := 1; page <= maxPages; page++ {
		var answer struct {
			Records []digitalOceanRecord `json:"domain_records"`
			Links   struct {
				Pages struct {
					Next string `json:"next"`
				} `json:"pages"`
			} `json:"links"`
		}
		query := url.Values{"type": {typeTXT}, "name": {strings.TrimSuffix(request.FQDN, ".")}, "per_page": {"200"}, "page": {fmt.Sprint(page)}}
		if err := p.do(ctx, http.MethodGet, p.records(request)+"?"+query.Encode(), nil, &answer); err != nil {
			return nil, err
		}
		for _, record := range answer.Records {
			if record.Type == typeTXT && strings.Trim(record.Data, `"`) == request.Value {
				ids = append(ids, record.ID)
			}
		}
		if answer.Links.Pages.Next == "" {
			break
		}
	}
	return ids, nil
}

// Ensure implements Provider.
func (p *digitalOcean) Ensure(ctx context.Context, request wire.Request) error {
	ids, err := p.find(ctx, request)
	if err != nil || len(ids) > 0 {
		return err
	}
	return p.do(ctx, http.MethodPost, p.records(request), digitalOceanRecord{Type: typeTXT, Name: relative(request), Data: request.Value, TTL: p.ttl}, nil)
}

// Remove implements Provider.
func (p *digitalOcean) Remove(ctx context.Context, request wire.Request) error {
	ids, err := p.find(ctx, request)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := p.do(ctx, http.MethodDelete, fmt.Sprintf("%s/%d", p.records(request), id), nil, nil); err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}

// relative is the name of the record within its zone.
func relative(request wire.Request) string {
	name := strings.TrimSuffix(strings.TrimSuffix(request.FQDN, strings.TrimPrefix(request.Zone, ".")), ".")
	if name == "" {
		return "@"
	}
	return name
}
