package venafi

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// TPP is how a self-hosted server is reached. It needs an access token, or a
// user with a password.
type TPP struct {
	// URL of the server, with or without vedsdk at its end.
	URL string

	AccessToken string

	Username, Password string
	// ClientID is the API application that the user has allowed to get tokens;
	// cert-manager.io if it is empty, which installations have allowed today.
	ClientID string
}

const (
	defaultTPPClient = "cert-manager.io"
	// tppScope is what a token is for.
	tppScope = "certificate:manage"

	// The roots of all names of objects and of policy folders.
	folderRoot = `\VED\Policy`
	objectRoot = `\VED`
)

// tpp is a policy folder of a self-hosted server.
type tpp struct {
	*exchange

	access TPP
	folder string // its full name
	zone   zone[*policy]
}

// NewTPP makes the client for a policy folder of a self-hosted server. It errs if
// the URL is of no use.
func NewTPP(access TPP, options Options) (Server, error) {
	x, err := newExchange(access.URL, options)
	if err != nil {
		return nil, err
	}
	x.base = strings.TrimSuffix(x.base, "vedsdk/") // there is vedauth besides
	t := &tpp{exchange: x, access: access, folder: folderOf(options.Zone)}
	x.secrets = []string{access.Password, access.AccessToken}
	t.zone.read = t.readPolicy
	t.zone.clock = options.Clock
	if access.AccessToken != "" {
		x.auth = header{"Authorization", "Bearer " + access.AccessToken}
	} else {
		x.auth = &session{login: t.login, clock: options.Clock}
	}
	return t, nil
}

