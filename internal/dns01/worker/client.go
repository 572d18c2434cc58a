package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/certwright/certwright/internal/dns01"
)

const (
	// DefaultTimeout is for one operation. Route 53 takes up to two minutes until
	// all its servers know.
	DefaultTimeout = 150 * time.Second
	// DefaultParallel is how many processes there are at once, of about 40 MiB
	// each.
	DefaultParallel = 4
)

// Options are for all operations.
type Options struct {
	// Path is that of the program.
	Path string
	// Timeout is for one operation. 0 means DefaultTimeout.
	Timeout time.Duration
	// Parallel is how many processes there are at once. 0 means DefaultParallel.
	Parallel int
	// AllowHTTPReq allows the provider httpreq.
	AllowHTTPReq bool
}

// Client starts workers.
type Client struct {
	argv         []string
	timeout      time.Duration
	allowHTTPReq bool
	slots        chan struct{}
	lookup       func(string) (string, bool)

	mu    sync.Mutex
	notes map[string]string
}

// New makes a client. Nothing is started yet.
func New(options Options) *Client {
	c := &Client{argv: []string{options.Path}, timeout: options.Timeout, allowHTTPReq: options.AllowHTTPReq, lookup: os.LookupEnv, notes: map[string]string{}}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if options.Parallel <= 0 {
		options.Parallel = DefaultParallel
	}
	c.slots = make(chan struct{}, options.Parallel)
	return c
}

// Memory keeps what a provider said when a record was written, for the time
// when it is removed. Without that, about 70 of lego's providers can not remove
// the record. It has to outlive the operator, so it belongs to the Challenge.
// The text is sealed by the worker, is not secret, and has at most 24 KiB;
// mostly some 100 bytes.
type Memory interface {
	Recall(ctx context.Context) (string, error)
	// Remember replaces what was remembered. An empty text forgets it.
	Remember(ctx context.Context, text string) error
}

// Provider is a provider with the settings of one issuer, for one record. It
// implements dns01.Provider.
type Provider struct {
	client   *Client
	settings Settings
	memory   Memory
}

var _ dns01.Provider = (*Provider)(nil)

// Provider gives a provider. Without a memory, the client remembers, until the
// operator ends.
func (c *Client) Provider(settings *Settings, memory Memory) *Provider {
	return &Provider{c, *settings, memory}
}

// request and answer are Request and Answer of cmd/dns01-worker, which is a
// module of its own.
type request struct {
	Operation        string            `json:"operation"`
	Provider         string            `json:"provider"`
	Config           map[string]string `json:"config,omitempty"`
	Credentials      map[string]string `json:"credentials,omitempty"`
	Ambient          bool              `json:"ambient,omitempty"`
	Domain           string            `json:"domain"`
	FQDN             string            `json:"fqdn"`
	Zone             string            `json:"zone"`
	Value            string            `json:"value"`
	KeyAuthorization string            `json:"keyAuthorization"`
	TTL              int               `json:"ttl,omitempty"`
	Timeout          int               `json:"timeout"`
	State            string            `json:"state,omitempty"`
	AllowHTTPReq     bool              `json:"allowHTTPReq,omitempty"`
}

type answer struct {
	OK      bool   `json:"ok"`
	Class   string `json:"class"`
	Message string `json:"message"`
	State   string `json:"state"`
}

// EnsureTXT implements dns01.Provider. Errors are *Error, unless they are about
// the memory or the context.
func (p *Provider) EnsureTXT(ctx context.Context, record dns01.Record) error {
	memory := p.memoryOf(record)
	state, err := memory.Recall(ctx)
	if err != nil {
		return fmt.Errorf("recall what the provider said: %w", err)
	}
	if state != "" {
		return nil // written already; once more would be a second record
	}
	if state, err = p.operate(ctx, "present", record, ""); err != nil || state == "" {
		return err
	}
	if err := memory.Remember(ctx, state); err != nil {
		return fmt.Errorf("remember what the provider said: %w", err)
	}
	return nil
}

// RemoveTXT implements dns01.Provider. Errors are as those of EnsureTXT.
func (p *Provider) RemoveTXT(ctx context.Context, record dns01.Record) error {
	memory := p.memoryOf(record)
	state, err := memory.Recall(ctx)
	if err != nil {
		return fmt.Errorf("recall what the provider said: %w", err)
	}
	if _, err := p.operate(ctx, "cleanup", record, state); err != nil || state == "" {
		return err
	}
	if err := memory.Remember(ctx, ""); err != nil {
		return fmt.Errorf("forget what the provider said: %w", err)
	}
	return nil
}

// operate does one operation in one process.
func (p *Provider) operate(ctx context.Context, operation string, record dns01.Record, state string) (string, error) {
	select {
	case p.client.slots <- struct{}{}:
		defer func() { <-p.client.slots }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	input, err := json.Marshal(request{
		Operation: operation, Provider: p.settings.Provider, Config: p.settings.Config, Credentials: p.settings.Credentials, Ambient: p.settings.Ambient,
		Domain: record.Domain, FQDN: record.FQDN, Zone: record.Zone, Value: record.Value, KeyAuthorization: record.KeyAuthorization,
		TTL: int(record.TTL / time.Second), Timeout: int(max(p.client.timeout, time.Second) / time.Second), State: state, AllowHTTPReq: p.client.allowHTTPReq,
	})
	if err != nil {
		return "", fmt.Errorf("write request: %w", err)
	}
	out, err := run(ctx, p.client.timeout, p.client.argv, environment(p.client.lookup, p.settings.Ambient), input)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", p.failure(false, "the DNS worker failed: "+err.Error())
	}
	var a answer
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a); err != nil {
		return "", p.failure(false, "the DNS worker failed: its answer can not be read")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return "", p.failure(false, "the DNS worker failed: it answered more than once")
	}
	if !a.OK {
		return "", p.failure(a.Class == "config", a.Message)
	}
	return a.State, nil
}

// failure is an error without the credentials. The worker has taken them out
// already, if it is what made the text.
func (p *Provider) failure(stalled bool, message string) *Error {
	for _, secret := range slices.SortedFunc(maps.Values(p.settings.Credentials), func(a, b string) int { return len(b) - len(a) }) {
		if secret = strings.TrimSpace(secret); len(secret) >= 4 {
			message = strings.ReplaceAll(message, secret, "[secret]")
		}
	}
	return &Error{Stalled: stalled, Message: message}
}

// memoryOf is the memory for a record.
func (p *Provider) memoryOf(record dns01.Record) Memory {
	if p.memory != nil {
		return p.memory
	}
	return note{p.client, p.settings.Provider + " " + record.FQDN + " " + record.Value}
}

// note is one thing that the client remembers itself.
type note struct {
	client *Client
	key    string
}

// Recall implements Memory.
func (n note) Recall(context.Context) (string, error) {
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	return n.client.notes[n.key], nil
}

// Remember implements Memory.
func (n note) Remember(_ context.Context, text string) error {
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	if n.client.notes[n.key] = text; text == "" {
		delete(n.client.notes, n.key)
	}
	return nil
}
