package venafi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Cloud is how the service is reached.
type Cloud struct {
	URL    string // of another region than the default, which is the United States'
	APIKey string
}

// NGTS is how Next-Generation Trust Security is reached.
type NGTS struct {
	URL           string // if it is not the public one
	TokenEndpoint string // if it is not the public one
	TSGID         string // tenant service group
	ClientID      string
	ClientSecret  string
}

const (
	defaultCloudURL      = "https://api.venafi.cloud"
	defaultNGTSURL       = "https://api.strata.paloaltonetworks.com/ngts"
	defaultTokenEndpoint = "https://auth.apps.paloaltonetworks.com/oauth2/access_token" //nolint:gosec // no credential
)

// saas is a zone of either service.
type saas struct {
	*exchange

	// application is the first half of a zone; empty if the service has none.
	application, template string
	verify                func(ctx context.Context) error // of credentials that need no token; may be nil
	zone                  zone[*template]
}

// template is an issuing template, with what a request has to name.
type template struct {
	id, application string // ids
	policy          *policy
}

// NewCloud makes the client for a zone of the service. It errs if the URL or the
// zone is of no use.
func NewCloud(access Cloud, options Options) (Server, error) {
	application, alias, ok := strings.Cut(options.Zone, `\`)
	if !ok || application == "" || alias == "" || strings.Contains(alias, `\`) {
		return nil, errors.New(`the zone must be an application and the alias of an issuing template, such as My Application\Default`)
	}
	x, err := newExchange(cmp.Or(access.URL, defaultCloudURL), options)
	if err != nil {
		return nil, err
	}
	s := &saas{exchange: x, application: application, template: alias}
	x.auth = header{"tppl-api-key", access.APIKey}
	x.secrets = []string{access.APIKey}
	s.verify = s.verifyKey
	s.zone.read, s.zone.clock = s.readApplication, options.Clock
	return s, nil
}

// NewNGTS makes the client for an issuing template of Next-Generation Trust
// Security. It errs if one of the URLs is of no use.
func NewNGTS(access NGTS, options Options) (Server, error) {
	x, err := newExchange(cmp.Or(access.URL, defaultNGTSURL), options)
	if err != nil {
		return nil, err
	}
	endpoint, err := baseURL(cmp.Or(access.TokenEndpoint, defaultTokenEndpoint))
	if err != nil {
		return nil, fmt.Errorf("tokenEndpoint: %w", err)
	}
	s := &saas{exchange: x, template: strings.TrimSpace(options.Zone)}
	x.auth = &session{clock: options.Clock, login: func(ctx context.Context) (token, error) {
		return s.login(ctx, strings.TrimSuffix(endpoint, "/"), access)
	}}
	x.secrets = []string{access.ClientSecret}
	s.zone.read, s.zone.clock = s.readTemplates, options.Clock
	return s, nil
}

// login gets a token for a client's credentials (RFC 6749, section 4.4).
func (s *saas) login(ctx context.Context, endpoint string, access NGTS) (token, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"tsg_id:" + access.TSGID}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, &Error{Kind: Refused, Message: "the URL of the token endpoint can not be used"}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	request.SetBasicAuth(access.ClientID, access.ClientSecret)
	a, err := s.send(CallToken, request)
	if err != nil {
		return token{}, err
	}
	if a.status != http.StatusOK {
		return token{}, a.failure()
	}
	var got struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := a.decode(&got); err != nil {
		return token{}, err
	}
	if got.AccessToken == "" || !strings.EqualFold(got.TokenType, "Bearer") {
		return token{}, noToken(a)
	}
	return token{value: got.AccessToken, life: time.Duration(got.ExpiresIn) * time.Second}, nil
}

// verifyKey asks whose API key it is.
func (s *saas) verifyKey(ctx context.Context) error {
	a, err := s.do(ctx, CallVerify, http.MethodGet, "v1/useraccounts", nil)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return a.failure()
	}
	return nil
}

// Verify implements Server.
func (s *saas) Verify(ctx context.Context) error {
	if s.verify != nil {
		if err := s.verify(ctx); err != nil {
			return err
		}
	}
	_, err := s.zone.fresh(ctx)
	return err
}

// readApplication reads an application and its template.
func (s *saas) readApplication(ctx context.Context) (*template, error) {
	var application struct {
		ID        string            `json:"id"`
		Templates map[string]string `json:"certificateIssuingTemplateAliasIdMap"`
	}
	missing := fmt.Sprintf("there is no application %q, or the credentials do not let one see it", s.application)
	if err := s.read(ctx, "outagedetection/v1/applications/name/"+url.PathEscape(s.application), missing, &application); err != nil {
		return nil, err
	}
	id := application.Templates[s.template]
	if application.ID == "" || id == "" {
		return nil, noZone(fmt.Sprintf("the application %q has no issuing template with the alias %q", s.application, s.template))
	}
	var found saasTemplate
	path := "outagedetection/v1/applications/" + url.PathEscape(s.application) + "/certificateissuingtemplates/" + url.PathEscape(s.template)
	missing = fmt.Sprintf("the application %q has no issuing template with the alias %q", s.application, s.template)
	if err := s.read(ctx, path, missing, &found); err != nil {
		return nil, err
	}
	return &template{id: id, application: application.ID, policy: found.policy(fmt.Sprintf("the issuing template %q", s.template))}, nil
}

// readTemplates finds a template among all, for they are asked for by their ids
// only.
func (s *saas) readTemplates(ctx context.Context) (*template, error) {
	var list struct {
		Templates []saasTemplate `json:"certificateIssuingTemplates"`
	}
	missing := fmt.Sprintf("there is no issuing template %q, or the credentials do not let one see it", s.template)
	if err := s.read(ctx, "v1/certificateissuingtemplates", missing, &list); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list.Templates, func(t saasTemplate) bool { return t.Name == s.template && t.ID != "" })
	if i < 0 {
		if strings.Contains(s.template, `\`) {
			missing += "; a zone is the name of a template alone here, without an application"
		}
		return nil, noZone(missing)
	}
	found := list.Templates[i]
	return &template{id: found.ID, policy: found.policy(fmt.Sprintf("the issuing template %q", s.template))}, nil
}

func noZone(message string) error {
	return &Error{Kind: NoZone, Message: words[CallReadZone] + ": " + message}
}

// read gets something of the zone, or says that it is missing.
func (s *saas) read(ctx context.Context, path, missing string, into any) error {
	a, err := s.do(ctx, CallReadZone, http.MethodGet, path, nil)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotFound, a.status == http.StatusBadRequest:
		return noZone(missing)
	case a.status != http.StatusOK:
		return a.failure()
	}
	return a.decode(into)
}

// clientInformation says where a request comes from.
type clientInformation struct {
	Type       string `json:"type"`
	Identifier string `json:"identifier"`
}

// saasRequest is the body of certificaterequests.
type saasRequest struct {
	CSR         string            `json:"certificateSigningRequest"`
	Application string            `json:"applicationId,omitempty"`
	Template    string            `json:"certificateIssuingTemplateId"`
	Client      clientInformation `json:"apiClientInformation"`
	Validity    string            `json:"validityPeriod,omitempty"`
}

// Submit implements Server. Custom fields are of the self-hosted server only.
func (s *saas) Submit(ctx context.Context, r Request) (string, error) {
	known, err := s.zone.get(ctx)
	if err != nil {
		return "", err
	}
	if err := known.policy.check(r.CSR); err != nil {
		return "", err
	}
	a, err := s.do(ctx, CallRequest, http.MethodPost, "outagedetection/v1/certificaterequests", saasRequest{
		CSR: string(r.PEM), Application: known.application, Template: known.id,
		Client:   clientInformation{Type: origin, Identifier: localAddress()},
		Validity: validity(r.Duration),
	})
	if err != nil {
		return "", err
	}
	if a.status != http.StatusCreated && a.status != http.StatusOK {
		s.zone.forget() // the template may have been replaced
		return "", a.failure()
	}
	var got struct {
		Requests []struct {
			ID string `json:"id"`
		} `json:"certificateRequests"`
	}
	if err := a.decode(&got); err != nil {
		return "", err
	}
	if len(got.Requests) == 0 || got.Requests[0].ID == "" {
		return "", &Error{Kind: Unavailable, Message: fmt.Sprintf("%s: the answer of %s does not name the request", words[CallRequest], a.host)}
	}
	return got.Requests[0].ID, nil
}

// validity is a duration as ISO 8601 has it, in whole seconds.
func validity(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	return "PT" + strings.ToUpper(d.Truncate(time.Second).String())
}

// localAddress is one under which this machine is known, for who looks at a
// request. The service asks for one.
func localAddress() string {
	addresses, err := net.InterfaceAddrs()
	if err == nil {
		for _, address := range addresses {
			if network, ok := address.(*net.IPNet); ok && network.IP.IsGlobalUnicast() && network.IP.To4() != nil {
				return network.IP.String()
			}
		}
	}
	return "127.0.0.1"
}

// Retrieve implements Server.
func (s *saas) Retrieve(ctx context.Context, id string) ([]byte, error) {
	a, err := s.do(ctx, CallRetrieve, http.MethodGet, "outagedetection/v1/certificaterequests/"+url.PathEscape(id), nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, a.failure()
	}
	var request struct {
		Status           string   `json:"status"`
		Certificates     []string `json:"certificateIds"`
		ErrorInformation struct {
			Type    string `json:"type"`
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"errorInformation"`
	}
	if err := a.decode(&request); err != nil {
		return nil, err
	}
	switch status := strings.ToUpper(request.Status); {
	case status == "FAILED", status == "CANCELLED", status == "CANCELED", status == "DELETED", strings.HasPrefix(status, "REJECTED"):
		text := "the request is " + status
		if said := a.clean(request.ErrorInformation.Message); said != "" {
			text += ": " + said
		}
		return nil, &Error{Kind: Refused, Message: words[CallRetrieve] + ": " + text}
	case status != "ISSUED" || len(request.Certificates) == 0:
		return nil, &PendingError{Status: a.clean(request.Status)}
	}
	a, err = s.do(ctx, CallRetrieve, http.MethodGet, "outagedetection/v1/certificates/"+url.PathEscape(request.Certificates[0])+"/contents?chainOrder=EE_FIRST&format=PEM", nil)
	switch {
	case err != nil:
		return nil, err
	case a.status == http.StatusConflict:
		return nil, &PendingError{Status: "it is being signed"}
	case a.status != http.StatusOK:
		return nil, a.failure()
	}
	return a.body, nil
}
