package acme

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	// directoryFresh is how long a directory is used without asking again. Servers change it with a release, or when the terms
	// or the profiles change; an hour later is early enough for those, and a 404 or an unknown profile ends it at once.
	directoryFresh = time.Hour

	// directoryRetry is how long an expired directory is used on after fetching a new one failed. The directory of a large CA
	// has been down for hours while its other resources worked.
	directoryRetry = 5 * time.Minute
)

// Directory says where a server's resources are (RFC 8555 7.1.1). Unknown members are ignored; one CA adds a random one.
type Directory struct {
	NewNonce   string
	NewAccount string
	NewOrder   string
	// The following are empty when the server does not offer them, or names them by something that is not a URL.
	NewAuthz    string
	RevokeCert  string
	KeyChange   string
	RenewalInfo string // RFC 9773
	Meta        DirectoryMeta
}

// DirectoryMeta is what a server says about itself (RFC 8555 7.1.1, 9.7.6). A member of an unexpected type is ignored.
type DirectoryMeta struct {
	TermsOfService          string
	Website                 string
	CAAIdentities           []string
	ExternalAccountRequired bool
	// Profiles maps the name of each profile to a description (draft-ietf-acme-profiles). Nil when the server has none.
	Profiles map[string]string
}

// ParseDirectory reads a directory. It errs if the document is no JSON object or lacks one of newNonce, newAccount, newOrder.
func ParseDirectory(document []byte) (Directory, error) {
	// A map, because encoding/json matches struct fields in any case, and a directory may hold anything beside its members.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return Directory{}, err
	}
	resource := func(name string) string {
		var value string
		if json.Unmarshal(members[name], &value) != nil {
			return ""
		}
		return optionalURL(value)
	}
	directory := Directory{
		NewNonce:    resource("newNonce"),
		NewAccount:  resource("newAccount"),
		NewOrder:    resource("newOrder"),
		NewAuthz:    resource("newAuthz"),
		RevokeCert:  resource("revokeCert"),
		KeyChange:   resource("keyChange"),
		RenewalInfo: resource("renewalInfo"),
		Meta:        parseDirectoryMeta(members["meta"]),
	}
	for name, value := range map[string]string{
		"newNonce": directory.NewNonce, "newAccount": directory.NewAccount, "newOrder": directory.NewOrder,
	} {
		if value == "" {
			return Directory{}, missingMember(name)
		}
	}
	return directory, nil
}

func parseDirectoryMeta(document []byte) DirectoryMeta {
	var members map[string]json.RawMessage
	if json.Unmarshal(document, &members) != nil {
		return DirectoryMeta{}
	}
	var meta DirectoryMeta
	for name, into := range map[string]any{
		"termsOfService":          &meta.TermsOfService,
		"website":                 &meta.Website,
		"caaIdentities":           &meta.CAAIdentities,
		"externalAccountRequired": &meta.ExternalAccountRequired,
		"profiles":                &meta.Profiles,
	} {
		// A failed decode may leave a part behind; that is what the server said as far as it can be understood.
		_ = json.Unmarshal(members[name], into)
	}
	return meta
}

// DirectoryCache keeps the directory of one URL. It is safe for concurrent use; the zero value is empty.
type DirectoryCache struct {
	mu        sync.Mutex
	url       string
	directory Directory
	until     time.Time
}

// get returns the directory kept for a URL, and whether it is fresh. known is false if there is none.
func (d *DirectoryCache) get(url string, now time.Time) (directory Directory, known, fresh bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.url != url {
		return Directory{}, false, false
	}
	return d.directory, true, now.Before(d.until)
}

func (d *DirectoryCache) put(url string, directory Directory, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.url, d.directory, d.until = url, directory, until
}

// expire makes the next use fetch the directory again.
func (d *DirectoryCache) expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = time.Time{}
}

// Directory returns the server's directory, from the cache while that is fresh (RFC 8555 7.1.1). If fetching a new one fails, an
// older one is returned when there is one.
func (c *Client) Directory(ctx context.Context) (Directory, error) {
	cached, known, fresh := c.directory.get(c.directoryURL, c.clock())
	if fresh {
		return cached, nil
	}
	directory, err := c.fetchDirectory(ctx)
	switch {
	case err == nil:
		c.directory.put(c.directoryURL, directory, c.clock().Add(directoryFresh))
		return directory, nil
	case known && ctx.Err() == nil:
		c.directory.put(c.directoryURL, cached, c.clock().Add(directoryRetry))
		return cached, nil
	}
	return Directory{}, err
}

func (c *Client) fetchDirectory(ctx context.Context) (Directory, error) {
	a, err := c.get(ctx, ActionGetDirectory, c.directoryURL)
	if err != nil {
		return Directory{}, err
	}
	var document json.RawMessage
	if err := a.decode(&document); err != nil {
		return Directory{}, err
	}
	directory, err := ParseDirectory(document)
	if err != nil {
		return Directory{}, a.unusable("not an ACME directory", err)
	}
	c.nonces.put(a.nonce, c.clock())
	return directory, nil
}

// forgetDirectoryOn makes the next use of the directory fetch it again if the error suggests that the cached one is outdated.
func (c *Client) forgetDirectoryOn(err error) {
	if statusOf(err) == http.StatusNotFound || isType(err, typeInvalidProfile) {
		c.directory.expire()
	}
}
