package apirules

import "strings"

const (
	selfSigned = `
apiVersion: cert-manager.io/v1
kind: Issuer
spec:
  selfSigned: {}
`
	clusterCA = `
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
spec:
  ca: {secretName: root}
`
	acme = `
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
spec:
  acme:
    server: https://acme.example.com/directory
    privateKeySecretRef: {name: account}
    solvers: [{http01: {ingress: {}}}]
`
)

var issuerRows = []row{
	{rule: "a self-signed Issuer is accepted", base: selfSigned},
	{rule: "a ClusterIssuer with a CA is accepted", base: clusterCA},
	{rule: "an ACME issuer is accepted", base: acme},
	{rule: "an Issuer has a spec", base: selfSigned, with: `spec: null`, want: "spec: Required"},
	{rule: "an issuer signs somehow", base: selfSigned, with: `spec: {selfSigned: null}`, want: "set exactly one of acme, ca, vault, selfSigned and venafi"},
	{rule: "an issuer does not sign in two ways", base: selfSigned, with: `spec: {ca: {secretName: root}}`, want: "set exactly one of acme, ca, vault, selfSigned and venafi"},
	{rule: "a ClusterIssuer does not sign in two ways", base: clusterCA, with: `spec: {selfSigned: {}}`, want: "set exactly one of acme, ca, vault, selfSigned and venafi"},
	{rule: "an issuer can be changed to sign in another way", base: clusterCA, then: `spec: {ca: null, selfSigned: {}}`},

	{rule: "a CA has a Secret", base: clusterCA, with: `spec: {ca: {secretName: ""}}`, want: "ca.secretName must not be empty"},
	{rule: "a CA's OCSP servers are not empty", base: clusterCA, with: `spec: {ca: {ocspServers: ["http://a", ""]}}`, want: "ocspServers must not hold an empty string"},
	{rule: "a CA's issuing URLs are not empty", base: clusterCA, with: `spec: {ca: {issuingCertificateURLs: [""]}}`, want: "issuingCertificateURLs must not hold an empty string"},
	{rule: "a CA's revocation lists are not empty", base: clusterCA, with: `spec: {ca: {crlDistributionPoints: [""]}}`, want: "crlDistributionPoints must not hold an empty string"},
	{rule: "a self-signed issuer's revocation lists are not empty", base: selfSigned, with: `spec: {selfSigned: {crlDistributionPoints: [""]}}`, want: "crlDistributionPoints must not hold an empty string"},

	{rule: "an ACME issuer has a server", base: acme, with: `spec: {acme: {server: ""}}`, want: "acme.server must not be empty"},
	{rule: "an ACME issuer has an account key", base: acme, with: `spec: {acme: {privateKeySecretRef: {name: ""}}}`, want: "privateKeySecretRef.name must not be empty"},
	{rule: "an ACME issuer may do without solvers", base: acme, with: `spec: {acme: {solvers: null}}`},
	{rule: "an ACME issuer verifies its server in one way", base: acme, with: `spec: {acme: {caBundle: YQ==, skipTLSVerify: true}}`, want: "caBundle and skipTLSVerify exclude each other"},
	{rule: "an ACME issuer's CA bundle may hold any text", base: acme, with: `spec: {acme: {caBundle: +/+/}}`, then: `spec: {acme: {email: jane@example.com}}`},
	{rule: "an ACME issuer need not verify its server", base: acme, with: `spec: {acme: {skipTLSVerify: true}}`},
	{rule: "an external account has a key ID", base: acme, with: `spec: {acme: {externalAccountBinding: {keyID: "", keySecretRef: {name: a, key: b}}}}`, want: "externalAccountBinding.keyID must not be empty"},
	{rule: "an external account has a key", base: acme, with: `spec: {acme: {externalAccountBinding: {keyID: a, keySecretRef: {name: a}}}}`, want: "externalAccountBinding.keySecretRef must say name and key"},
	{rule: "an external account is accepted", base: acme, with: `spec: {acme: {externalAccountBinding: {keyID: a, keySecretRef: {name: a, key: b}}}}`},
	{rule: "a preferred chain is a common name", base: acme, with: `spec: {acme: {preferredChain: ` + strings.Repeat("a", 65) + `}}`, want: "may not be more than 64"},
}

