package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	awsroute53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/providers/dns/route53"
)

const (
	// sessionName is under which CloudTrail shows what is done in a role. People
	// have it in policies.
	sessionName = "cert-manager"
	// defaultRegion is where Route 53 is, if nothing else is said.
	defaultRegion = "us-east-1"
)

// webToken is a token that came with the request.
type webToken string

// GetIdentityToken implements stscreds.IdentityTokenRetriever.
func (t webToken) GetIdentityToken() ([]byte, error) { return []byte(t), nil }

// newRoute53 is lego's provider with a client whose credentials are exactly
// those that the issuer has: lego's own would look for others on the machine.
func newRoute53(ctx context.Context, values map[string]string, ambient bool) (challenge.Provider, error) {
	for name, value := range values { // the other settings
		switch name {
		case "AWS_HOSTED_ZONE_ID", "AWS_PRIVATE_ZONE", "AWS_TTL", "AWS_POLLING_INTERVAL", "AWS_PROPAGATION_TIMEOUT", "AWS_WAIT_FOR_RECORD_SETS_CHANGED":
			if err := os.Setenv(name, value); err != nil {
				return nil, err
			}
		}
	}
	attempts := retry.DefaultMaxAttempts
	if text := values["AWS_MAX_RETRIES"]; text != "" {
		var err error
		if attempts, err = strconv.Atoi(text); err != nil || attempts < 1 {
			return nil, errors.New("configure route53: AWS_MAX_RETRIES must be a number from 1")
		}
	}
	config, err := awsCredentials(ctx, values, ambient)
	if err != nil {
		return nil, fmt.Errorf("configure route53: %w", err)
	}
	config.Retryer = func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), attempts) }
	settings := route53.NewDefaultConfig()
	settings.Client = awsroute53.NewFromConfig(config)
	return route53.NewDNSProviderConfig(settings)
}

func awsCredentials(ctx context.Context, values map[string]string, ambient bool) (aws.Config, error) {
	config := aws.Config{Region: values["AWS_REGION"]}
	id, secret, role, token := values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"], values["AWS_ASSUME_ROLE_ARN"], values["AWS_WEB_IDENTITY_TOKEN"]
	switch {
	case (id == "") != (secret == ""):
		return config, errors.New("the ID and the secret of an access key require each other")
	case id != "" && token != "":
		return config, errors.New("an access key and a token of a service account exclude each other")
	case token != "" && role == "":
		return config, errors.New("a token of a service account is of use only with a role")
	case id != "":
		config.Credentials = credentials.NewStaticCredentialsProvider(id, secret, values["AWS_SESSION_TOKEN"])
	case token != "":
	case ambient:
		found, err := awsconfig.LoadDefaultConfig(ctx)
		if err != nil {
			return config, fmt.Errorf("find the operator's own credentials: %w", err)
		}
		region := config.Region
		if config = found; region != "" {
			config.Region = region
		}
	default:
		return config, errAmbient
	}
	if config.Region == "" {
		config.Region = defaultRegion
	}
	service := sts.NewFromConfig(config)
	switch {
	case token != "":
		config.Credentials = aws.NewCredentialsCache(stscreds.NewWebIdentityRoleProvider(service, role, webToken(token),
			func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = sessionName }))
	case role != "":
		config.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(service, role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = sessionName
			if external := values["AWS_EXTERNAL_ID"]; external != "" {
				o.ExternalID = &external
			}
		}))
	}
	return config, nil
}
