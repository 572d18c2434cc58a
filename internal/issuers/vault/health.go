package vault

import (
	"context"
	"net/http"
)

// Statuses of sys/health, which are no HTTP statuses elsewhere.
const (
	statusSecondary          = 472 // a disaster recovery secondary
	statusPerformanceStandby = 473
)

// Health errs unless the server is initialized and unsealed. It is asked outside
// of every namespace, where it is served only.
func (c *Client) Health(ctx context.Context) error {
	const doing = "check health"
	r := call{doing: doing, method: http.MethodGet, path: "/v1/sys/health", query: "perfstandbyok=true&standbyok=true", outside: true}
	status, _, header, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	failed := &Error{Doing: doing, Host: c.Host(), Status: status, RetryAfter: retryAfter(header)}
	switch status {
	case http.StatusOK, http.StatusTooManyRequests, statusSecondary, statusPerformanceStandby:
		return nil
	case http.StatusNotImplemented:
		failed.Messages = []string{"Vault is not initialized"}
	case http.StatusServiceUnavailable:
		failed.Messages = []string{"Vault is sealed"}
	}
	return failed
}
