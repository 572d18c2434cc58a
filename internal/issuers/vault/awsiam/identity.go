package awsiam

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// DefaultRegion is that of an identity that names none: STS is there in any
// case.
const DefaultRegion = "us-east-1"

// SignedRequest is a request that whoever holds it can carry out, for as long as
// AWS takes its signature: fifteen minutes.
type SignedRequest struct {
	Method string
	URL    string
	Body   string
	Header http.Header
}

// serverIDHeader binds a request to one Vault server.
const serverIDHeader = "X-Vault-Aws-Iam-Server-Id"

// CallerIdentity signs the question who one is. A server ID, if not empty, is
// signed along with it.
func CallerIdentity(c Credentials, region, serverID string, now time.Time) (SignedRequest, error) {
	endpoint, err := Endpoint(region)
	if err != nil {
		return SignedRequest{}, err
	}
	target, err := url.Parse(endpoint)
	if err != nil {
		return SignedRequest{}, fmt.Errorf("parse URL of STS: %w", err)
	}
	r := SignedRequest{
		Method: http.MethodPost,
		URL:    endpoint,
		Body:   "Action=GetCallerIdentity&Version=2011-06-15",
		Header: http.Header{"Content-Type": {formType}},
	}
	if serverID != "" {
		r.Header.Set(serverIDHeader, serverID)
	}
	c.sign(r.Method, target, r.Header, r.Body, scope{region: region, service: "sts", at: now})
	return r, nil
}

const formType = "application/x-www-form-urlencoded; charset=utf-8"

// regions are named so. Anything else would lead to another host.
var regions = regexp.MustCompile(`^[a-z]{2,10}(-[a-z0-9]{1,16}){1,5}$`)

// Endpoint is the URL of STS in a region.
func Endpoint(region string) (string, error) {
	if !regions.MatchString(region) {
		return "", fmt.Errorf("%q is not the name of an AWS region, such as eu-central-1", region)
	}
	domain := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain = "amazonaws.com.cn"
	}
	return "https://sts." + region + "." + domain + "/", nil
}
