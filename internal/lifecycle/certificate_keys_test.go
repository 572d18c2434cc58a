package lifecycle

import (
	"crypto"
	"fmt"
	"math/rand"
	"sync"
	"testing"

	"github.com/certwright/certwright/internal/pki"
)

// simKeyPool are the keys of all worlds: made once, as that is what tests
// would spend their time with. Two issuances in a row never get the same.
var simKeyPool = func() map[pki.KeySpec][][]byte {
	pool := map[pki.KeySpec][][]byte{}
	for _, spec := range []pki.KeySpec{{Algorithm: pki.Ed25519}, {Algorithm: pki.ECDSA}} {
		for range 16 {
			key, err := pki.GenerateKey(nil, spec)
			if err != nil {
				panic(err)
			}
			text, err := pki.EncodeKey(key, pki.PKCS8)
			if err != nil {
				panic(err)
			}
			pool[spec] = append(pool[spec], text)
		}
	}
	return pool
}()

// simSigners and simPublicKeys are the keys of the pool by their PEM.
var simSigners, simPublicKeys = func() (map[string]crypto.Signer, map[string]crypto.PublicKey) {
	signers, public := map[string]crypto.Signer{}, map[string]crypto.PublicKey{}
	for _, keys := range simKeyPool {
		for _, text := range keys {
			key, err := pki.DecodeKey(text)
			if err != nil {
				panic(err)
			}
			signers[string(text)], public[string(text)] = key, key.Public()
		}
	}
	return signers, public
}()

func (w *certificateWorld) newKey(t testing.TB, spec pki.KeySpec) []byte {
	t.Helper()
	if spec.Algorithm == pki.ECDSA && spec.Size == 256 {
		spec.Size = 0 // that is the default
	}
	pool := simKeyPool[spec]
	if pool == nil {
		t.Fatalf("no keys of kind %s at hand", spec)
	}
	for range pool {
		w.keySeed++
		if text := pool[w.keySeed%len(pool)]; !w.burned(simPublicKeys[string(text)]) {
			return text
		}
	}
	t.Fatal("others know all keys at hand")
	return nil
}

// simRequests are signing requests by their key and content.
var simRequests sync.Map

// simRequest is a signing request, made once for the same key and content.
func simRequest(t testing.TB, keyPEM []byte, want *pki.Request) []byte {
	t.Helper()
	name := fmt.Sprintf("%s%+v%+v", keyPEM, *want, want.NameConstraints)
	if csr, made := simRequests.Load(name); made {
		return csr.([]byte)
	}
	key := simSigners[string(keyPEM)]
	if key == nil {
		t.Fatal("a key that nobody made")
	}
	csr, err := pki.CreateRequest(rand.New(rand.NewSource(1)), *want, key)
	if err != nil {
		t.Fatal(err)
	}
	simRequests.Store(name, csr)
	return csr
}

// forget drops what was read of certificates that are nowhere any more.
func (w *certificateWorld) forget() {
	if len(w.parsed.chains) < 64 {
		return
	}
	for text := range w.parsed.chains {
		if !w.stored(text) {
			delete(w.parsed.chains, text)
		}
	}
}

func (w *certificateWorld) stored(chain string) bool {
	for _, world := range append(w.others, w) {
		if world.secret != nil && string(world.secret.data[TLSCert]) == chain {
			return true
		}
		for _, req := range world.requests {
			if string(req.Status.Certificate) == chain {
				return true
			}
		}
	}
	return false
}
