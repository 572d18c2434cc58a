package venafi

import (
	"slices"
	"strings"
)

// tppPolicy is the policy of a folder, as certificates/checkpolicy gives it.
type tppPolicy struct {
	KeyPair struct {
		KeyAlgorithm  lockable[string]
		KeySize       lockable[int]
		EllipticCurve lockable[string]
	}
	SubjAltNameDnsAllowed   bool //nolint:revive // as the API names it
	SubjAltNameEmailAllowed bool
	SubjAltNameIpAllowed    bool //nolint:revive // as the API names it
	SubjAltNameUriAllowed   bool //nolint:revive // as the API names it
	Subject                 struct {
		City, Country, Organization, State lockable[string]
		OrganizationalUnit                 struct {
			Locked bool
			Values []string
		}
	}
	WhitelistedDomains []string
	WildcardsAllowed   bool
}

// lockable is a value that is the default, or the only one if it is locked.
type lockable[T any] struct {
	Locked bool
	Value  T
}

// policy says what the folder allows.
func (t *tppPolicy) policy(said string) *policy {
	p := &policy{
		said:         said,
		organization: only(t.Subject.Organization),
		locality:     only(t.Subject.City),
		province:     only(t.Subject.State),
		country:      only(t.Subject.Country),
		key:          t.allowsKey,
	}
	if unit := t.Subject.OrganizationalUnit; unit.Locked {
		p.organizationalUnit = func(value string) bool { return slices.Contains(unit.Values, value) }
	}
	if len(t.WhitelistedDomains) > 0 || !t.WildcardsAllowed {
		p.commonName, p.dns = t.allowsName, t.allowsName
	}
	if len(t.WhitelistedDomains) == 0 && !t.SubjAltNameDnsAllowed {
		p.dns = none
	}
	for _, kind := range []struct {
		is bool
		to *allowed
	}{
		{t.SubjAltNameEmailAllowed, &p.email},
		{t.SubjAltNameIpAllowed, &p.ip},
		{t.SubjAltNameUriAllowed, &p.uri},
	} {
		if !kind.is {
			*kind.to = none
		}
	}
	return p
}

func only(value lockable[string]) allowed {
	if !value.Locked {
		return nil
	}
	return func(other string) bool { return other == value.Value }
}

// allowsName says whether a name is in one of the domains, if there are any:
// in example.com and below it, or only below it if it is written .example.com.
func (t *tppPolicy) allowsName(name string) bool {
	name = strings.ToLower(name)
	rest, wildcard := strings.CutPrefix(name, "*.")
	if wildcard {
		if !t.WildcardsAllowed {
			return false
		}
		// What is to be below a domain is so if the wildcard stands for the rest.
		name = "x." + rest
	}
	if len(t.WhitelistedDomains) == 0 {
		return true
	}
	return slices.ContainsFunc(t.WhitelistedDomains, func(domain string) bool {
		domain, below := strings.CutPrefix(strings.ToLower(domain), ".")
		return strings.HasSuffix(name, "."+domain) || (!below && name == domain)
	})
}

// allowsKey: of RSA, the size is the least; of elliptic curves, the curve is the
// one. There is no Ed25519.
func (t *tppPolicy) allowsKey(kind keyKind) bool {
	pair := &t.KeyPair
	if algorithm := pair.KeyAlgorithm; algorithm.Locked {
		isRSA := strings.EqualFold(algorithm.Value, keyRSA)
		if isRSA != (kind.algorithm == keyRSA) {
			return false
		}
	}
	if kind.algorithm == keyRSA {
		return !pair.KeySize.Locked || kind.bits >= pair.KeySize.Value
	}
	if kind.curve == curveEd25519 {
		return false
	}
	return !pair.EllipticCurve.Locked || curveName(pair.EllipticCurve.Value) == kind.curve
}
