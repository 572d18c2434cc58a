package page_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/cmd/kubectl-certwright/internal/page"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func days(n float64) time.Time { return noon.Add(time.Duration(n * 24 * float64(time.Hour))) }

// sample has a certificate in each state that there is.
func sample() []page.Row {
	rows := []page.Row{
		{
			Namespace: "shop", Name: "checkout", Names: []string{"checkout.example.com", "pay.example.com", "cart.example.com"}, Issuer: "ClusterIssuer/letsencrypt",
			Ready: true, Failed: true, NotBefore: days(-64), Renewal: days(-4), NotAfter: days(26),
			Says: `The certificate request has failed: "pay.example.com": the answer can not be reached: 404 from 192.0.2.7; next attempt at 2026-11-24T13:00:00Z`,
		},
		{Namespace: "legacy", Name: "intranet", Names: []string{"intranet.example.com"}, Issuer: "Issuer/old-ca", NotBefore: days(-368), Renewal: days(-33), NotAfter: days(-3), Says: "Certificate expired on 2026-11-21T12:00:00Z"},
		{Namespace: "blog", Name: "www", Names: []string{"www.blog.example"}, Issuer: "Issuer/nowhere", Issuing: true, Says: `Issuing certificate as Secret does not exist; CertificateRequest "www-1": there is no Issuer "nowhere"`},
		{Namespace: "shop", Name: "fresh", Names: []string{"fresh.example.com"}, Issuer: "ClusterIssuer/letsencrypt", Issuing: true, Says: "Issuing certificate as Secret does not exist"},
		{Namespace: "shop", Name: "search", Names: []string{"search.example.com"}, Issuer: "ClusterIssuer/letsencrypt", Ready: true, Issuing: true, NotBefore: days(-60), Renewal: noon, NotAfter: days(30)},
		{Namespace: "infra", Name: "six-days", Names: []string{"edge.example.com", "192.0.2.1"}, Issuer: "ClusterIssuer/shortlived", Ready: true, NotBefore: days(-2), Renewal: days(1), NotAfter: days(4)},
		{Namespace: "infra", Name: "root-ca", Names: []string{"Example Root"}, Issuer: "Issuer/self", Ready: true, NotBefore: days(-100), Renewal: days(3000), NotAfter: days(3550)},
	}
	for i := range 6 {
		rows = append(rows, page.Row{
			Namespace: "team-" + string(rune('a'+i%3)), Name: fmt.Sprintf("service-%d", i), Names: []string{fmt.Sprintf("service-%d.example.com", i)}, Issuer: "ClusterIssuer/letsencrypt",
			Ready: true, NotBefore: days(float64(-8 * i)), Renewal: days(float64(60 - 8*i)), NotAfter: days(float64(90 - 8*i)),
		})
	}
	return rows
}

func story(name string) *page.Story {
	for _, r := range sample() {
		if r.Name != name {
			continue
		}
		s := &page.Story{Row: r}
		s.Picture = page.Picture{
			Cert:   page.Object{Kind: "Certificate", Name: name, Tone: page.Good, State: "Ready", Age: "64d"},
			Secret: page.Object{Kind: "Secret", Name: name + "-tls", Tone: page.Good, State: "2 certificates in the chain", Says: "serial 03ab77"},
			Issuer: page.Object{Kind: "ClusterIssuer", Name: "letsencrypt", Tone: page.Good, State: "Ready"},
		}
		s.Facts = []page.Fact{{"Issued by", "CN=E7,O=Let's Encrypt,C=US"}, {"Names", strings.Join(r.Names, ", ")}, {"Key", "ECDSA P-256"}, {"Fingerprint", strings.Repeat("ab01", 16)}}
		if name != "checkout" {
			return s
		}
		s.Picture.Cert.Tone, s.Picture.Cert.State = page.Bad, "Ready, issuing"
		s.Picture.Owner = &page.Object{Kind: "Ingress", Name: "storefront", Tone: page.Plain, State: "asks for it"}
		s.Picture.Request = &page.Object{Kind: "CertificateRequest", Name: "checkout-7", Tone: page.Busy, State: "Pending", Age: "4m"}
		s.Picture.Order = &page.Object{Kind: "Order", Name: "checkout-7-2874638476", Tone: page.Busy, State: "pending", Age: "4m"}
		s.Picture.Challenges = []page.Object{
			{Kind: "Challenge HTTP-01", Name: "checkout.example.com", Tone: page.Good, State: "valid", Age: "4m"},
			{Kind: "Challenge HTTP-01", Name: "pay.example.com", Tone: page.Bad, State: "pending", Age: "4m", Says: "the answer can not be reached: 404 from 192.0.2.7"},
			{Kind: "Challenge HTTP-01", Name: "cart.example.com", Tone: page.Busy, State: "pending", Age: "4m", Says: "the answer is there"},
		}
		s.Causes = []page.Cause{{
			Text: "The name pay.example.com does not lead to this cluster", Object: "Challenge/checkout-7-2874638476-1",
			Evidence: []string{"http://pay.example.com answers 404 from 192.0.2.7", "the ingress controller is at 198.51.100.20"},
			Fix:      []string{"Point the DNS record of pay.example.com to 198.51.100.20", "Then: kubectl certwright retry certificate checkout -n shop"},
		}}
		s.NextAttempt = noon.Add(time.Hour)
		s.Events = []page.Event{
			{Time: noon.Add(-4 * time.Minute), Object: "Certificate/checkout", Reason: "Issuing", Message: "the time to renew has come"},
			{Time: noon.Add(-64 * time.Minute), Warning: true, Object: "Challenge/checkout-6-1", Reason: "Failed", Message: "pay.example.com: 404 from <192.0.2.7>"},
		}
		s.NotSeen = []string{"the operator's Deployment: you may not read it"}
		return s
	}
	return nil
}

// viewer shows rows, or is refused.
type viewer struct {
	rows []page.Row
	err  error // of the list of all namespaces
}

func (v *viewer) List(_ context.Context, namespace string) ([]page.Row, error) {
	if namespace == "" && v.err != nil {
		return nil, v.err
	}
	return v.rows, nil
}

func (v *viewer) Story(_ context.Context, _, name string) (*page.Story, error) {
	if s := story(name); s != nil {
		return s, nil
	}
	return nil, page.ErrNotFound
}

const ticket = "a-ticket"

// local serves rows to who has the ticket.
func local(t *testing.T, v page.Viewer) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = page.New(page.Options{
		Now: func() time.Time { return noon }, Cluster: "production", Version: "v1", Local: v, Ticket: ticket, Hosts: []string{server.Listener.Addr().String()},
	})
	server.Start()
	t.Cleanup(server.Close)
	return server
}
