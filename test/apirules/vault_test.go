package apirules

const (
	vault = `
apiVersion: cert-manager.io/v1
kind: Issuer
spec:
  vault:
    server: https://vault.example.com
    path: pki/sign/example
    auth: {tokenSecretRef: {name: token}}
`
	venafi = `
apiVersion: cert-manager.io/v1
kind: Issuer
spec:
  venafi:
    zone: example
    tpp: {url: "https://tpp.example.com/vedsdk", credentialsRef: {name: tpp}}
`
)

// auth makes the one way to authenticate to Vault.
func auth(yaml string) string { return "spec: {vault: {auth: {tokenSecretRef: null, " + yaml + "}}}" }

var vaultRows = []row{
	{rule: "a Vault issuer is accepted", base: vault},
	{rule: "Vault has a server", base: vault, with: `spec: {vault: {server: ""}}`, want: "vault.server must not be empty"},
	{rule: "Vault has a path", base: vault, with: `spec: {vault: {path: ""}}`, want: "vault.path must not be empty"},
	{rule: "a Vault path does not climb", base: vault, with: `spec: {vault: {path: pki/../sys}}`, want: "vault.path must not have a segment '..'"},
	{rule: "two dots within a segment are accepted", base: vault, with: `spec: {vault: {path: pki/sign/a..b/..c}}`},
	{rule: "Vault is verified in one way", base: vault, with: `spec: {vault: {caBundle: YQ==, caBundleSecretRef: {name: a}}}`, want: "caBundle and caBundleSecretRef exclude each other"},
	{rule: "Vault's CA bundle may hold any text", base: vault, with: `spec: {vault: {caBundle: +/+/}}`, then: `spec: {vault: {path: pki/sign/other}}`},
	{rule: "a client certificate needs its key", base: vault, with: `spec: {vault: {clientCertSecretRef: {name: a}}}`, want: "clientCertSecretRef and clientKeySecretRef require each other"},
	{rule: "a client key needs its certificate", base: vault, with: `spec: {vault: {clientKeySecretRef: {name: a}}}`, want: "clientCertSecretRef and clientKeySecretRef require each other"},
	{rule: "client certificate and key are accepted", base: vault, with: `spec: {vault: {clientCertSecretRef: {name: a}, clientKeySecretRef: {name: a}}}`},
	{rule: "Vault wants authentication", base: vault, with: `spec: {vault: {auth: {tokenSecretRef: null}}}`, want: "set one of tokenSecretRef, appRole"},
	{rule: "two ways to authenticate are stored", base: vault, with: `spec: {vault: {auth: {appRole: {path: a, roleId: b, secretRef: {name: c}}}}}`},

	{rule: "an AppRole has a role", base: vault, with: auth(`appRole: {path: a, roleId: "", secretRef: {name: c}}`), want: "appRole.roleId must not be empty"},
	{rule: "an AppRole has a secret", base: vault, with: auth(`appRole: {path: a, roleId: b, secretRef: {name: ""}}`), want: "appRole.secretRef.name must not be empty"},
	{rule: "an AppRole path does not climb", base: vault, with: auth(`appRole: {path: ../a, roleId: b, secretRef: {name: c}}`), want: "appRole.path must not have a segment '..'"},

	{rule: "a service account authenticates", base: vault, with: auth(`kubernetes: {role: a, serviceAccountRef: {name: b, audiences: [c]}}`)},
	{rule: "a service account's token authenticates", base: vault, with: auth(`kubernetes: {role: a, secretRef: {name: b}}`)},
	{rule: "a service account besides an empty reference authenticates", base: vault, with: auth(`kubernetes: {role: a, secretRef: {name: ""}, serviceAccountRef: {name: b}}`)},
	{rule: "Kubernetes has a role", base: vault, with: auth(`kubernetes: {role: "", secretRef: {name: b}}`), want: "kubernetes.role must not be empty"},
	{rule: "Kubernetes shows a token", base: vault, with: auth(`kubernetes: {role: a}`), want: "set exactly one of secretRef and serviceAccountRef"},
	{rule: "Kubernetes shows one token", base: vault, with: auth(`kubernetes: {role: a, secretRef: {name: b}, serviceAccountRef: {name: b}}`), want: "set exactly one of secretRef and serviceAccountRef"},
	{rule: "a service account has a name", base: vault, with: auth(`kubernetes: {role: a, serviceAccountRef: {name: ""}}`), want: "serviceAccountRef.name must not be empty"},
	{rule: "a mount path does not climb", base: vault, with: auth(`kubernetes: {role: a, secretRef: {name: b}, mountPath: /v1/..}`), want: "mountPath must not have a segment '..'"},
	{rule: "a mount path of certificates does not climb", base: vault, with: auth(`clientCertificate: {mountPath: ..}`), want: "mountPath must not have a segment '..'"},

	{rule: "AWS has a role", base: vault, with: auth(`aws: {role: ""}`), want: "at least 1 chars long"},
	{rule: "a service account assumes an AWS role", base: vault, with: auth(`aws: {role: a, serviceAccountRef: {name: b}}`), want: "iamRoleArn is required with serviceAccountRef"},
	{rule: "an AWS role is accepted", base: vault, with: auth(`aws: {role: a, region: b, iamRoleArn: c, serviceAccountRef: {name: d}}`)},
	{rule: "a mount path of AWS does not climb", base: vault, with: auth(`aws: {role: a, mountPath: a/../b}`), want: "mountPath must not have a segment '..'"},
}

var venafiRows = []row{
	{rule: "a Venafi issuer is accepted", base: venafi},
	{rule: "Venafi has a zone", base: venafi, with: `spec: {venafi: {zone: ""}}`, want: "venafi.zone must not be empty"},
	{rule: "Venafi has a server", base: venafi, with: `spec: {venafi: {tpp: null}}`, want: "set exactly one of tpp, cloud and ngts"},
	{rule: "Venafi has one server", base: venafi, with: `spec: {venafi: {cloud: {apiTokenSecretRef: {name: a}}}}`, want: "set exactly one of tpp, cloud and ngts"},
	{rule: "TPP has a URL", base: venafi, with: `spec: {venafi: {tpp: {url: ""}}}`, want: "tpp.url must not be empty"},
	{rule: "TPP is verified in one way", base: venafi, with: `spec: {venafi: {tpp: {caBundle: YQ==, caBundleSecretRef: {name: a}}}}`, want: "caBundle and caBundleSecretRef exclude each other"},
	{rule: "TPP's CA bundle may hold any text", base: venafi, with: `spec: {venafi: {tpp: {caBundle: +/+/}}}`, then: `spec: {venafi: {zone: other}}`},
	{rule: "NGTS is accepted", base: venafi, with: `spec: {venafi: {tpp: null, ngts: {tsgID: a, credentialsRef: {name: b}}}}`},
	{rule: "NGTS has a group", base: venafi, with: `spec: {venafi: {tpp: null, ngts: {tsgID: "", credentialsRef: {name: b}}}}`, want: "ngts.tsgID must not be empty"},
	{rule: "NGTS has credentials", base: venafi, with: `spec: {venafi: {tpp: null, ngts: {tsgID: a, credentialsRef: {name: ""}}}}`, want: "ngts.credentialsRef.name must not be empty"},
}
