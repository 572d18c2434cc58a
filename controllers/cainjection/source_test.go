package cainjection

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func TestSourceIsTheFirstThatIsNamed(t *testing.T) {
	t.Parallel()
	const secret, certificate, apiServer = cmv1.WantInjectFromSecretAnnotation, cmv1.WantInjectAnnotation, cmv1.WantInjectAPIServerCAAnnotation
	key := types.NamespacedName{Namespace: "shop", Name: "tls"}
	for name, test := range map[string]struct {
		sources     Sources
		annotations map[string]string
		want        source
		problem     string // a part of it
	}{
		"no annotation of ours":                           {Sources{}, map[string]string{"team": "web"}, source{}, ""},
		"a Secret":                                        {Sources{}, map[string]string{secret: "shop/tls"}, source{fromSecret, key}, ""},
		"a Certificate":                                   {Sources{}, map[string]string{certificate: "shop/tls"}, source{fromCertificate, key}, ""},
		"the API server":                                  {Sources{}, map[string]string{apiServer: "true"}, source{origin: fromAPIServer}, ""},
		"the API server, declined":                        {Sources{}, map[string]string{apiServer: "false"}, source{}, ""},
		"a Secret before a Certificate":                   {Sources{}, map[string]string{certificate: "shop/other", secret: "shop/tls", apiServer: "true"}, source{fromSecret, key}, ""},
		"a Certificate before the API server":             {Sources{}, map[string]string{certificate: "shop/tls", apiServer: "true"}, source{fromCertificate, key}, ""},
		"a Certificate where these do not count":          {Sources{NoCertificates: true}, map[string]string{certificate: "shop/tls"}, source{}, ""},
		"the API server beside a Certificate that is not": {Sources{NoCertificates: true}, map[string]string{certificate: "shop/tls", apiServer: "true"}, source{origin: fromAPIServer}, ""},
		"the only namespace":                              {Sources{Namespace: "shop"}, map[string]string{secret: "shop/tls"}, source{fromSecret, key}, ""},
		"another than the only namespace":                 {Sources{Namespace: "shop"}, map[string]string{secret: "other/tls"}, source{}, ""},
		"a namespace that is ignored":                     {Sources{IgnoredNamespaces: []string{"x", "shop"}}, map[string]string{certificate: "shop/tls"}, source{}, ""},
		"no namespace":                                    {Sources{}, map[string]string{certificate: "tls"}, source{}, certificate + ` must be the namespace and the name of a Certificate, such as shop/webhook-tls, not "tls"`},
		"an empty name":                                   {Sources{}, map[string]string{secret: "shop/"}, source{}, secret + " must be the namespace and the name of a Secret"},
		"more than a name":                                {Sources{}, map[string]string{secret: "a/b/c"}, source{}, `not "a/b/c"`},
		"a wrong one hides those after it":                {Sources{}, map[string]string{secret: "tls", certificate: "shop/tls"}, source{}, secret + " must be"},
		"a word for the API server":                       {Sources{}, map[string]string{apiServer: "yes"}, source{}, apiServer + ` must be "true", not "yes"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problem := test.sources.of(test.annotations)
			if got != test.want {
				t.Errorf("source is %q, want %q", got, test.want)
			}
			if !strings.Contains(problem, test.problem) || (problem == "") != (test.problem == "") {
				t.Errorf("problem is %q, want %q", problem, test.problem)
			}
		})
	}
}
