package awsiam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Ambient finds the credentials of the process, in the order of the AWS SDKs:
// its environment, a web identity (IAM roles for service accounts), the agent of
// a container (EKS Pod Identity, ECS), the role of the machine.
type Ambient struct {
	Client *http.Client
	Getenv func(string) string
	Read   func(path string) ([]byte, error)
	// Metadata is the URL of the machine's metadata service.
	Metadata string
}

// MetadataURL is where a machine in EC2 finds its metadata service.
const MetadataURL = "http://169.254.169.254"

// metadataTimeout is short: outside of AWS nobody answers, and within it the
// answer comes from the machine itself.
const metadataTimeout = 2 * time.Second

// ErrNone means that there are no credentials.
var ErrNone = errors.New("find AWS credentials: the operator has none: neither in its environment, nor of a service account, a container or a machine")

// Region is the region that the process is told to use.
func (a Ambient) Region() string {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if region := a.Getenv(name); region != "" {
			return region
		}
	}
	return DefaultRegion
}

// Credentials finds them. The endpoint is that of STS, see Endpoint.
func (a Ambient) Credentials(ctx context.Context, endpoint string) (Credentials, error) {
	if id := a.Getenv("AWS_ACCESS_KEY_ID"); id != "" {
		return Credentials{AccessKeyID: id, SecretAccessKey: a.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: a.Getenv("AWS_SESSION_TOKEN")}, nil
	}
	if file := a.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"); file != "" {
		token, err := a.Read(file)
		if err != nil {
			return Credentials{}, fmt.Errorf("read web identity token: %w", err)
		}
		return AssumeRole(ctx, a.Client, endpoint, a.Getenv("AWS_ROLE_ARN"), strings.TrimSpace(string(token)))
	}
	if a.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "" || a.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" {
		return a.ofContainer(ctx)
	}
	if a.Getenv("AWS_EC2_METADATA_DISABLED") == "true" {
		return Credentials{}, ErrNone
	}
	return a.ofMachine(ctx)
}

// ofContainer asks the agent beside the container.
func (a Ambient) ofContainer(ctx context.Context) (Credentials, error) {
	const doing = "get AWS credentials of the container"
	target := a.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative := a.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); relative != "" {
		target = "http://169.254.170.2" + relative
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return Credentials{}, fmt.Errorf("%s: make request: %w", doing, err)
	}
	token := a.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if file := a.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
		text, err := a.Read(file)
		if err != nil {
			return Credentials{}, fmt.Errorf("%s: read token: %w", doing, err)
		}
		token = strings.TrimSpace(string(text))
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	return decode(fetch(a.Client, req, doing))(doing)
}

// ofMachine asks the metadata service of the machine (IMDSv2): a token, the name
// of its role, the credentials of that.
func (a Ambient) ofMachine(ctx context.Context) (Credentials, error) {
	const doing = "get AWS credentials of the machine"
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	ask := func(method, path, token string) (int, []byte, error) {
		req, err := http.NewRequestWithContext(ctx, method, a.Metadata+path, nil)
		if err != nil {
			return 0, nil, fmt.Errorf("%s: make request: %w", doing, err)
		}
		if token == "" {
			req.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
		} else {
			req.Header.Set("X-Aws-Ec2-Metadata-Token", token)
		}
		return fetch(a.Client, req, doing)
	}
	status, token, err := ask(http.MethodPut, "/latest/api/token", "")
	if err != nil || status != http.StatusOK || len(token) == 0 {
		return Credentials{}, ErrNone // not a machine of AWS, or one that does not tell its pods
	}
	const roles = "/latest/meta-data/iam/security-credentials/"
	status, name, err := ask(http.MethodGet, roles, string(token))
	if err != nil {
		return Credentials{}, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(name)), "\n")
	if status != http.StatusOK || first == "" {
		return Credentials{}, ErrNone
	}
	return decode(ask(http.MethodGet, roles+url.PathEscape(first), string(token)))(doing)
}

// decode reads the credentials in an answer of an agent or a metadata service.
func decode(status int, content []byte, err error) func(doing string) (Credentials, error) {
	return func(doing string) (Credentials, error) {
		if err != nil {
			return Credentials{}, err
		}
		var granted struct{ AccessKeyID, SecretAccessKey, Token string }
		if status != http.StatusOK {
			return Credentials{}, &Error{Doing: doing, Status: status}
		}
		if err := json.Unmarshal(content, &granted); err != nil || granted.AccessKeyID == "" {
			return Credentials{}, &Error{Doing: doing, Status: status, Message: "the answer holds no credentials"}
		}
		return Credentials{AccessKeyID: granted.AccessKeyID, SecretAccessKey: granted.SecretAccessKey, SessionToken: granted.Token}, nil
	}
}
