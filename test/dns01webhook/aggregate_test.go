package dns01webhook

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook"
	"github.com/cert-manager/cert-manager/pkg/acme/webhook/cmd/server"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/test/apiserver"
)

const name = "solvers"

// aggregate runs an API server with solvers until the test ends, and makes it
// part of the real one.
func aggregate(t *testing.T, config *rest.Config, group string, solvers ...webhook.Solver) {
	t.Helper()
	host := hostAddress(t)
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	options := server.NewWebhookServerOptions(group, solvers...)
	kubeconfig := writeKubeconfig(t, config)
	serving := options.RecommendedOptions.SecureServing
	serving.Listener, serving.BindAddress = listener, net.ParseIP(host)
	serving.BindPort = listener.Addr().(*net.TCPAddr).Port
	serving.ServerCert.CertDirectory = t.TempDir()
	options.RecommendedOptions.Authentication.RemoteKubeConfigFile = kubeconfig
	options.RecommendedOptions.Authorization.RemoteKubeConfigFile = kubeconfig
	options.RecommendedOptions.CoreAPI.CoreAPIKubeconfigPath = kubeconfig
	if err := options.Complete(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- options.RunWebhookServer(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("API server of the solvers: %v", err)
		}
	})
	register(t, config, group, host, int32(serving.BindPort), func(api client.Client) {
		eventually(t, func() (bool, string) {
			service := &apiregistrationv1.APIService{}
			if err := api.Get(t.Context(), client.ObjectKey{Name: "v1alpha1." + group}, service); err != nil {
				t.Fatal(err)
			}
			for _, c := range service.Status.Conditions {
				if c.Type == apiregistrationv1.Available && c.Status == apiregistrationv1.ConditionTrue {
					return answers(t, config, group)
				}
			}
			return false, fmt.Sprintf("%+v", service.Status)
		})
	})
}

// answers tells whether requests for a group get through. What the status of an
// APIService says, the part of the API server that forwards them learns a moment
// later.
func answers(t *testing.T, config *rest.Config, group string) (bool, string) {
	t.Helper()
	web, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.Host+"/apis/"+group+"/v1alpha1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := web.Do(request)
	if err != nil {
		return false, err.Error()
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK, answer.Status
}

// register makes an address the API server of a group: by a Service without a
// selector, whose EndpointSlice is ours.
func register(t *testing.T, config *rest.Config, group, host string, port int32, wait func(client.Client)) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiregistrationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	namespace := apiserver.Namespace(t, config)
	portName, protocol, ready := "https", corev1.ProtocolTCP, true
	service := &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: "v1alpha1." + group},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: group, Version: "v1alpha1", GroupPriorityMinimum: 1000, VersionPriority: 15, InsecureSkipTLSVerify: true,
			Service: &apiregistrationv1.ServiceReference{Namespace: namespace, Name: name},
		},
	}
	for _, object := range []client.Object{
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: portName, Port: 443}}},
		},
		&discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
			AddressType: discoveryv1.AddressTypeIPv4,
			Ports:       []discoveryv1.EndpointPort{{Name: &portName, Port: &port, Protocol: &protocol}},
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{host}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		},
		service,
	} {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := api.Delete(context.Background(), service); err != nil {
			t.Error(err)
		}
	})
	if wait != nil {
		wait(api)
	}
}

// hostAddress is an address of this machine that an EndpointSlice may hold:
// loopback may not.
func hostAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	t.Fatal("this machine has no address but loopback, through which no API server can be aggregated")
	return ""
}

func nobodyPort(t *testing.T) int32 {
	t.Helper()
	_, text, err := net.SplitHostPort(nobody(t))
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(port)
}

func writeKubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text, err := clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{name: {
			Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData,
		}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{name: {
			ClientCertificate: config.CertFile, ClientCertificateData: config.CertData,
			ClientKey: config.KeyFile, ClientKeyData: config.KeyData, Token: config.BearerToken,
		}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
