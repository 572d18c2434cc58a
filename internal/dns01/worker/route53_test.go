package worker

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// route53API stands in for Route 53 and for STS.
type route53API struct {
	t *testing.T
	// key is the ID of the access key that requests have to be signed with, and
	// session the token that goes with it.
	key, session string
	// signed is the ID of the key that STS wants. Empty means a web identity.
	signed string

	mu      sync.Mutex
	values  []string
	changes int
	asked   int // how often a change was asked after
}

var signature = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)/\d{8}/us-east-1/(route53|sts)/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)

func (a *route53API) isSigned(r *http.Request, service, key, session string) bool {
	found := signature.FindStringSubmatch(r.Header.Get("Authorization"))
	return found != nil && found[1] == key && found[2] == service && r.Header.Get("X-Amz-Date") != "" && r.Header.Get("X-Amz-Security-Token") == session
}

func (a *route53API) serve() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2013-04-01/hostedzonesbyname", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("dnsname") != "example.com" {
			a.t.Errorf("got %s", r.URL)
		}
		_, _ = fmt.Fprint(w, `<ListHostedZonesByNameResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZones>
			<HostedZone><Id>/hostedzone/ZPRIVATE</Id><Name>example.com.</Name><CallerReference>x</CallerReference><Config><PrivateZone>true</PrivateZone></Config></HostedZone>
			<HostedZone><Id>/hostedzone/ZPUBLIC</Id><Name>example.com.</Name><CallerReference>y</CallerReference><Config><PrivateZone>false</PrivateZone></Config></HostedZone>
			</HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesByNameResponse>`)
	})
	mux.HandleFunc("GET /2013-04-01/hostedzone/ZPUBLIC/rrset", func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		var set strings.Builder
		if len(a.values) > 0 {
			set.WriteString("<ResourceRecordSet><Name>_acme-challenge.example.com.</Name><Type>TXT</Type><TTL>10</TTL><ResourceRecords>")
			for _, value := range a.values {
				fmt.Fprintf(&set, "<ResourceRecord><Value>&quot;%s&quot;</Value></ResourceRecord>", value)
			}
			set.WriteString("</ResourceRecords></ResourceRecordSet>")
		}
		_, _ = fmt.Fprintf(w, `<ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ResourceRecordSets>%s</ResourceRecordSets>
			<IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListResourceRecordSetsResponse>`, set.String())
	})
	mux.HandleFunc("POST /2013-04-01/hostedzone/ZPUBLIC/rrset", a.change)
	mux.HandleFunc("POST /2013-04-01/hostedzone/ZPUBLIC/rrset/{$}", a.change)
	mux.HandleFunc("GET /2013-04-01/change/{id}", func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.asked++
		_, _ = fmt.Fprint(w, `<GetChangeResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo><Id>/change/C1</Id><Status>INSYNC</Status><SubmittedAt>2026-11-24T10:00:00Z</SubmittedAt></ChangeInfo></GetChangeResponse>`)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		if !a.isSigned(r, "route53", a.key, a.session) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>not signed by %s: %s</Message></Error><RequestId>8a-1</RequestId></ErrorResponse>`, a.key, r.Header.Get("Authorization"))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (a *route53API) change(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Changes []struct {
			Action string
			Set    struct {
				Name, Type string
				TTL        int
				Values     []string `xml:"ResourceRecords>ResourceRecord>Value"`
			} `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}
	if err := xml.NewDecoder(r.Body).Decode(&request); err != nil || len(request.Changes) != 1 {
		a.t.Errorf("got %v, %+v", err, request)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	change := request.Changes[0]
	var values []string
	for _, value := range change.Set.Values {
		if !strings.HasPrefix(value, `"`) || !strings.HasSuffix(value, `"`) {
			a.t.Errorf("a value without quotes: %s", value)
		}
		values = append(values, strings.Trim(value, `"`))
	}
	if change.Set.Name != "_acme-challenge.example.com." || change.Set.Type != "TXT" || change.Set.TTL != 10 {
		a.t.Errorf("got %+v", change.Set)
	}
	switch change.Action {
	case "UPSERT":
		a.values = values
	case "DELETE":
		if fmt.Sprint(values) != fmt.Sprint(a.values) {
			a.t.Errorf("deletes %q where there are %q", values, a.values)
		}
		a.values = nil
	default:
		a.t.Errorf("action %s", change.Action)
	}
	a.changes++
	_, _ = fmt.Fprint(w, `<ChangeResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>2026-11-24T10:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>`)
}

