package apirules

const (
	order = `
apiVersion: acme.cert-manager.io/v1
kind: Order
spec:
  request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K
  issuerRef: {name: letsencrypt}
  dnsNames: [example.com]
`
	challenge = `
apiVersion: acme.cert-manager.io/v1
kind: Challenge
spec:
  url: https://acme.example.com/chall/1
  authorizationURL: https://acme.example.com/authz/1
  dnsName: example.com
  type: HTTP-01
  token: token
  key: token.thumbprint
  issuerRef: {name: letsencrypt}
  solver: {http01: {ingress: {}}}
`
)

// authorization makes the one authorization of an Order.
func authorization(yaml string) string { return "status: {authorizations: [{" + yaml + "}]}" }

const known = `url: "https://a", identifier: example.com, wildcard: false, initialState: pending, challenges: [{type: http-01, url: "https://c", token: t}]`

var orderRows = []row{
	{rule: "an Order with little is accepted", base: order},
	{rule: "an Order's duration is a Go duration", base: order, with: `spec: {duration: 90d}`, want: "must be a Go duration"},
	{rule: "an Order's request cannot be changed", base: order, then: `spec: {request: YQ==}`, want: "request cannot be changed: create another Order"},
	{rule: "an Order's state is known", base: order, then: `status: {state: done}`, want: "Unsupported value"},

	{rule: "an Order's URL can be set", base: order, then: `status: {url: "https://a"}`},
	{rule: "an Order's URL cannot be changed", base: order, with: `status: {url: "https://a"}`, then: `status: {url: "https://b"}`, want: "url cannot be changed once it is set"},
	{rule: "an Order's URL cannot be removed", base: order, with: `status: {url: "https://a", state: pending}`, then: `status: {url: null}`, want: "url cannot be changed once it is set"},
	{rule: "an Order's status cannot be removed", base: order, with: `status: {url: "https://a"}`, then: `status: null`, want: "url cannot be changed once it is set"},
	{rule: "an Order's finalize URL cannot be changed", base: order, with: `status: {finalizeURL: "https://a"}`, then: `status: {finalizeURL: "https://b"}`, want: "finalizeURL cannot be changed once it is set"},
	{rule: "an Order's certificate cannot be changed", base: order, with: `status: {certificate: YQ==}`, then: `status: {certificate: Yg==}`, want: "certificate cannot be changed once it is set"},
	{rule: "an Order's state and reason can be changed", base: order, with: `status: {url: "https://a", finalizeURL: "https://f", certificate: YQ==, state: pending, reason: a}`, then: `status: {state: valid, reason: b}`},

	{rule: "an Order's authorizations can be set", base: order, with: `status: {url: "https://a"}`, then: authorization(`url: "https://a"`)},
	{rule: "an authorization cannot be added", base: order, with: authorization(`url: "https://a"`), then: `status: {authorizations: [{url: "https://a"}, {url: "https://b"}]}`, want: "authorizations cannot be added or removed"},
	{rule: "an authorization cannot be removed", base: order, with: authorization(`url: "https://a"`), then: `status: {authorizations: null}`, want: "authorizations cannot be added or removed"},
	{rule: "what was not known of an authorization can be set", base: order, with: authorization(`url: "https://a"`), then: authorization(known)},
	{rule: "what is known of an authorization can be said again", base: order, with: authorization(known), then: authorization(known)},
	{rule: "an authorization's URL cannot be changed", base: order, with: authorization(`url: "https://a"`), then: authorization(`url: "https://b"`), want: "url of an authorization cannot be changed"},
	{rule: "an authorization's identifier cannot be changed", base: order, with: authorization(`url: a, identifier: b`), then: authorization(`url: a, identifier: c`), want: "identifier of an authorization cannot be changed"},
	{rule: "an authorization's identifier cannot be removed", base: order, with: authorization(`url: a, identifier: b`), then: authorization(`url: a`), want: "identifier of an authorization cannot be changed"},
	{rule: "an authorization's wildcard cannot be changed", base: order, with: authorization(`url: a, wildcard: false`), then: authorization(`url: a, wildcard: true`), want: "wildcard of an authorization cannot be changed"},
	{rule: "an authorization's wildcard cannot be removed", base: order, with: authorization(`url: a, wildcard: false`), then: authorization(`url: a`), want: "wildcard of an authorization cannot be changed"},
	{rule: "an authorization's first state cannot be changed", base: order, with: authorization(`url: a, initialState: pending`), then: authorization(`url: a, initialState: valid`), want: "initialState of an authorization cannot be changed"},
	{rule: "an authorization's challenges cannot be changed", base: order, with: authorization(`url: a, challenges: [{type: b, url: c, token: d}]`), then: authorization(`url: a, challenges: [{type: b, url: c, token: e}]`), want: "challenges of an authorization cannot be changed"},
	{rule: "an authorization's challenges cannot be added", base: order, with: authorization(`url: a, challenges: [{type: b, url: c, token: d}]`), then: authorization(`url: a, challenges: [{type: b, url: c, token: d}, {type: e, url: f, token: g}]`), want: "challenges of an authorization cannot be changed"},
	{rule: "an authorization's challenges cannot be removed", base: order, with: authorization(`url: a, challenges: [{type: b, url: c, token: d}]`), then: authorization(`url: a`), want: "challenges of an authorization cannot be changed"},
}

