package v1

// KeyUsage is a key usage (RFC 5280, section 4.2.1.3) or an extended key usage
// (section 4.2.1.12).
// +kubebuilder:validation:Enum="signing";"digital signature";"content commitment";"key encipherment";"key agreement";"data encipherment";"cert sign";"crl sign";"encipher only";"decipher only";"any";"server auth";"client auth";"code signing";"email protection";"s/mime";"ipsec end system";"ipsec tunnel";"ipsec user";"timestamping";"ocsp signing";"microsoft sgc";"netscape sgc"
type KeyUsage string

// Key usages. UsageSigning and UsageDigitalSignature are the same bit.
const (
	UsageSigning           KeyUsage = "signing"
	UsageDigitalSignature  KeyUsage = "digital signature"
	UsageContentCommitment KeyUsage = "content commitment"
	UsageKeyEncipherment   KeyUsage = "key encipherment"
	UsageKeyAgreement      KeyUsage = "key agreement"
	UsageDataEncipherment  KeyUsage = "data encipherment"
	UsageCertSign          KeyUsage = "cert sign"
	UsageCRLSign           KeyUsage = "crl sign"
	UsageEncipherOnly      KeyUsage = "encipher only"
	UsageDecipherOnly      KeyUsage = "decipher only"
)

// Extended key usages. UsageEmailProtection and UsageSMIME are the same.
const (
	UsageAny             KeyUsage = "any"
	UsageServerAuth      KeyUsage = "server auth"
	UsageClientAuth      KeyUsage = "client auth"
	UsageCodeSigning     KeyUsage = "code signing"
	UsageEmailProtection KeyUsage = "email protection"
	UsageSMIME           KeyUsage = "s/mime"
	UsageIPsecEndSystem  KeyUsage = "ipsec end system"
	UsageIPsecTunnel     KeyUsage = "ipsec tunnel"
	UsageIPsecUser       KeyUsage = "ipsec user"
	UsageTimestamping    KeyUsage = "timestamping"
	UsageOCSPSigning     KeyUsage = "ocsp signing"
	UsageMicrosoftSGC    KeyUsage = "microsoft sgc"
	UsageNetscapeSGC     KeyUsage = "netscape sgc"
)

// DefaultKeyUsages returns the usages of a certificate that names none.
func DefaultKeyUsages() []KeyUsage {
	return []KeyUsage{UsageDigitalSignature, UsageKeyEncipherment}
}