// solver makes the one solver of an ACME issuer.
func solver(yaml string) string { return "spec: {acme: {solvers: [" + yaml + "]}}" }

var solverRows = []row{
	{rule: "a solver solves somehow", base: acme, with: solver(`{selector: {dnsZones: [example.com]}}`), want: "set exactly one of http01 and dns01"},
	{rule: "a solver does not solve in two ways", base: acme, with: solver(`{http01: {ingress: {}}, dns01: {webhook: {groupName: a, solverName: b}}}`), want: "set exactly one of http01 and dns01"},
	{rule: "a wait is accepted", base: acme, with: solver(`{waitInsteadOfSelfCheck: 90s, http01: {ingress: {}}}`)},
	{rule: "a wait of nothing is accepted", base: acme, with: solver(`{waitInsteadOfSelfCheck: 0s, http01: {ingress: {}}}`)},
	{rule: "a wait is not negative", base: acme, with: solver(`{waitInsteadOfSelfCheck: -1s, http01: {ingress: {}}}`), want: "waitInsteadOfSelfCheck must be a Go duration that is not negative"},
	{rule: "a wait is a Go duration", base: acme, with: solver(`{waitInsteadOfSelfCheck: a while, http01: {ingress: {}}}`), want: "waitInsteadOfSelfCheck must be a Go duration"},
	{rule: "HTTP-01 leads somewhere", base: acme, with: solver(`{http01: {}}`), want: "set exactly one of ingress and gatewayHTTPRoute"},
	{rule: "HTTP-01 does not lead to two places", base: acme, with: solver(`{http01: {ingress: {}, gatewayHTTPRoute: {}}}`), want: "set exactly one of ingress and gatewayHTTPRoute"},
	{rule: "a Gateway is accepted without parents", base: acme, with: solver(`{http01: {gatewayHTTPRoute: {}}}`)},
	{rule: "a Gateway is accepted with a parent", base: acme, with: solver(`{http01: {gatewayHTTPRoute: {serviceType: ClusterIP, parentRefs: [{name: gateway, kind: Gateway}]}}}`)},
	{rule: "a parent has a name", base: acme, with: solver(`{http01: {gatewayHTTPRoute: {parentRefs: [{kind: Gateway}]}}}`), want: "parentRefs[0].name: Required"},
	{rule: "an Ingress has one class", base: acme, with: solver(`{http01: {ingress: {class: nginx, ingressClassName: nginx}}}`), want: "set at most one of ingressClassName, class and name"},
	{rule: "an existing Ingress has its own class", base: acme, with: solver(`{http01: {ingress: {name: a, ingressClassName: nginx}}}`), want: "set at most one of ingressClassName, class and name"},
	{rule: "an empty name of an Ingress is none", base: acme, with: solver(`{http01: {ingress: {name: "", ingressClassName: nginx}}}`)},
	{rule: "an Ingress class is a name", base: acme, with: solver(`{http01: {ingress: {ingressClassName: azure/application-gateway}}}`), want: "ingressClassName must be the name of an IngressClass"},
	{rule: "the older class is any string", base: acme, with: solver(`{http01: {ingress: {class: azure/application-gateway}}}`)},
	{rule: "a solver's Service of an Ingress is inside", base: acme, with: solver(`{http01: {ingress: {serviceType: LoadBalancer}}}`), want: "serviceType must be ClusterIP, NodePort or empty"},
	{rule: "a solver's Service of a Gateway is inside", base: acme, with: solver(`{http01: {gatewayHTTPRoute: {serviceType: ExternalName}}}`), want: "serviceType must be ClusterIP, NodePort or empty"},
	{rule: "a solver's Service may be empty", base: acme, with: solver(`{http01: {ingress: {serviceType: ""}}}`)},
}
