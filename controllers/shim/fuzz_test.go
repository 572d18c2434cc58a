package shim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// FuzzAnnotations holds that whatever an annotation says, an object either has
// a problem or its Certificates, and that these are then left alone: one that
// looks different at every look would be written without end.
func FuzzAnnotations(f *testing.F) {
	for key, value := range map[string]string{
		cmv1.SubjectOrganizationsAnnotationKey:      `One,"Two, Inc."`,
		cmv1.SubjectStreetAddressesAnnotationKey:    `"unfinished`,
		cmv1.IngressSecretTemplate:                  `{"labels":{"a":"b"},"annotations":{}}`,
		cmv1.UsagesAnnotationKey:                    "server auth, ,client auth",
		cmv1.IPSANAnnotationKey:                     "192.0.2.1,2001:db8::1",
		cmv1.URISANAnnotationKey:                    "spiffe://a/b",
		cmv1.EmailsAnnotationKey:                    "a@example.com",
		cmv1.DurationAnnotationKey:                  "2160h",
		cmv1.RenewBeforePercentageAnnotationKey:     "33",
		cmv1.PrivateKeySizeAnnotationKey:            "4096",
		cmv1.CertificateIgnoreTLSListeners:          "web,,absent",
		cmv1.AltNamesAnnotationKey:                  "b.example.com,a.example.com",
		cmv1.IngressIssuerNameAnnotationKey:         " ",
		cmv1.IssuerKindAnnotationKey:                "ClusterIssuer",
		"acme.cert-manager.io/http01-edit-in-place": "true",
	} {
		f.Add(key, value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		meta := metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{cmv1.IngressClusterIssuerNameAnnotationKey: "ca"}}
		if key == cmv1.IssuerKindAnnotationKey || key == cmv1.IssuerGroupAnnotationKey {
			meta.Annotations = map[string]string{cmv1.IngressIssuerNameAnnotationKey: "ca"}
		}
		meta.Annotations[key] = value
		web := listener("web", "web.example.com", "web-tls")
		for _, object := range []struct {
			kind   kind
			object client.Object
		}{
			{ingresses, &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: []string{"web.example.com"}, SecretName: "web-tls"}}}}},
			{gateways, &gwapi.Gateway{ObjectMeta: meta, Spec: gwapi.GatewaySpec{Listeners: []gwapi.Listener{web}}}},
			{listenerSets, &gwapi.ListenerSet{ObjectMeta: meta, Spec: gwapi.ListenerSetSpec{Listeners: []gwapi.ListenerEntry{gwapi.ListenerEntry(web)}}}},
		} {
			wish := object.kind.wish(object.object, Defaults{ExtraAnnotations: []string{key}})
			if !wish.Asked || !wish.Named["web-tls"] {
				t.Fatalf("%s: wish is %+v", object.kind.Kind, wish)
			}
			if len(wish.Certificates)+len(wish.Problems)+len(wish.Declined) == 0 {
				t.Errorf("%s: nothing is made and nobody is told", object.kind.Kind)
			}
			for _, want := range wish.Certificates {
				crt, err := create(want)
				if err != nil {
					t.Fatal(err)
				}
				again, err := merge(crt, want)
				if err != nil {
					t.Fatal(err)
				}
				if again != crt {
					t.Errorf("%s: a second look changes the certificate:\n%s", object.kind.Kind, cmp.Diff(crt, again))
				}
			}
		}
	})
}
