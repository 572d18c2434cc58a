package issuers

import (
	"testing"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func TestEveryTypeOfIssuerHasItsSignerOrAWordWhyNot(t *testing.T) {
	t.Parallel()
	registry, _ := New(Config{})
	rows := []struct {
		sentence string
		config   cmv1.IssuerConfig
		kind     string
		want     Signer
		err      string
	}{
		{"ACME", cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{}}, "acme", registry.ACME, ""},
		{"CA", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{}}, "ca", registry.CA, ""},
		{"self-signed", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}, "selfSigned", registry.SelfSigned, ""},
		{"Vault", cmv1.IssuerConfig{Vault: &cmv1.VaultIssuer{}}, "vault", registry.Vault, ""},
		{"CyberArk", cmv1.IssuerConfig{Venafi: &cmv1.VenafiIssuer{}}, "venafi", registry.Venafi, ""},
		{"none", cmv1.IssuerConfig{}, "", nil, "the spec must have exactly one of acme, ca, selfSigned, vault, venafi"},
		{"two", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{}, SelfSigned: &cmv1.SelfSignedIssuer{}}, "", nil, "the spec must have exactly one of acme, ca, selfSigned, vault, venafi"},
	}
	for _, row := range rows {
		issuer := &cmv1.Issuer{Spec: cmv1.IssuerSpec{IssuerConfig: row.config}}
		signer, err := registry.For(issuer)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if signer != row.want || text != row.err || TypeOf(issuer) != row.kind {
			t.Errorf("%s: type %q, signer %T, error %q", row.sentence, TypeOf(issuer), signer, text)
		}
	}
}
