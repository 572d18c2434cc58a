package apirules

const (
	revocation = `
apiVersion: certwright.dev/v1alpha1
kind: Revocation
spec:
  target: {certificateName: shop}
`
	reissue = `
apiVersion: certwright.dev/v1alpha1
kind: Reissue
spec:
  selector: {labels: {matchLabels: {app: shop}}}
`
	// The tests give it a name that is no hash.
	compromisedKey = `
apiVersion: certwright.dev/v1alpha1
kind: CompromisedKey
spec: {message: found in a public repository}
`
	listingCA = `
apiVersion: cert-manager.io/v1
kind: Issuer
spec:
  ca: {secretName: root, crl: {}}
`
)

var revocationRows = []row{
	{rule: "a Revocation of a Certificate is accepted", base: revocation},
	{rule: "a Revocation has one target", base: revocation, with: `spec: {target: {secretName: shop-tls}}`, want: "name the target by exactly one of"},
	{rule: "a Revocation has a target", base: revocation, with: `spec: {target: {certificateName: null}}`, want: "name the target by exactly one of"},
	{rule: "a Revocation by PEM has an issuer", base: revocation, with: `spec: {target: {certificateName: null, pem: x}}`, want: "pem needs issuerRef"},
	{rule: "a Revocation by PEM with an issuer is accepted", base: revocation, with: `spec: {target: {certificateName: null, pem: x, issuerRef: {name: ca}}}`},
	{rule: "a Revocation by name has no issuer", base: revocation, with: `spec: {target: {issuerRef: {name: ca}}}`, want: "pem needs issuerRef"},
	{rule: "a Revocation by request issues nothing anew", base: revocation, with: `spec: {reissue: First, target: {certificateName: null, certificateRequestName: shop-1}}`, want: "reissue First needs a target with"},
	{rule: "a Revocation by Secret may issue anew", base: revocation, with: `spec: {reissue: First, target: {certificateName: null, secretName: shop-tls}}`},
	{rule: "a Revocation has a reason that can not be taken back", base: revocation, with: `spec: {reason: certificateHold}`, want: "Unsupported value"},
	{rule: "a Revocation holds for a week at most", base: revocation, with: `spec: {hold: 169h}`, want: "hold must be between"},
	{rule: "a Revocation need not hold", base: revocation, with: `spec: {hold: 0s}`},
	{rule: "a Revocation cannot be changed", base: revocation, then: `spec: {reason: superseded}`, want: "a Revocation cannot be changed"},

	{rule: "a Reissue by labels is accepted", base: reissue},
	{rule: "a Reissue of everything says so", base: reissue, with: `spec: {selector: {labels: {matchLabels: null}}}`},
	{rule: "a Reissue selects something", base: reissue, with: `spec: {selector: {labels: null}}`, want: "say at least one of labels"},
	{rule: "a Reissue's selector cannot be changed", base: reissue, then: `spec: {selector: {labels: {matchLabels: {app: mail}}}}`, want: "selector cannot be changed"},
	{rule: "a Reissue cannot begin to revoke", base: reissue, then: `spec: {revoke: {reason: superseded}}`, want: "revoke cannot be changed"},
	{rule: "a Reissue's reason cannot be changed", base: reissue, with: `spec: {revoke: {reason: superseded}}`, then: `spec: {revoke: {reason: keyCompromise}}`, want: "revoke cannot be changed"},
	{rule: "a Reissue's pace can be changed", base: reissue, then: `spec: {perHour: 5, maxInFlight: 3, paused: true}`},
	{rule: "a dry run can become real", base: reissue, with: `spec: {dryRun: true}`, then: `spec: {dryRun: false}`},
	{rule: "a Reissue that runs cannot become a dry run", base: reissue, then: `spec: {dryRun: true}`, want: "cannot become a dry run"},

	{rule: "a CompromisedKey is named by its hash", base: compromisedKey, want: "the name is the SHA-256 hash"},

	{rule: "a CA's lists may be as they come", base: listingCA},
	{rule: "a CA's lists are valid for an hour at least", base: listingCA, with: `spec: {ca: {crl: {validity: 59m}}}`, want: "validity must be between"},
	{rule: "a CA's lists are valid for a year at most", base: listingCA, with: `spec: {ca: {crl: {validity: 8785h}}}`, want: "validity must be between"},
	{rule: "a CA's lists are fetched over plain HTTP", base: listingCA, with: `spec: {ca: {crl: {url: "https://a/ca.crl"}}}`, want: "spec.ca.crl.url"},
}
