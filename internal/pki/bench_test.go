package pki

import (
	"crypto/rand"
	"crypto/x509"
	"testing"
)

// These sit on the path of every reconcile, so that their cost is that of an idle operator.

func BenchmarkDecodeKey(b *testing.B) {
	for _, spec := range []KeySpec{{RSA, 2048}, {ECDSA, 256}, {Ed25519, 0}} {
		encoded, err := EncodeKey(newKey(b, spec), PKCS1)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(spec.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeKey(encoded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	for _, spec := range []KeySpec{{RSA, 2048}, {ECDSA, 256}, {Ed25519, 0}} {
		_, encoded := newCSR(b, fullRequest(b), newKey(b, spec))
		b.Run(spec.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeRequest(encoded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeCertificates(b *testing.B) {
	root := newCA(b, "root")
	between := root.ca(b, "between")
	leaf := between.leaf(b, "leaf.example")
	encoded := EncodeCertificates(leaf.cert, between.cert)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeCertificates(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequestDiff(b *testing.B) {
	want := fullRequest(b)
	csr, _ := newCSR(b, want, newECKey(b))
	b.ReportAllocs()
	for b.Loop() {
		if diff := RequestDiff(want, csr); diff != nil {
			b.Fatal(diff)
		}
	}
}

func BenchmarkBuildBundle(b *testing.B) {
	root := newCA(b, "root")
	between := root.ca(b, "between")
	certs := []*x509.Certificate{between.leaf(b, "leaf.example").cert, between.cert, root.cert}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := BuildBundle(certs); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIssueFromRequest(b *testing.B) {
	ca := newCA(b, "ca")
	key := newECKey(b)
	csr, _ := newCSR(b, Request{DNSNames: []string{"a.example"}}, key)
	b.ReportAllocs()
	for b.Loop() {
		template, err := Template(csr, Profile{Duration: 1e15}, newSerial(b), start)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Sign(rand.Reader, template, ca.cert, key.Public(), ca.key); err != nil {
			b.Fatal(err)
		}
	}
}
