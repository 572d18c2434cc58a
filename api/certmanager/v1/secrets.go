package v1

// Keys of the data of a Certificate's Secret, besides tls.key, tls.crt and
// ca.crt. Wire contract, sections 1.2 and 2.5.
const (
	// JKSSecretKey holds the JKS keystore: private key and chain.
	JKSSecretKey = "keystore.jks" //nolint:gosec // a key of the data, no secret
	// JKSTruststoreKey holds the JKS truststore: the CA.
	JKSTruststoreKey = "truststore.jks"
	// PKCS12SecretKey holds the PKCS#12 keystore: private key and chain.
	PKCS12SecretKey = "keystore.p12"
	// PKCS12TruststoreKey holds the PKCS#12 truststore: the CA.
	PKCS12TruststoreKey = "truststore.p12"
	// CertificateOutputFormatDERKey holds the private key in DER.
	CertificateOutputFormatDERKey = "key.der"
	// CertificateOutputFormatCombinedPEMKey holds private key and chain, in
	// PEM, in this order.
	CertificateOutputFormatCombinedPEMKey = "tls-combined.pem"
)
