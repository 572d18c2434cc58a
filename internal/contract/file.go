package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"
)

// What the file of --config has to say that it is (contract, section 3).
const (
	FileVersion = "controller.config.cert-manager.io/v1alpha1"
	FileKind    = "ControllerConfiguration"
)

// FileFields are the flags behind the fields of the file. A field that is not
// among them is called as its flag is.
var FileFields = map[string]string{ //nolint:gosec // names of settings
	"kubeConfig":                                          "kubeconfig",
	"apiServerHost":                                       "master",
	"kubernetesAPIQPS":                                    "kube-api-qps",
	"kubernetesAPIBurst":                                  "kube-api-burst",
	"clusterResourceNamespace":                            "cluster-resource-namespace",
	"leaderElectionConfig.enabled":                        "leader-elect",
	"leaderElectionConfig.namespace":                      "leader-election-namespace",
	"leaderElectionConfig.leaseDuration":                  "leader-election-lease-duration",
	"leaderElectionConfig.renewDeadline":                  "leader-election-renew-deadline",
	"leaderElectionConfig.retryPeriod":                    "leader-election-retry-period",
	"issuerAmbientCredentials":                            "issuer-ambient-credentials",
	"clusterIssuerAmbientCredentials":                     "cluster-issuer-ambient-credentials",
	"enableCertificateOwnerRef":                           "enable-certificate-owner-ref",
	"copiedAnnotationPrefixes":                            "copied-annotation-prefixes",
	"numberOfConcurrentWorkers":                           "concurrent-workers",
	"maxConcurrentChallenges":                             "max-concurrent-challenges",
	"metricsListenAddress":                                "metrics-listen-address",
	"metricsTLSConfig.filesystem.certFile":                "metrics-tls-cert-file",
	"metricsTLSConfig.filesystem.keyFile":                 "metrics-tls-private-key-file",
	"metricsTLSConfig.cipherSuites":                       "metrics-tls-cipher-suites",
	"metricsTLSConfig.minTLSVersion":                      "metrics-tls-min-version",
	"healthzListenAddress":                                "health-listen-address",
	"enablePprof":                                         "enable-profiling",
	"pprofAddress":                                        "profiler-address",
	"logging.format":                                      "logging-format",
	"logging.verbosity":                                   "v",
	"logging.flushFrequency":                              "log-flush-frequency",
	"featureGates":                                        FeatureGates,
	"enableGatewayAPI":                                    "enable-gateway-api",
	"enableGatewayAPIListenerSet":                         "enable-gateway-api-listenerset",
	"gatewayAPIExtraProtocols":                            "gateway-api-extra-protocols",
	"certificateRequestMinimumBackoffDuration":            "certificate-request-minimum-backoff-duration",
	"certificateRequestMaximumBackoffDuration":            "certificate-request-maximum-backoff-duration",
	"ingressShimConfig.defaultIssuerName":                 "default-issuer-name",
	"ingressShimConfig.defaultIssuerKind":                 "default-issuer-kind",
	"ingressShimConfig.defaultIssuerGroup":                "default-issuer-group",
	"ingressShimConfig.extraCertificateAnnotations":       "extra-certificate-annotations",
	"ingressShimConfig.defaultAutoCertificateAnnotations": "auto-certificate-annotations",
	"acmeHTTP01Config.solverImage":                        "acme-http01-solver-image",
	"acmeHTTP01Config.solverResourceRequestCPU":           "acme-http01-solver-resource-request-cpu",
	"acmeHTTP01Config.solverResourceRequestMemory":        "acme-http01-solver-resource-request-memory",
	"acmeHTTP01Config.solverResourceLimitsCPU":            "acme-http01-solver-resource-limits-cpu",
	"acmeHTTP01Config.solverResourceLimitsMemory":         "acme-http01-solver-resource-limits-memory",
	"acmeHTTP01Config.solverRunAsNonRoot":                 "acme-http01-solver-run-as-non-root",
	"acmeHTTP01Config.solverRuntimeClassName":             "acme-http01-solver-runtime-class-name",
	"acmeHTTP01Config.solverExtraLabels":                  "acme-http01-solver-extra-labels",
	"acmeHTTP01Config.solverNameservers":                  "acme-http01-solver-nameservers",
	"acmeDNS01Config.recursiveNameservers":                "dns01-recursive-nameservers",
	"acmeDNS01Config.recursiveNameserversOnly":            "dns01-recursive-nameservers-only",
	"acmeDNS01Config.checkRetryPeriod":                    "dns01-check-retry-period",
	"pemSizeLimitsConfig.maxCertificateSize":              "max-certificate-size",
	"pemSizeLimitsConfig.maxPrivateKeySize":               "max-private-key-size",
	"pemSizeLimitsConfig.maxChainLength":                  "max-certificate-chain-length",
	"pemSizeLimitsConfig.maxBundleSize":                   "max-certificate-bundle-size",
}

// ParseFile reads a file into values by field, with dots between those of
// sections. A value is a list of strings, of which most have one.
func ParseFile(text []byte) (map[string][]string, error) {
	document, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	var root map[string]any
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		return nil, errors.New("it is not a map of settings")
	}
	if root["apiVersion"] != FileVersion || root["kind"] != FileKind {
		return nil, fmt.Errorf("it has to begin with apiVersion: %s and kind: %s", FileVersion, FileKind)
	}
	delete(root, "apiVersion")
	delete(root, "kind")
	fields := map[string][]string{}
	return fields, flatten("", root, fields)
}

func flatten(prefix string, section map[string]any, into map[string][]string) error {
	for key, value := range section {
		field := prefix + key
		switch v := value.(type) {
		case nil: // as if it were not there
		case map[string]any:
			if !isMapField(field) {
				if err := flatten(field+".", v, into); err != nil {
					return err
				}
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(v)) {
				into[field] = append(into[field], fmt.Sprintf("%s=%v", name, v[name]))
			}
		case []any:
			into[field] = []string{}
			for _, item := range v {
				if _, nested := item.(map[string]any); nested {
					return fmt.Errorf("%s: an item is a map, not a word", field)
				}
				into[field] = append(into[field], fmt.Sprint(item))
			}
		default:
			into[field] = []string{fmt.Sprint(v)}
		}
	}
	return nil
}

// isMapField tells fields whose value is a map from sections.
func isMapField(field string) bool {
	switch FileFields[field] {
	case FeatureGates, "acme-http01-solver-extra-labels":
		return true
	}
	return field == FeatureGates || field == "acme-http01-solver-extra-labels"
}