// sts gives the credentials of a role.
func (a *route53API) sts() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		action := "AssumeRole"
		if a.signed == "" {
			action = "AssumeRoleWithWebIdentity"
			if got := r.PostFormValue("WebIdentityToken"); got != "web-token-1" {
				a.t.Errorf("got token %q", got)
			}
		} else if !a.isSigned(r, "sts", a.signed, "") {
			a.t.Errorf("not signed: %s", r.Header.Get("Authorization"))
		}
		if r.PostFormValue("Action") != action || r.PostFormValue("RoleArn") != "arn:aws:iam::1:role/dns" || r.PostFormValue("RoleSessionName") != "cert-manager" {
			a.t.Errorf("got %v", r.PostForm)
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials><AccessKeyId>%s</AccessKeyId>
			<SecretAccessKey>role-secret</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></%[1]sResult></%[1]sResponse>`, action, a.key, a.session)
	})
}

func TestRoute53KeepsTwoValuesApartByEveryWayToAuthenticate(t *testing.T) {
	t.Parallel()
	role := map[string]string{"AWS_ASSUME_ROLE_ARN": "arn:aws:iam::1:role/dns", "AWS_TTL": "10"}
	key := map[string]string{"AWS_ACCESS_KEY_ID": "AKIAOWN", "AWS_SECRET_ACCESS_KEY": "own-secret"}
	for name, test := range map[string]struct {
		api         *route53API
		settings    Settings
		environment map[string]string
	}{
		"access key":           {&route53API{key: "AKIAOWN"}, Settings{Config: map[string]string{"AWS_TTL": "10"}, Credentials: key}, nil},
		"key and hosted zone":  {&route53API{key: "AKIAOWN"}, Settings{Config: map[string]string{"AWS_HOSTED_ZONE_ID": "ZPUBLIC"}, Credentials: key}, nil},
		"role":                 {&route53API{key: "ASIAROLE", session: "session-1", signed: "AKIAOWN"}, Settings{Config: role, Credentials: key}, nil},
		"service account":      {&route53API{key: "ASIAROLE", session: "session-1"}, Settings{Config: role, Credentials: map[string]string{"AWS_WEB_IDENTITY_TOKEN": "web-token-1"}}, nil},
		"ambient":              {&route53API{key: "AKIAOWN"}, Settings{Ambient: true}, key},
		"ambient in a role":    {&route53API{key: "ASIAROLE", session: "session-1", signed: "AKIAOWN"}, Settings{Config: role, Ambient: true}, key},
		"key, not the ambient": {&route53API{key: "AKIAOWN"}, Settings{Credentials: key, Ambient: true}, map[string]string{"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := test.api
			api.t, api.values = t, []string{"somebody else's"}
			test.settings.Provider = "route53"
			in := newInternet(t, map[string]http.Handler{"route53.amazonaws.com": api.serve(), "sts.us-east-1.amazonaws.com": api.sts()})
			twoValues(t, func() *Provider { return in.client(test.environment).Provider(&test.settings, nil) }, "somebody else's", func() []string {
				api.mu.Lock()
				defer api.mu.Unlock()
				return append([]string(nil), api.values...)
			})
			if api.asked != api.changes || api.changes < 4 {
				t.Errorf("asked %d times whether %d changes are everywhere", api.asked, api.changes)
			}
		})
	}
}

func TestARefusedKeyOfRoute53IsToldTheSameEachTime(t *testing.T) {
	t.Parallel()
	api := &route53API{t: t, key: "AKIAOTHER"}
	in := newInternet(t, map[string]http.Handler{"route53.amazonaws.com": api.serve()})
	provider := in.client(nil).Provider(settings("route53", nil, map[string]string{"AWS_ACCESS_KEY_ID": "AKIAOWN", "AWS_SECRET_ACCESS_KEY": "own-secret"}), nil)
	err := provider.EnsureTXT(t.Context(), record("x"))
	if err == nil || !strings.Contains(err.Error(), "InvalidClientTokenId") || strings.Contains(err.Error(), "8a-1") || strings.Contains(err.Error(), "AKIAOWN") {
		t.Errorf("got %v", err)
	}
}
