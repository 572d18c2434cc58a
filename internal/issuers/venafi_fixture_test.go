package issuers

import (
	"context"
	"crypto/x509/pkix"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/issuers/venafi"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/cyberark"
)

// noted is a client that can annotate objects only.
type noted struct {
	client.Client

	objects []client.Object
	err     error
}

func (n *noted) Patch(_ context.Context, o client.Object, patch client.Patch, _ ...client.PatchOption) error {
	if n.err != nil {
		return n.err
	}
	data, err := patch.Data(o)
	if err != nil {
		return err
	}
	var change struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(data, &change); err != nil {
		return err
	}
	annotations := map[string]string{}
	for key, value := range o.GetAnnotations() {
		annotations[key] = value
	}
	for key, value := range change.Metadata.Annotations {
		annotations[key] = value
	}
	o.SetAnnotations(annotations)
	n.objects = append(n.objects, o)
	return nil
}

// venafiWorld is a signer with a stand-in for the server.
type venafiWorld struct {
	*venafiSigner

	server  *cyberark.Server
	secrets *testSecrets
	notes   *noted

	mu  sync.Mutex
	now time.Time
}

func newVenafiWorld(t *testing.T) *venafiWorld {
	t.Helper()
	w := &venafiWorld{secrets: newTestSecrets(), notes: &noted{}, now: testNow}
	w.server = cyberark.Start(t, w.clock)
	w.venafiSigner = newVenafi(Config{Client: w.notes, Secrets: w.secrets, ClusterResourceNamespace: "system", Clock: w.clock, UserAgent: "test"})
	// The services are trusted as the system says.
	w.servers.transport = func(bundle []byte) (http.RoundTripper, error) {
		if bundle == nil {
			bundle = w.server.CA
		}
		return venafi.NewTransport(bundle)
	}
	w.secrets.put("shop", "tpp", map[string][]byte{"username": []byte(cyberark.Username), "password": []byte(cyberark.Password)})
	w.secrets.put("shop", "trust", map[string][]byte{"ca.crt": w.server.CA})
	return w
}

func (w *venafiWorld) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *venafiWorld) pass(d time.Duration) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
	return w.now
}

func (w *venafiWorld) issuer(change func(*cmv1.VenafiIssuer)) *cmv1.Issuer {
	spec := &cmv1.VenafiIssuer{Zone: `Shops\Web`, TPP: &cmv1.VenafiTPP{
		URL: w.server.URL + "/vedsdk", CredentialsRef: cmmeta.LocalObjectReference{Name: "tpp"},
		CABundleSecretRef: &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "trust"}},
	}}
	if change != nil {
		change(spec)
	}
	return &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cyberark", UID: "uid-cyberark", Generation: 1},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{Venafi: spec}},
	}
}

func (w *venafiWorld) request(t *testing.T, issuer cmv1.GenericIssuer) Input {
	t.Helper()
	in := request(t, newKey(t, pki.ECDSA), pki.Request{Subject: pkix.Name{CommonName: "www.example.com"}, DNSNames: []string{"www.example.com"}})
	in.Issuer, in.Now = issuer, w.clock()
	in.Request.CreationTimestamp = metav1.NewTime(in.Now)
	return in
}

// sign asks the signer, now.
func (w *venafiWorld) sign(t *testing.T, in *Input) lifecycle.Outcome {
	t.Helper()
	in.Now = w.clock()
	outcome, err := w.Sign(t.Context(), *in)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func (w *venafiWorld) submitted() (n int) {
	w.server.Change(func(s *cyberark.Server) { n = len(s.Received) })
	return n
}