var challengeRows = []row{
	{rule: "a Challenge with little is accepted", base: challenge},
	{rule: "a Challenge is of a type that can be solved", base: challenge, with: `spec: {type: TLS-ALPN-01}`, want: "Unsupported value"},
	{rule: "a Challenge's solver follows the rules of solvers", base: challenge, with: `spec: {solver: {http01: null}}`, want: "set exactly one of http01 and dns01"},
	{rule: "a Challenge's URL cannot be changed", base: challenge, then: `spec: {url: "https://b"}`, want: "url cannot be changed"},
	{rule: "a Challenge's authorization cannot be changed", base: challenge, then: `spec: {authorizationURL: "https://b"}`, want: "authorizationURL cannot be changed"},
	{rule: "a Challenge's name cannot be changed", base: challenge, then: `spec: {dnsName: example.org}`, want: "dnsName cannot be changed"},
	{rule: "a Challenge's wildcard cannot be changed", base: challenge, then: `spec: {wildcard: true}`, want: "wildcard cannot be changed"},
	{rule: "a Challenge's type cannot be changed", base: challenge, then: `spec: {type: DNS-01}`, want: "type cannot be changed"},
	{rule: "a Challenge's token cannot be changed", base: challenge, then: `spec: {token: b}`, want: "token cannot be changed"},
	{rule: "a Challenge's key cannot be changed", base: challenge, then: `spec: {key: b}`, want: "key cannot be changed"},
	{rule: "a Challenge's issuer cannot be changed", base: challenge, then: `spec: {issuerRef: {kind: ClusterIssuer}}`, want: "issuerRef cannot be changed"},
	{rule: "a Challenge's solver cannot be changed", base: challenge, then: `spec: {solver: {http01: {ingress: {ingressClassName: nginx}}}}`, want: "solver cannot be changed"},
	{rule: "a Challenge's selector cannot be added", base: challenge, then: `spec: {solver: {selector: {dnsZones: [a]}}}`, want: "solver cannot be changed"},
	{rule: "a Challenge's wait cannot be changed", base: challenge, with: `spec: {solver: {waitInsteadOfSelfCheck: 1m}}`, then: `spec: {solver: {waitInsteadOfSelfCheck: 2m}}`, want: "solver cannot be changed"},
	{rule: "a Challenge's wait may be written in another way", base: challenge, with: `spec: {solver: {waitInsteadOfSelfCheck: 90s}}`, then: `spec: {solver: {waitInsteadOfSelfCheck: 1m30s}}`},
	{rule: "a Challenge's wildcard may be left out", base: challenge, with: `spec: {wildcard: false}`, then: `spec: {wildcard: null}`},
	{rule: "a Challenge's finalizers can be changed", base: challenge, then: `metadata: {finalizers: []}`},
	{rule: "a Challenge's status can be changed", base: challenge, with: `status: {processing: true, presented: true, presentedAt: "2026-01-01T00:00:00Z"}`, then: `status: {processing: false, presented: false, state: valid}`},
}
