package awsiam

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// AssumeRole exchanges a token that AWS believes, such as that of a service
// account, for the credentials of a role (AssumeRoleWithWebIdentity). The
// endpoint is that of STS, see Endpoint. Errors are an *Error.
func AssumeRole(ctx context.Context, client *http.Client, endpoint, role, token string) (Credentials, error) {
	const doing = "assume AWS role"
	form := url.Values{
		"Action":           {"AssumeRoleWithWebIdentity"},
		"Version":          {"2011-06-15"},
		"RoleArn":          {role},
		"RoleSessionName":  {"certwright"},
		"WebIdentityToken": {token},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return Credentials{}, fmt.Errorf("%s: make request: %w", doing, err)
	}
	req.Header.Set("Content-Type", formType)
	status, content, err := fetch(client, req, doing)
	if err != nil {
		return Credentials{}, err
	}
	if status != http.StatusOK {
		var refusal struct {
			Error struct {
				Code    string `xml:"Code"`
				Message string `xml:"Message"`
			} `xml:"Error"`
		}
		if xml.Unmarshal(content, &refusal) != nil || refusal.Error.Code == "" {
			return Credentials{}, &Error{Doing: doing, Status: status}
		}
		text := strings.ReplaceAll(refusal.Error.Code+": "+refusal.Error.Message, token, "...")
		return Credentials{}, &Error{Doing: doing, Status: status, Message: oneLine(text)}
	}
	var granted struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string `xml:"SecretAccessKey"`
			SessionToken    string `xml:"SessionToken"`
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if err := xml.Unmarshal(content, &granted); err != nil || granted.Credentials.AccessKeyID == "" {
		return Credentials{}, &Error{Doing: doing, Status: status, Message: "the answer holds no credentials"}
	}
	return Credentials(granted.Credentials), nil
}
