package venafi

import (
	"slices"
	"strings"
)

// saasTemplate is an issuing template of a service.
type saasTemplate struct {
	ID   string `json:"id"`
	Name string `json:"name"`

	CommonNames         []string `json:"subjectCNRegexes"`
	Organizations       []string `json:"subjectORegexes"`
	OrganizationalUnits []string `json:"subjectOURegexes"`
	Provinces           []string `json:"subjectSTRegexes"`
	Localities          []string `json:"subjectLRegexes"`
	Countries           []string `json:"subjectCValues"`
	DNSNames            []string `json:"sanRegexes"`
	Emails              []string `json:"sanRfc822NameRegexes"`
	IPs                 []string `json:"sanIpAddressRegexes"`
	URIs                []string `json:"sanUniformResourceIdentifierRegexes"`
	Keys                []struct {
		Type   string   `json:"keyType"`
		Sizes  []int    `json:"keyLengths"`
		Curves []string `json:"keyCurves"`
	} `json:"keyTypes"`
}

// policy says what the template allows. A list that is not there is no rule: it
// is for the server to judge.
func (t *saasTemplate) policy(said string) *policy {
	p := &policy{said: said}
	for _, part := range []struct {
		to   *allowed
		from []string
	}{
		{&p.commonName, t.CommonNames},
		{&p.organization, t.Organizations},
		{&p.organizationalUnit, t.OrganizationalUnits},
		{&p.province, t.Provinces},
		{&p.locality, t.Localities},
		{&p.country, t.Countries},
		{&p.dns, t.DNSNames},
		{&p.email, t.Emails},
		{&p.ip, t.IPs},
		{&p.uri, t.URIs},
	} {
		if len(part.from) > 0 {
			*part.to = matching(part.from)
		}
	}
	if len(t.Keys) > 0 {
		p.key = t.allowsKey
	}
	return p
}

func (t *saasTemplate) allowsKey(kind keyKind) bool {
	for _, key := range t.Keys {
		if !strings.EqualFold(key.Type, kind.algorithm) {
			continue
		}
		if kind.algorithm == keyRSA {
			if slices.Contains(key.Sizes, kind.bits) {
				return true
			}
			continue
		}
		if slices.ContainsFunc(key.Curves, func(curve string) bool { return curveName(curve) == kind.curve }) {
			return true
		}
	}
	return false
}
