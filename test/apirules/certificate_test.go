package apirules

import "strings"

const certificate = `
apiVersion: cert-manager.io/v1
kind: Certificate
spec:
  secretName: example-tls
  dnsNames: [example.com]
  issuerRef: {name: letsencrypt}
`

var certificateRows = []row{
	{rule: "a Certificate with little is accepted", base: certificate},
	{rule: "a Certificate has a spec", base: certificate, with: `spec: null`, want: "spec is required: say at least secretName"},
	{rule: "the spec of a Certificate cannot be removed", base: certificate, then: `spec: null`, want: "spec is required: say at least secretName"},

	{rule: "a Certificate has at least one name", base: certificate, with: `spec: {dnsNames: null}`, want: "set at least one of dnsNames"},
	{rule: "an empty list of names is no name", base: certificate, with: `spec: {dnsNames: [], ipAddresses: []}`, want: "set at least one of dnsNames"},
	{rule: "a common name is a name", base: certificate, with: `spec: {dnsNames: null, commonName: example.com}`},
	{rule: "an empty common name is no name", base: certificate, with: `spec: {dnsNames: null, commonName: ""}`, want: "set at least one of dnsNames"},
	{rule: "an IP address is a name", base: certificate, with: `spec: {dnsNames: null, ipAddresses: [192.0.2.1]}`},
	{rule: "a URI is a name", base: certificate, with: `spec: {dnsNames: null, uris: ["spiffe://example.com/a"]}`},
	{rule: "an e-mail address is a name", base: certificate, with: `spec: {dnsNames: null, emailAddresses: [jane@example.com]}`},
	{rule: "another name is a name", base: certificate, with: `spec: {dnsNames: null, otherNames: [{oid: 1.3.6.1.4.1.311.20.2.3, utf8Value: jane}]}`},
	{rule: "a CN in a literal subject is a name", base: certificate, with: `spec: {dnsNames: null, literalSubject: "O=Example,CN=example.com"}`},
	{rule: "a literal subject without CN is no name", base: certificate, with: `spec: {dnsNames: null, literalSubject: "O=Example"}`, want: "set at least one of dnsNames"},

	{rule: "a common name of 64 bytes is accepted", base: certificate, with: `spec: {commonName: ` + strings.Repeat("a", 64) + `}`},
	{rule: "a common name of 65 bytes is too long", base: certificate, with: `spec: {commonName: ` + strings.Repeat("a", 65) + `}`, want: "commonName must be at most 64 bytes long"},
	{rule: "a common name is measured in bytes, not in letters", base: certificate, with: `spec: {commonName: ` + strings.Repeat("ä", 33) + `}`, want: "commonName must be at most 64 bytes long"},
	{rule: "the CN of a literal subject is measured too", base: certificate, with: `spec: {literalSubject: "O=Example, CN=` + strings.Repeat("a", 65) + `"}`, want: "the CN in literalSubject must be at most 64 bytes long"},
	{rule: "only the CN of a literal subject is measured", base: certificate, with: `spec: {literalSubject: "CN=` + strings.Repeat("a", 64) + `,O=` + strings.Repeat("b", 80) + `"}`},

	{rule: "literal subject and common name exclude each other", base: certificate, with: `spec: {literalSubject: CN=a, commonName: a}`, want: "literalSubject and commonName exclude each other"},
	{rule: "literal subject and subject exclude each other", base: certificate, with: `spec: {literalSubject: CN=a, subject: {organizations: [Example]}}`, want: "literalSubject and subject exclude each other"},
	{rule: "literal subject and serial number exclude each other", base: certificate, with: `spec: {literalSubject: CN=a, subject: {serialNumber: "1"}}`, want: "literalSubject and subject exclude each other"},
	{rule: "literal subject and an empty subject are accepted", base: certificate, with: `spec: {literalSubject: CN=a, subject: {countries: []}}`},

	{rule: "a duration of one hour is accepted", base: certificate, with: `spec: {duration: 1h}`},
	{rule: "a duration of less than an hour is too short", base: certificate, with: `spec: {duration: 59m59s}`, want: "duration must be a Go duration of at least 1h"},
	{rule: "a duration is a Go duration", base: certificate, with: `spec: {duration: 90d}`, want: "duration must be a Go duration of at least 1h"},
	{rule: "renewBefore of five minutes is accepted", base: certificate, with: `spec: {renewBefore: 5m}`},
	{rule: "renewBefore of less than five minutes is too short", base: certificate, with: `spec: {renewBefore: 299s}`, want: "renewBefore must be a Go duration of at least 5m"},
	{rule: "renewBefore is less than duration", base: certificate, with: `spec: {duration: 24h, renewBefore: 24h}`, want: "renewBefore must be less than duration"},
	{rule: "renewBefore is less than the default duration", base: certificate, with: `spec: {renewBefore: 2160h}`, want: "renewBefore must be less than duration"},
	{rule: "renewBefore just below duration is accepted", base: certificate, with: `spec: {duration: 24h, renewBefore: 1439m}`},
	{rule: "renewBefore and a percentage exclude each other", base: certificate, with: `spec: {renewBefore: 24h, renewBeforePercentage: 20}`, want: "renewBefore and renewBeforePercentage exclude each other"},
	{rule: "one percent is accepted", base: certificate, with: `spec: {renewBeforePercentage: 1}`},
	{rule: "99 percent is accepted", base: certificate, with: `spec: {renewBeforePercentage: 99}`},
	{rule: "zero percent is refused", base: certificate, with: `spec: {renewBeforePercentage: 0}`, want: "renewBeforePercentage must be from 1 to 99"},
	{rule: "100 percent is refused", base: certificate, with: `spec: {renewBeforePercentage: 100}`, want: "renewBeforePercentage must be from 1 to 99"},

	{rule: "windows need a policy", base: certificate, with: `spec: {renewal: {windows: [{cron: "0 2 * * *", windowDuration: 2h}]}}`, want: "renewal.policy must be set to RenewBefore"},
	{rule: "windows with a policy are accepted", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "0 2 * * 1-5", windowDuration: 2h30m, timezone: Europe/Vienna}]}}`},
	{rule: "no windows when renewal is disabled", base: certificate, with: `spec: {renewal: {policy: Disabled, windows: [{cron: "0 2 * * *", windowDuration: 2h}]}}`, want: "renewal.windows must be empty"},
	{rule: "renewal can be disabled", base: certificate, with: `spec: {renewal: {policy: Disabled}}`},
	{rule: "cron has five fields", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "0 2 * *", windowDuration: 2h}]}}`, want: "cron must have five fields"},
	{rule: "cron has not six fields", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "0 0 2 * * *", windowDuration: 2h}]}}`, want: "cron must have five fields"},
	{rule: "cron may be a descriptor", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "@daily", windowDuration: 2h}]}}`},
	{rule: "cron may name its own time zone", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "CRON_TZ=Asia/Tokyo 0 2 * * *", windowDuration: 2h}]}}`},
	{rule: "cron is not empty", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "", windowDuration: 2h}]}}`, want: "at least 1 chars long"},
	{rule: "a window has a duration", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "0 2 * * *"}]}}`, want: "windowDuration: Required"},
	{rule: "a window's duration is in hours, minutes and seconds", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "0 2 * * *", windowDuration: 2d}]}}`, want: "should match"},
	{rule: "a window's duration can be represented", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "0 2 * * *", windowDuration: 9999999h}]}}`, want: "must be a Go duration"},
	{rule: "a time zone is not empty", base: certificate, with: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "0 2 * * *", windowDuration: 2h, timezone: ""}]}}`, want: "at least 1 chars long"},

	{rule: "an IPv6 address is accepted", base: certificate, with: `spec: {ipAddresses: ["2001:db8::1", "::"]}`},
	{rule: "an IPv4 address in IPv6 form is accepted", base: certificate, with: `spec: {ipAddresses: ["::ffff:192.0.2.1", "::FFFF:c000:201"]}`},
	{rule: "an IP address is no name", base: certificate, with: `spec: {ipAddresses: [example.com]}`, want: "ipAddresses must be IP addresses"},
	{rule: "an IP address has no prefix length", base: certificate, with: `spec: {ipAddresses: [192.0.2.0/24]}`, want: "ipAddresses must be IP addresses"},
	{rule: "an e-mail address has no display name", base: certificate, with: `spec: {emailAddresses: ["Jane <jane@example.com>"]}`, want: "emailAddresses must be bare addresses"},
	{rule: "an e-mail address has an at sign", base: certificate, with: `spec: {emailAddresses: [example.com]}`, want: "emailAddresses must be bare addresses"},
	{rule: "another name has an OID", base: certificate, with: `spec: {otherNames: [{utf8Value: jane}]}`, want: "oid must be an object identifier"},
	{rule: "the OID of another name is dotted", base: certificate, with: `spec: {otherNames: [{oid: upn, utf8Value: jane}]}`, want: "oid must be an object identifier"},
	{rule: "another name has a value", base: certificate, with: `spec: {otherNames: [{oid: 1.2.3}]}`, want: "utf8Value must not be empty"},

	{rule: "the name of the Secret is a DNS subdomain", base: certificate, with: `spec: {secretName: Example_TLS}`, want: "secretName must be a valid name of a Secret"},
	{rule: "the name of the Secret is not empty", base: certificate, with: `spec: {secretName: ""}`, want: "secretName must be a valid name of a Secret"},
	{rule: "the name of the Secret has at most 253 characters", base: certificate, with: `spec: {secretName: ` + strings.Repeat("a", 254) + `}`, want: "secretName must be a valid name of a Secret"},
	{rule: "the name of the Secret may have 253 characters", base: certificate, with: `spec: {secretName: ` + strings.Repeat("a", 126) + `.` + strings.Repeat("b", 126) + `}`},
	{rule: "the name of the Secret is required", base: certificate, with: `spec: {secretName: null}`, want: "spec.secretName: Required"},
	{rule: "the name of the Secret can be changed", base: certificate, then: `spec: {secretName: other-tls}`},

	{rule: "the issuer is required", base: certificate, with: `spec: {issuerRef: null}`, want: "spec.issuerRef: Required"},
	{rule: "the issuer has a name", base: certificate, with: `spec: {issuerRef: {name: ""}}`, want: "issuerRef.name must not be empty"},
	{rule: "a cluster issuer is accepted", base: certificate, with: `spec: {issuerRef: {kind: ClusterIssuer, group: cert-manager.io}}`},
	{rule: "the kind of an external issuer needs its group", base: certificate, with: `spec: {issuerRef: {kind: AWSPCAIssuer}}`, want: "issuerRef.kind must be Issuer or ClusterIssuer, or issuerRef.group must name"},
	{rule: "the default group has only two kinds of issuers", base: certificate, with: `spec: {issuerRef: {kind: AWSPCAIssuer, group: cert-manager.io}}`, want: "issuerRef.kind must be Issuer or ClusterIssuer"},
	{rule: "an external issuer may have any kind", base: certificate, with: `spec: {issuerRef: {kind: AWSPCAIssuer, group: awspca.cert-manager.io}}`},

	{rule: "an RSA key of 2048 bits is accepted", base: certificate, with: `spec: {privateKey: {size: 2048}}`},
	{rule: "an RSA key of 3000 bits is accepted", base: certificate, with: `spec: {privateKey: {algorithm: RSA, size: 3000}}`},
	{rule: "an RSA key is not too small", base: certificate, with: `spec: {privateKey: {size: 1024}}`, want: "privateKey.size must be from 2048 to 8192"},
	{rule: "an RSA key is not too large", base: certificate, with: `spec: {privateKey: {algorithm: RSA, size: 8193}}`, want: "privateKey.size must be from 2048 to 8192"},
	{rule: "an ECDSA key of 521 bits is accepted", base: certificate, with: `spec: {privateKey: {algorithm: ECDSA, size: 521}}`},
	{rule: "an ECDSA key has the size of a curve", base: certificate, with: `spec: {privateKey: {algorithm: ECDSA, size: 2048}}`, want: "privateKey.size must be 256, 384 or 521"},
	{rule: "the size of an Ed25519 key is ignored", base: certificate, with: `spec: {privateKey: {algorithm: Ed25519, size: 17}}`},
	{rule: "a key has a known algorithm", base: certificate, with: `spec: {privateKey: {algorithm: DSA}}`, want: "Unsupported value"},

	{rule: "a signature with RSA fits the default key", base: certificate, with: `spec: {signatureAlgorithm: SHA384WithRSA}`},
	{rule: "a signature with ECDSA does not fit the default key", base: certificate, with: `spec: {signatureAlgorithm: ECDSAWithSHA256}`, want: "signatureAlgorithm must fit privateKey.algorithm"},
	{rule: "a signature with ECDSA fits an ECDSA key", base: certificate, with: `spec: {signatureAlgorithm: ECDSAWithSHA256, privateKey: {algorithm: ECDSA}}`},
	{rule: "a signature with RSA does not fit an Ed25519 key", base: certificate, with: `spec: {signatureAlgorithm: SHA256WithRSA, privateKey: {algorithm: Ed25519}}`, want: "signatureAlgorithm must fit privateKey.algorithm"},
	{rule: "a signature with Ed25519 fits an Ed25519 key", base: certificate, with: `spec: {signatureAlgorithm: PureEd25519, privateKey: {algorithm: Ed25519}}`},

	{rule: "a history of one is accepted", base: certificate, with: `spec: {revisionHistoryLimit: 1}`},
	{rule: "a history of none is refused", base: certificate, with: `spec: {revisionHistoryLimit: 0}`, want: "revisionHistoryLimit must be at least 1"},
	{rule: "a usage is known", base: certificate, with: `spec: {usages: [server authentication]}`, want: "Unsupported value"},

	{rule: "name constraints are for CAs", base: certificate, with: `spec: {nameConstraints: {permitted: {dnsDomains: [example.com]}}}`, want: "nameConstraints are for CAs only"},
	{rule: "a CA may have name constraints", base: certificate, with: `spec: {isCA: true, nameConstraints: {excluded: {dnsDomains: [example.com]}}}`},
	{rule: "name constraints permit or exclude", base: certificate, with: `spec: {isCA: true, nameConstraints: {critical: true}}`, want: "nameConstraints must have permitted or excluded"},

	{rule: "a JKS keystore has a password", base: certificate, with: `spec: {keystores: {jks: {create: true}}}`, want: "set exactly one of passwordSecretRef and password"},
	{rule: "a JKS keystore has one password", base: certificate, with: `spec: {keystores: {jks: {create: true, password: a, passwordSecretRef: {name: a}}}}`, want: "set exactly one of passwordSecretRef and password"},
	{rule: "a JKS keystore has a password that is not empty", base: certificate, with: `spec: {keystores: {jks: {create: true, password: ""}}}`, want: "password must not be empty"},
	{rule: "a Secret without name is no password", base: certificate, with: `spec: {keystores: {jks: {create: true, passwordSecretRef: {name: ""}}}}`, want: "set exactly one of passwordSecretRef and password"},
	{rule: "a JKS password besides a Secret without name is accepted", base: certificate, with: `spec: {keystores: {jks: {create: true, password: a, passwordSecretRef: {name: ""}}}}`},
	{rule: "a PKCS#12 keystore has one password", base: certificate, with: `spec: {keystores: {pkcs12: {create: true, password: a, passwordSecretRef: {name: a, key: b}}}}`, want: "set exactly one of passwordSecretRef and password"},
	{rule: "a PKCS#12 keystore with a password from a Secret is accepted", base: certificate, with: `spec: {keystores: {pkcs12: {create: true, passwordSecretRef: {name: a, key: b}}}}`},

	{rule: "an output format is named once", base: certificate, with: `spec: {additionalOutputFormats: [{type: DER}, {type: DER}]}`, want: "additionalOutputFormats must name each type only once"},
	{rule: "two output formats are accepted", base: certificate, with: `spec: {additionalOutputFormats: [{type: DER}, {type: CombinedPEM}]}`},
	{rule: "three output formats are too many", base: certificate, with: `spec: {additionalOutputFormats: [{type: DER}, {type: CombinedPEM}, {type: DER}]}`, want: "additionalOutputFormats must name each type only once"},

	{rule: "the Secret's annotations are not ours", base: certificate, with: `spec: {secretTemplate: {annotations: {cert-manager.io/certificate-name: a}}}`, want: "secretTemplate.annotations must not have keys under cert-manager.io/"},
	{rule: "the Secret may allow injection", base: certificate, with: `spec: {secretTemplate: {annotations: {cert-manager.io/allow-direct-injection: "true", example.com/a: b, acme.cert-manager.io/a: b}}}`},

	{rule: "everything of a Certificate can be changed", base: certificate, then: `spec: {issuerRef: {name: other}, dnsNames: [example.org], isCA: true, duration: 24h}`},
	{rule: "a condition's status is known", base: certificate, then: `status: {conditions: [{type: Ready, status: Yes}]}`, want: "Unsupported value"},
	{rule: "a condition's type is there once", base: certificate, then: `status: {conditions: [{type: Ready, status: "True"}, {type: Ready, status: "False"}]}`, want: "Duplicate value"},
}
