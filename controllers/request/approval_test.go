package request

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// rbac answers reviews and writes down what it was asked.
type rbac struct {
	client.Client

	allowed []string
	asked   []string
}

func (r *rbac) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	review := o.(*authorizationv1.SelfSubjectAccessReview)
	a := review.Spec.ResourceAttributes
	r.asked = append(r.asked, strings.Join([]string{a.Verb, a.Group, a.Resource, a.Name}, " "))
	review.Status.Allowed = slices.Contains(r.allowed, a.Name)
	return nil
}

func TestApprovalIsAskedForByTheNamesOfTheContract(t *testing.T) {
	t.Parallel()
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Group: "example.com", Version: "v1"}})
	mapper.AddSpecific(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "RemoteCA"},
		schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "remotecas"}, schema.GroupVersionResource{}, meta.RESTScopeNamespace)
	mapper.AddSpecific(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "GlobalCA"},
		schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "globalcas"}, schema.GroupVersionResource{}, meta.RESTScopeRoot)
	rows := []struct {
		sentence string
		ref      cmmeta.IssuerReference
		allowed  string
		want     bool
		asked    []string
	}{
		{"all issuers", cmmeta.IssuerReference{Name: "a"}, "issuers.cert-manager.io/*", true, []string{"issuers.cert-manager.io/*"}},
		{"one issuer", cmmeta.IssuerReference{Name: "a"}, "issuers.cert-manager.io/shop.a", true, []string{"issuers.cert-manager.io/*", "issuers.cert-manager.io/shop.a"}},
		{"one cluster issuer", cmmeta.IssuerReference{Name: "a", Kind: "ClusterIssuer"}, "clusterissuers.cert-manager.io/a", true,
			[]string{"clusterissuers.cert-manager.io/*", "clusterissuers.cert-manager.io/a"}},
		{"an external issuer", cmmeta.IssuerReference{Name: "a", Kind: "RemoteCA", Group: "example.com"}, "remotecas.example.com/shop.a", true,
			[]string{"remotecas.example.com/*", "remotecas.example.com/shop.a"}},
		{"an external issuer of the cluster", cmmeta.IssuerReference{Name: "a", Kind: "GlobalCA", Group: "example.com"}, "globalcas.example.com/a", true,
			[]string{"globalcas.example.com/*", "globalcas.example.com/a"}},
		{"not allowed", cmmeta.IssuerReference{Name: "a"}, "issuers.cert-manager.io/other.a", false, []string{"issuers.cert-manager.io/*", "issuers.cert-manager.io/shop.a"}},
		{"a kind that is not served", cmmeta.IssuerReference{Name: "a", Kind: "NoCA", Group: "example.com"}, "nocas.example.com/*", false, nil},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			r := &rbac{allowed: []string{row.allowed}}
			a := newApprover(r, mapper, func() time.Time { return now })
			want := make([]string, len(row.asked))
			for i, name := range row.asked {
				want[i] = "approve cert-manager.io signers " + name
			}
			for range 200 { // the questions are asked once
				if may, err := a.mayApprove(t.Context(), row.ref, "shop"); err != nil || may != row.want {
					t.Fatalf("may approve %t, %v, want %t", may, err, row.want)
				}
			}
			if !slices.Equal(r.asked, want) {
				t.Errorf("asked %q, want %q", r.asked, want)
			}
			r.allowed, now = nil, now.Add(verdictLifetime)
			if may, err := a.mayApprove(t.Context(), row.ref, "shop"); err != nil || may {
				t.Errorf("may approve %t, %v, after the permission was taken back", may, err)
			}
		})
	}
}
