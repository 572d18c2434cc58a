package compat

import (
	"testing"

	theirsacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	theirs "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/test/apiserver"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// pair is a kind as both projects have it.
type pair struct {
	kind   string
	ours   func() client.Object
	theirs func() client.Object
}

var pairs = []pair{
	{cmv1.CertificateKind, func() client.Object { return &cmv1.Certificate{} }, func() client.Object { return &theirs.Certificate{} }},
	{cmv1.CertificateRequestKind, func() client.Object { return &cmv1.CertificateRequest{} }, func() client.Object { return &theirs.CertificateRequest{} }},
	{cmv1.IssuerKind, func() client.Object { return &cmv1.Issuer{} }, func() client.Object { return &theirs.Issuer{} }},
	{cmv1.ClusterIssuerKind, func() client.Object { return &cmv1.ClusterIssuer{} }, func() client.Object { return &theirs.ClusterIssuer{} }},
	{acmev1.OrderKind, func() client.Object { return &acmev1.Order{} }, func() client.Object { return &theirsacme.Order{} }},
	{acmev1.ChallengeKind, func() client.Object { return &acmev1.Challenge{} }, func() client.Object { return &theirsacme.Challenge{} }},
}
