package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/pflag"

	"github.com/certwright/certwright/controllers"
)

// listFlags say whether the operator serves the revocation lists of CA issuers.
// They are an extension.
type listFlags struct {
	listen, base string
}

func (f *listFlags) register(s *pflag.FlagSet) {
	s.StringVar(&f.listen, "crl-listen-address", f.listen, "address at which the revocation lists of CA issuers are served over plain HTTP; 0 for none")
	s.StringVar(&f.base, "crl-base-url", f.base, "http:// URL at which relying parties reach that address; certificates of CA issuers with spec.ca.crl then say where their list is")
}

func (f *listFlags) config() (controllers.RevocationLists, error) {
	lists := controllers.RevocationLists{BaseURL: f.base}
	if f.listen != "0" {
		lists.ListenAddress = f.listen
	}
	if f.base == "" {
		return lists, nil
	}
	// Who checks a certificate of an https server for revocation would have to
	// check another one for that (RFC 5280, section 8).
	base, err := url.Parse(f.base)
	if err != nil || base.Scheme != "http" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return lists, fmt.Errorf("read --crl-base-url: %q is no URL such as http://crl.example.com/path", f.base)
	}
	return lists, nil
}