// folderOf is the full name of a policy folder.
func folderOf(zone string) string {
	zone = strings.TrimRight(zone, `\`)
	if zone == objectRoot || strings.HasPrefix(zone, objectRoot+`\`) {
		return zone
	}
	return folderRoot + `\` + strings.TrimLeft(zone, `\`)
}

// login gets a token for the password.
func (t *tpp) login(ctx context.Context) (token, error) {
	request, err := t.newRequest(ctx, http.MethodPost, "vedauth/authorize/oauth", map[string]string{
		"client_id": cmp.Or(t.access.ClientID, defaultTPPClient), "username": t.access.Username, "password": t.access.Password, "scope": tppScope,
	})
	if err != nil {
		return token{}, err
	}
	a, err := t.send(CallToken, request)
	if err != nil {
		return token{}, err
	}
	if a.status != http.StatusOK {
		return token{}, a.failure()
	}
	var got struct {
		AccessToken string `json:"access_token"`
		Expires     int64  `json:"expires"`    // seconds since 1970
		ExpiresIn   int64  `json:"expires_in"` // of newer servers
	}
	if err := a.decode(&got); err != nil {
		return token{}, err
	}
	if got.AccessToken == "" {
		return token{}, noToken(a)
	}
	life := time.Duration(got.ExpiresIn) * time.Second
	if life <= 0 && got.Expires > 0 {
		life = max(time.Unix(got.Expires, 0).Sub(t.Clock()), time.Second)
	}
	return token{value: got.AccessToken, life: life}, nil
}

func noToken(a *answer) error {
	return &Error{Kind: Unavailable, Message: fmt.Sprintf("%s: there is none in the answer of %s: it may not be the API", words[CallToken], a.host)}
}

// Verify implements Server.
func (t *tpp) Verify(ctx context.Context) error {
	if t.access.AccessToken != "" {
		a, err := t.do(ctx, CallVerify, http.MethodGet, "vedauth/authorize/verify", nil)
		if err != nil {
			return err
		}
		if a.status != http.StatusOK {
			return a.failure()
		}
	}
	_, err := t.zone.fresh(ctx)
	return err
}

// noFolder is how the server says that there is no such folder.
var noFolder = regexp.MustCompile(`(?i)PolicyDN: .+ does not exist`)

func (t *tpp) readPolicy(ctx context.Context) (*policy, error) {
	a, err := t.do(ctx, CallReadZone, http.MethodPost, "vedsdk/certificates/checkpolicy", map[string]string{"PolicyDN": t.folder})
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		failure := a.failure()
		if noFolder.MatchString(a.said()) {
			failure = &Error{Kind: NoZone, Message: fmt.Sprintf("%s: there is no policy folder %s, or the credentials do not let one see it", words[CallReadZone], t.folder)}
		}
		return nil, failure
	}
	var got struct {
		Error  string
		Policy *tppPolicy
	}
	if err := a.decode(&got); err != nil {
		return nil, err
	}
	if got.Policy == nil {
		return nil, &Error{Kind: Unavailable, Message: fmt.Sprintf("%s: the answer of %s has no policy in it", words[CallReadZone], a.host)}
	}
	return got.Policy.policy("the policy folder " + t.folder), nil
}

// nameValue is one of the settings of a CA.
type nameValue struct{ Name, Value string }

// customField is a custom field with its values.
type customField struct {
	Name   string
	Values []string
}

// altName is one of the alternative names. The numbers are those of RFC 5280's
// GeneralName.
type altName struct {
	Type int
	Name string
}

const (
	nameEmail = 1
	nameDNS   = 2
	nameURI   = 6
	nameIP    = 7
)

// tppRequest is the body of certificates/request.
type tppRequest struct {
	PolicyDN                string
	ObjectName              string
	PKCS10                  string
	CertificateType         string
	SubjectAltNames         []altName `json:",omitempty"`
	KeyAlgorithm            string    `json:",omitempty"` // RSA or ECC
	KeyBitSize              int       `json:",omitempty"` // of RSA
	EllipticCurve           string    `json:",omitempty"`
	CASpecificAttributes    []nameValue
	CustomFields            []customField `json:",omitempty"`
	Origin                  string
	DisableAutomaticRenewal bool // there, for it is done here
	Reenable                bool // an object of that name that somebody has disabled
}

// endDates are the settings by which the different CAs behind the server take the
// end of a certificate. Each knows its own and leaves the others.
var endDates = []string{"Microsoft CA:Specific End Date", "DigiCert CA:Specific End Date", "EntrustNET CA:Specific End Date", "Specific End Date"}

// Submit implements Server. The id is the name of the certificate's object, which
// is that of the certificate in the folder: to ask again for the same, as after a
// crash, makes no second object.
func (t *tpp) Submit(ctx context.Context, r Request) (string, error) {
	p, err := t.zone.get(ctx)
	if err != nil {
		return "", err
	}
	if err := p.check(r.CSR); err != nil {
		return "", err
	}
	request := t.request(r)
	if request.ObjectName == "" {
		return "", &PolicyError{Message: "the certificate has neither a common name nor an alternative name, by which it could be found in the policy folder"}
	}
	if err := t.reset(ctx, t.folder+`\`+request.ObjectName); err != nil {
		return "", err
	}
	a, err := t.do(ctx, CallRequest, http.MethodPost, "vedsdk/certificates/request", request)
	if err != nil {
		return "", err
	}
	if a.status != http.StatusOK && a.status != http.StatusCreated {
		return "", a.failure()
	}
	var got struct{ CertificateDN string }
	if err := a.decode(&got); err != nil {
		return "", err
	}
	if got.CertificateDN == "" {
		return "", &Error{Kind: Unavailable, Message: fmt.Sprintf("%s: the answer of %s does not name the certificate", words[CallRequest], a.host)}
	}
	return got.CertificateDN, nil
}

func (t *tpp) request(r Request) tppRequest {
	request := tppRequest{
		PolicyDN: t.folder, ObjectName: objectName(r), PKCS10: string(r.PEM), CertificateType: "AUTO",
		Origin: origin, DisableAutomaticRenewal: true, Reenable: true,
		CASpecificAttributes: []nameValue{{"Origin", origin}},
	}
	if r.Duration > 0 {
		end := t.Clock().Add(r.Duration).UTC().Format(time.RFC3339)
		for _, name := range endDates {
			request.CASpecificAttributes = append(request.CASpecificAttributes, nameValue{name, end})
		}
	}
	for _, name := range r.CSR.EmailAddresses {
		request.SubjectAltNames = append(request.SubjectAltNames, altName{nameEmail, name})
	}
	for _, name := range r.CSR.DNSNames {
		request.SubjectAltNames = append(request.SubjectAltNames, altName{nameDNS, name})
	}
	for _, ip := range r.CSR.IPAddresses {
		request.SubjectAltNames = append(request.SubjectAltNames, altName{nameIP, ip.String()})
	}
	for _, uri := range r.CSR.URIs {
		request.SubjectAltNames = append(request.SubjectAltNames, altName{nameURI, uri.String()})
	}
	if kind, known := kindOf(r.CSR.PublicKey); known {
		request.KeyAlgorithm, request.KeyBitSize, request.EllipticCurve = keyRSA, kind.bits, kind.curve
		if kind.algorithm == keyEC {
			request.KeyAlgorithm = "ECC" // as this API calls it
		}
	}
	names, values := byName(r.Fields)
	for _, name := range names {
		request.CustomFields = append(request.CustomFields, customField{name, values[name]})
	}
	return request
}

// objectName is the name of a certificate's object in its folder: the first name
// that it has.
func objectName(r Request) string {
	first := func(names []string) string {
		if len(names) == 0 {
			return ""
		}
		return names[0]
	}
	uri, ip := "", ""
	if len(r.CSR.URIs) > 0 {
		uri = r.CSR.URIs[0].String()
	}
	if len(r.CSR.IPAddresses) > 0 {
		ip = r.CSR.IPAddresses[0].String()
	}
	return cmp.Or(r.CSR.Subject.CommonName, first(r.CSR.DNSNames), uri, first(r.CSR.EmailAddresses), ip)
}

// reset has the server forget an earlier attempt at the same object that has
// failed: it would refuse any other until somebody says so. A certificate that
// the object has stays.
func (t *tpp) reset(ctx context.Context, object string) error {
	a, err := t.do(ctx, CallReset, http.MethodPost, "vedsdk/certificates/reset", struct {
		CertificateDN string
		Restart       bool
	}{object, false})
	if err != nil {
		return err
	}
	if a.status == http.StatusOK {
		return nil
	}
	if said := a.said(); a.status == http.StatusBadRequest &&
		(strings.Contains(said, "No reset is required") || strings.Contains(said, "does not exist or you do not have sufficient rights")) {
		return nil
	}
	return a.failure()
}

// Retrieve implements Server.
func (t *tpp) Retrieve(ctx context.Context, id string) ([]byte, error) {
	a, err := t.do(ctx, CallRetrieve, http.MethodPost, "vedsdk/certificates/retrieve", struct {
		CertificateDN, Format string
		IncludeChain          bool
	}{id, "base64", true})
	if err != nil {
		return nil, err
	}
	var got struct{ CertificateData, Status string }
	if a.status != http.StatusOK && a.status != http.StatusAccepted {
		failure := a.failure()
		if failure.Kind == Unavailable && a.status == http.StatusInternalServerError && json.Unmarshal(a.body, &got) == nil && got.Status != "" {
			failure.Kind = Refused // the certificate's own error, with the stage that it is of
		}
		return nil, failure
	}
	if err := a.decode(&got); err != nil {
		return nil, err
	}
	if got.CertificateData == "" {
		return nil, &PendingError{Status: a.clean(got.Status)}
	}
	chain, err := base64.StdEncoding.DecodeString(got.CertificateData)
	if err != nil {
		return nil, &Error{Kind: Refused, Message: fmt.Sprintf("%s: what %s gives is not Base64", words[CallRetrieve], a.host)}
	}
	return chain, nil
}
