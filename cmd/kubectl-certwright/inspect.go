package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

func (c *cli) inspect() *cobra.Command {
	o := &output{}
	network := false
	secret := &cobra.Command{
		Use:   "secret NAME",
		Short: "Show what is in the certificate of a Secret; never the key",
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return c.runInspect(cmd.Context(), o, args[0], network)
		},
	}
	secret.Flags().BoolVar(&network, "network", true, "ask the CA by CRL and OCSP whether it is revoked")
	o.register(secret.Flags())
	return group("inspect", "Show what is in a certificate", "secret NAME", secret)
}

// inspection is the output for programs.
type inspection struct {
	certificateView
	Trusted string `json:"trustedByThisComputer"`
	CRL     string `json:"crlStatus,omitempty"`
	OCSP    string `json:"ocspStatus,omitempty"`
}

func (c *cli) runInspect(ctx context.Context, o *output, name string, network bool) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	secret := &corev1.Secret{}
	if err := api.Get(ctx, api.key(name), secret); err != nil {
		return fmt.Errorf("read Secret: %w", err)
	}
	if len(secret.Data[cmmeta.TLSCertKey]) == 0 {
		return fmt.Errorf("Secret %s has no certificate in %s", name, cmmeta.TLSCertKey) //nolint:staticcheck // a kind is a name
	}
	chain, err := pki.DecodeCertificates(secret.Data[cmmeta.TLSCertKey])
	if err != nil {
		return fmt.Errorf("read certificate in Secret %s: %w", name, err)
	}
	v := &inspection{certificateView: *viewCertificate(chain[0]), Trusted: c.trusted(chain)}
	if network {
		issuer := issuerOf(chain, secret.Data[cmmeta.TLSCAKey])
		v.CRL, v.OCSP = c.crlStatus(ctx, chain[0], issuer), c.ocspStatus(ctx, chain[0], issuer)
	}
	if o.machine() {
		return c.data(o, v)
	}
	c.showInspection(v)
	return nil
}

// trusted says whether this computer's own trust store leads to the certificate.
func (c *cli) trusted(chain []*x509.Certificate) string {
	options := x509.VerifyOptions{Intermediates: x509.NewCertPool(), CurrentTime: c.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, cert := range chain[1:] {
		options.Intermediates.AddCert(cert)
	}
	_, err := chain[0].Verify(options)
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return "yes"
	case errors.As(err, &unknown):
		return "no: signed by an authority that it does not know"
	default:
		return "no: " + err.Error()
	}
}

// issuerOf finds who signed the leaf: in the chain, or in ca.crt.
func issuerOf(chain []*x509.Certificate, caPEM []byte) *x509.Certificate {
	candidates := chain[1:]
	if ca, err := pki.DecodeBundle(caPEM); err == nil {
		candidates = append(candidates[:len(candidates):len(candidates)], ca...)
	}
	for _, cert := range candidates {
		if chain[0].CheckSignatureFrom(cert) == nil {
			return cert
		}
	}
	return nil
}

func (c *cli) showInspection(v *inspection) {
	c.say("Valid for:")
	c.fields("  ", "DNS names", strings.Join(v.DNSNames, "\n"), "URIs", strings.Join(v.URIs, "\n"), "IP addresses", strings.Join(v.IPAddresses, "\n"),
		"E-mail addresses", strings.Join(v.EmailAddresses, "\n"), "Usages", strings.Join(v.Usages, "\n"))
	c.say("Validity period:")
	c.fields("  ", "Not before", v.NotBefore.UTC().Format(time.RFC1123), "Not after", v.NotAfter.UTC().Format(time.RFC1123)+" ("+c.in(&v.NotAfter)+")")
	c.say("Issued by:")
	c.fields("  ", "Subject", v.Issuer, "Key id", v.AuthorityKeyID)
	c.say("Issued for:")
	c.fields("  ", "Subject", v.Subject, "Key id", v.SubjectKeyID)
	c.say("Certificate:")
	c.fields("  ", "Signature algorithm", v.Signature, "Public key", v.PublicKey, "Public key hash", v.PublicKeyHash, "Serial number", v.Serial,
		"Fingerprint", v.Fingerprint, "Is a CA", fmt.Sprint(v.IsCA), "CRL", strings.Join(v.CRLs, "\n"), "OCSP", strings.Join(v.OCSPServers, "\n"))
	c.say("Debugging:")
	c.fields("  ", "Trusted by this computer", v.Trusted, "CRL status", v.CRL, "OCSP status", v.OCSP)
}
