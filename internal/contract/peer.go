package contract

// FeatureGates is the flag that turns features on and off by name.
const FeatureGates = "feature-gates"

// PeerFlags are the flags of the peer's controller with their defaults
// (contract, Appendix B), in the form in which they are written on a command
// line. Every one of them is accepted here.
var PeerFlags = map[string]string{
	"acme-http01-solver-extra-labels":              "",
	"acme-http01-solver-image":                     "",
	"acme-http01-solver-nameservers":               "",
	"acme-http01-solver-resource-limits-cpu":       "100m",
	"acme-http01-solver-resource-limits-memory":    "64Mi",
	"acme-http01-solver-resource-request-cpu":      "10m",
	"acme-http01-solver-resource-request-memory":   "64Mi",
	"acme-http01-solver-run-as-non-root":           "true",
	"acme-http01-solver-runtime-class-name":        "",
	"auto-certificate-annotations":                 "kubernetes.io/tls-acme",
	"certificate-request-maximum-backoff-duration": "32h0m0s",
	"certificate-request-minimum-backoff-duration": "1h0m0s",
	"cluster-issuer-ambient-credentials":           "true",
	"cluster-resource-namespace":                   "kube-system",
	"concurrent-workers":                           "5",
	"config":                                       "",
	"controllers":                                  "*",
	"copied-annotation-prefixes":                   "*,-kubectl.kubernetes.io/,-fluxcd.io/,-argocd.argoproj.io/",
	"default-issuer-group":                         "cert-manager.io",
	"default-issuer-kind":                          "Issuer",
	"default-issuer-name":                          "",
	"dns01-check-retry-period":                     "10s",
	"dns01-recursive-nameservers":                  "",
	"dns01-recursive-nameservers-only":             "false",
	"enable-certificate-owner-ref":                 "false",
	"enable-gateway-api":                           "false",
	"enable-gateway-api-listenerset":               "false",
	"enable-profiling":                             "false",
	"extra-certificate-annotations":                "",
	FeatureGates:                                   "",
	"gateway-api-extra-protocols":                  "",
	"issuer-ambient-credentials":                   "false",
	"kube-api-burst":                               "50",
	"kube-api-qps":                                 "20",
	"kubeconfig":                                   "",
	"leader-elect":                                 "true",
	"leader-election-lease-duration":               "1m0s",
	"leader-election-namespace":                    "kube-system",
	"leader-election-renew-deadline":               "40s",
	"leader-election-retry-period":                 "15s",
	"log-flush-frequency":                          "5s",
	"logging-format":                               "text",
	"master":                                       "",
	"max-certificate-bundle-size":                  "330000",
	"max-certificate-chain-length":                 "95000",
	"max-certificate-size":                         "36500",
	"max-concurrent-challenges":                    "60",
	"max-private-key-size":                         "13000",
	"metrics-dynamic-serving-ca-secret-name":       "",
	"metrics-dynamic-serving-ca-secret-namespace":  "",
	"metrics-dynamic-serving-dns-names":            "",
	"metrics-dynamic-serving-leaf-duration":        "168h0m0s",
	"metrics-listen-address":                       "0.0.0.0:9402",
	"metrics-tls-cert-file":                        "",
	"metrics-tls-cipher-suites":                    "",
	"metrics-tls-min-version":                      "",
	"metrics-tls-private-key-file":                 "",
	"namespace":                                    "",
	"profiler-address":                             "localhost:6060",
	"v":                                            "0",
	"vmodule":                                      "",
}

// ChartValues are the Helm values by which the chart sets flags. What is not
// among them goes into extraArgs.
var ChartValues = map[string]string{
	"acme-http01-solver-runtime-class-name": "acmesolver.runtimeClassName",
	"cluster-resource-namespace":            "clusterResourceNamespace",
	"default-issuer-group":                  "ingressShim.defaultIssuerGroup",
	"default-issuer-kind":                   "ingressShim.defaultIssuerKind",
	"default-issuer-name":                   "ingressShim.defaultIssuerName",
	"dns01-recursive-nameservers":           "dns01RecursiveNameservers",
	"dns01-recursive-nameservers-only":      "dns01RecursiveNameserversOnly",
	"enable-certificate-owner-ref":          "enableCertificateOwnerRef",
	FeatureGates:                            "featureGates",
	"leader-election-lease-duration":        "global.leaderElection.leaseDuration",
	"leader-election-namespace":             "global.leaderElection.namespace",
	"leader-election-renew-deadline":        "global.leaderElection.renewDeadline",
	"leader-election-retry-period":          "global.leaderElection.retryPeriod",
	"max-concurrent-challenges":             "maxConcurrentChallenges",
	"v":                                     "global.logLevel",
}

// Controllers are the names that --controllers can take out here, with a minus
// in front.
var Controllers = []string{"certificaterequests-approver", "certificatesigningrequests", "ingress-shim", "gateway-shim", "listenerset-shim"}
