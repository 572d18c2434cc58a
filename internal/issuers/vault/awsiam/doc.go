// Package awsiam proves to a third party who one is at AWS: it finds
// credentials, and signs a request GetCallerIdentity that the other side
// carries out.
//
//	sigv4.go     the signature of a request (AWS Signature Version 4)
//	identity.go  the signed request
//	sts.go       credentials for the token of a service account
//	http.go      one request, and its errors
//	ambient.go   the credentials of the process: its environment, the roles of
//	             its pod, container or machine
//
// The AWS SDK is not used: it would be the largest dependency of the
// controller, for one signature and four small requests.
package awsiam
