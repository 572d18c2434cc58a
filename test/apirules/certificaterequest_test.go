package apirules

const certificateRequest = `
apiVersion: cert-manager.io/v1
kind: CertificateRequest
spec:
  request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K
  issuerRef: {name: letsencrypt}
`

var certificateRequestRows = []row{
	{rule: "a CertificateRequest with little is accepted", base: certificateRequest},
	{rule: "a CertificateRequest has a spec", base: certificateRequest, with: `spec: null`, want: "spec is required: say at least issuerRef and request"},
	{rule: "the spec of a CertificateRequest cannot be removed", base: certificateRequest, then: `spec: null`, want: "spec cannot be removed"},
	{rule: "a request is PEM", base: certificateRequest, with: `spec: {request: aW52YWxpZC1jc3I=}`, want: "request must be a PEM-encoded certificate signing request"},
	{rule: "a request is bare PEM", base: certificateRequest, with: `spec: {request: +/+/LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K}`, want: "request must be a PEM-encoded certificate signing request without text around it"},
	{rule: "an issued certificate may have any text around it", base: certificateRequest, with: `status: {certificate: +/+/, ca: +/+/}`, then: `status: {conditions: [{type: Ready, status: "True"}]}`},
	{rule: "a request is not empty", base: certificateRequest, with: `spec: {request: ""}`, want: "must be of type byte"},
	{rule: "a request's issuer has a name", base: certificateRequest, with: `spec: {issuerRef: {name: ""}}`, want: "issuerRef.name must not be empty"},
	{rule: "a request to an external issuer needs its group", base: certificateRequest, with: `spec: {issuerRef: {kind: AWSPCAIssuer}}`, want: "issuerRef.kind must be Issuer or ClusterIssuer, or issuerRef.group must name"},
	{rule: "a request's duration is a Go duration", base: certificateRequest, with: `spec: {duration: 90d}`, want: "must be a Go duration"},

	{rule: "the request cannot be changed", base: certificateRequest, then: `spec: {request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KCg==}`, want: "request cannot be changed"},
	{rule: "the issuer of a request cannot be changed", base: certificateRequest, then: `spec: {issuerRef: {name: other}}`, want: "issuerRef cannot be changed"},
	{rule: "the kind of a request's issuer cannot be changed", base: certificateRequest, then: `spec: {issuerRef: {kind: Issuer}}`, want: "issuerRef cannot be changed"},
	{rule: "the group of a request's issuer cannot be changed", base: certificateRequest, with: `spec: {issuerRef: {group: example.com}}`, then: `spec: {issuerRef: {group: null}}`, want: "issuerRef cannot be changed"},
	{rule: "the duration of a request cannot be changed", base: certificateRequest, with: `spec: {duration: 24h}`, then: `spec: {duration: 25h}`, want: "duration cannot be changed"},
	{rule: "the duration of a request cannot be added", base: certificateRequest, then: `spec: {duration: 25h}`, want: "duration cannot be changed"},
	{rule: "the duration of a request cannot be removed", base: certificateRequest, with: `spec: {duration: 24h}`, then: `spec: {duration: null}`, want: "duration cannot be changed"},
	{rule: "the usages of a request cannot be changed", base: certificateRequest, with: `spec: {usages: [server auth]}`, then: `spec: {usages: [client auth]}`, want: "usages cannot be changed"},
	{rule: "a request cannot be turned into one for a CA", base: certificateRequest, then: `spec: {isCA: true}`, want: "isCA cannot be changed"},
	{rule: "the user of a request cannot be changed", base: certificateRequest, with: `spec: {username: jane}`, then: `spec: {username: joe}`, want: "username cannot be changed"},
	{rule: "the UID of a request's user cannot be added", base: certificateRequest, then: `spec: {uid: "1"}`, want: "uid cannot be changed"},
	{rule: "the groups of a request's user cannot be changed", base: certificateRequest, with: `spec: {groups: [a]}`, then: `spec: {groups: [a, b]}`, want: "groups cannot be changed"},
	{rule: "what else is known of a request's user cannot be changed", base: certificateRequest, with: `spec: {extra: {a: [b]}}`, then: `spec: {extra: {a: [c]}}`, want: "extra cannot be changed"},

	// What a client with typed objects makes of an object that it reads and
	// writes again is no change.
	{rule: "a duration may be written in another way", base: certificateRequest, with: `spec: {duration: 1h}`, then: `spec: {duration: 1h0m0s}`},
	{rule: "what is empty may be left out", base: certificateRequest,
		with: `spec: {isCA: false, usages: [], groups: [], extra: {}, username: "", uid: "", issuerRef: {kind: "", group: ""}}`,
		then: `spec: {isCA: null, usages: null, groups: null, extra: null, username: null, uid: null, issuerRef: {kind: null, group: null}}`},
	{rule: "labels of a request can be changed", base: certificateRequest, then: `metadata: {labels: {a: b}}`},

	{rule: "a request can be approved", base: certificateRequest, then: `status: {conditions: [{type: Approved, status: "True", reason: a}]}`},
	{rule: "a request is not half approved", base: certificateRequest, then: `status: {conditions: [{type: Approved, status: "False"}]}`, want: "the conditions Approved and Denied can only be True"},
	{rule: "a denial is not unknown", base: certificateRequest, then: `status: {conditions: [{type: Denied, status: Unknown}]}`, want: "the conditions Approved and Denied can only be True"},
	{rule: "a request is approved or denied", base: certificateRequest, then: `status: {conditions: [{type: Approved, status: "True"}, {type: Denied, status: "True"}]}`, want: "the conditions Approved and Denied exclude each other"},
	{rule: "an approval cannot be taken back", base: certificateRequest, with: `status: {conditions: [{type: Approved, status: "True"}]}`, then: `status: {conditions: [{type: Ready, status: "False"}]}`, want: "the condition Approved cannot be taken back"},
	{rule: "an approval cannot be taken back with all conditions", base: certificateRequest, with: `status: {conditions: [{type: Approved, status: "True"}]}`, then: `status: {conditions: null}`, want: "the condition Approved cannot be taken back"},
	{rule: "an approval cannot be taken back with the whole status", base: certificateRequest, with: `status: {conditions: [{type: Approved, status: "True"}]}`, then: `status: null`, want: "the condition Approved cannot be taken back"},
	{rule: "a denial cannot be taken back", base: certificateRequest, with: `status: {conditions: [{type: Denied, status: "True"}]}`, then: `status: {conditions: []}`, want: "the condition Denied cannot be taken back"},
	{rule: "a denial cannot become an approval", base: certificateRequest, with: `status: {conditions: [{type: Denied, status: "True"}]}`, then: `status: {conditions: [{type: Approved, status: "True"}]}`, want: "the condition Denied cannot be taken back"},
	{rule: "the reason of an approval cannot be changed", base: certificateRequest, with: `status: {conditions: [{type: Approved, status: "True", reason: a}]}`, then: `status: {conditions: [{type: Approved, status: "True", reason: b}]}`, want: "the conditions Approved and Denied cannot be changed once they are set"},
	{rule: "the message of a denial cannot be changed", base: certificateRequest, with: `status: {conditions: [{type: Denied, status: "True", message: a}]}`, then: `status: {conditions: [{type: Denied, status: "True", message: b}]}`, want: "the conditions Approved and Denied cannot be changed once they are set"},
	{rule: "the time of an approval cannot be changed", base: certificateRequest, with: `status: {conditions: [{type: Approved, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z"}]}`, then: `status: {conditions: [{type: Approved, status: "True", lastTransitionTime: "2026-01-02T00:00:00Z"}]}`, want: "the conditions Approved and Denied cannot be changed once they are set"},
	{rule: "an approved request can be issued", base: certificateRequest,
		with: `status: {conditions: [{type: Approved, status: "True", reason: a, message: "", lastTransitionTime: "2026-01-01T01:00:00+01:00"}]}`,
		then: `status: {certificate: YQ==, ca: Yg==, conditions: [{type: Ready, status: "True", reason: Issued}, {type: Approved, status: "True", reason: a, message: null, lastTransitionTime: "2026-01-01T00:00:00Z"}]}`},
	{rule: "Ready can change at will", base: certificateRequest, with: `status: {conditions: [{type: Ready, status: "False"}]}`, then: `status: {conditions: [{type: Ready, status: "True"}]}`},
}
