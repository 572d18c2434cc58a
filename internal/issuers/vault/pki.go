package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

// SignRequest is a certificate to be signed. The names are those of the signing
// request: a role takes them from there or from here, as it is set up.
type SignRequest struct {
	CommonName          string
	DNSNames, IPs, URIs []string
	TTL                 time.Duration
	CSR                 []byte // PEM
}

// Issued is a certificate, in PEM.
type Issued struct {
	Certificate string   `json:"certificate"`
	IssuingCA   string   `json:"issuing_ca"`
	CAChain     []string `json:"ca_chain"`
}

// Sign has a certificate signed by the endpoint at a path like
// pki/sign/my-role (contract 2.7).
func (c *Client) Sign(ctx context.Context, token, endpoint string, r SignRequest) (Issued, error) {
	const doing = "sign certificate"
	a, err := c.do(ctx, call{
		doing: doing, method: http.MethodPost, path: path.Join("/v1", endpoint), token: token,
		body: map[string]string{
			"common_name":          r.CommonName,
			"alt_names":            strings.Join(r.DNSNames, ","),
			"ip_sans":              strings.Join(r.IPs, ","),
			"uri_sans":             strings.Join(r.URIs, ","),
			"ttl":                  r.TTL.Truncate(time.Second).String(),
			"csr":                  string(r.CSR),
			"exclude_cn_from_sans": "true",
		},
	})
	if err != nil {
		return Issued{}, err
	}
	var issued Issued
	if err := json.Unmarshal(a.Data, &issued); err != nil || issued.Certificate == "" {
		return Issued{}, fmt.Errorf("%s: Vault answered without a certificate: see that the path is that of a sign endpoint, such as pki/sign/my-role", doing)
	}
	return issued, nil
}

// Revoke has a certificate revoked by the engine at a mount like pki, and
// returns when it was: earlier if that was done before. Either a serial number
// in hexadecimal with colons, or the certificate in PEM: an engine that does not
// store what it signs has to be shown it.
func (c *Client) Revoke(ctx context.Context, token, mount, serial, certificate string) (time.Time, error) {
	const doing = "revoke certificate"
	body := map[string]string{"serial_number": serial}
	if certificate != "" {
		body = map[string]string{"certificate": certificate}
	}
	a, err := c.do(ctx, call{doing: doing, method: http.MethodPost, path: path.Join("/v1", mount, "revoke"), token: token, body: body})
	if err != nil {
		return time.Time{}, err
	}
	var data struct {
		RevocationTime int64 `json:"revocation_time"` // seconds since 1970
	}
	if len(a.Data) > 0 {
		if err := json.Unmarshal(a.Data, &data); err != nil {
			return time.Time{}, fmt.Errorf("%s: the answer of Vault has no data", doing)
		}
	}
	if data.RevocationTime <= 0 {
		return time.Time{}, nil
	}
	return time.Unix(data.RevocationTime, 0), nil
}
