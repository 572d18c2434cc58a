package compat

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/randfill"
)

const rounds = 1000

// TestRoundTrip fills objects with random values and passes them through the
// other project's types: nothing is lost, and the JSON is the same to the
// byte. The latter matters because names of child objects are hashes of it.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, p := range pairs {
		t.Run(p.kind+" of ours", func(t *testing.T) {
			t.Parallel()
			roundTrip(t, p.kind, func() any { return p.ours() }, func() any { return p.theirs() })
		})
		t.Run(p.kind+" of theirs", func(t *testing.T) {
			t.Parallel()
			roundTrip(t, p.kind, func() any { return p.theirs() }, func() any { return p.ours() })
		})
	}
}

func roundTrip(t *testing.T, kind string, mine, yours func() any) {
	t.Helper()
	fill := anything()
	for round := range rounds {
		filled := mine()
		fill.Fill(filled)
		var common any
		decode(t, encode(t, filled), &common)
		sent := mine()
		decode(t, encode(t, withoutExtensions(kind, common)), sent)
		data := encode(t, sent)

		between := yours()
		decode(t, data, between)
		if diff := cmp.Diff(string(data), string(encode(t, between))); diff != "" {
			t.Fatalf("round %d: JSON differs (-first +second):\n%s", round, diff)
		}

		back := mine()
		decode(t, encode(t, between), back)
		if !apiequality.Semantic.DeepEqual(sent, back) {
			t.Fatalf("round %d: lost (-sent +back):\n%s", round, cmp.Diff(encode(t, sent), encode(t, back)))
		}
	}
}

func encode(t *testing.T, object any) []byte {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return data
}

// decode decodes as clients of Kubernetes do, and refuses unknown fields.
func decode(t *testing.T, data []byte, object any) {
	t.Helper()
	strict, err := kjson.UnmarshalStrict(data, object)
	if err != nil || len(strict) > 0 {
		t.Fatalf("decode into %T: %v %v\n%s", object, err, strict, data)
	}
}

// anything returns a filler that makes any value that JSON can carry, valid or
// not, and now and then none.
func anything() *randfill.Filler {
	return randfill.NewWithSeed(1).NilChance(0.3).NumElements(1, 3).MaxDepth(20).Funcs(leaves()...)
}

// leaves are the types whose random value has to be made with care, since not
// every value of the Go type has a JSON form.
func leaves() []any {
	return []any{
		// Kubernetes times have seconds and no zone.
		func(v *metav1.Time, c randfill.Continue) {
			*v = metav1.NewTime(time.Unix(c.Int63n(4e9)+1, 0).UTC())
		},
		func(v *metav1.Duration, c randfill.Continue) { v.Duration = time.Duration(c.Int63()) },
		func(v *resource.Quantity, c randfill.Continue) {
			*v = *resource.NewQuantity(c.Int63n(1e6), resource.DecimalSI)
			_ = v.String() // caches the text, as decoding does
		},
		func(v *apiextensionsv1.JSON, c randfill.Continue) {
			v.Raw = []byte(fmt.Sprintf(`{"a":%d,"b":[true,"c"]}`, c.Int31()))
		},
		func(v *metav1.FieldsV1, _ randfill.Continue) { v.SetRawBytes([]byte(`{"f:spec":{}}`)) },
		func(v *[]byte, c randfill.Continue) {
			*v = make([]byte, c.Intn(20)+1)
			c.Read(*v)
		},
		func(v *string, c randfill.Continue) { *v = letters(c.Rand) },
	}
}

// letters returns a string of one to eight letters, some of which take several
// bytes, and some of which JSON escapes.
func letters(r *rand.Rand) string {
	alphabet := []rune(`abcXYZ-._/"\<&> äß漢😀`)
	text := make([]rune, r.Intn(8)+1)
	for i := range text {
		text[i] = alphabet[r.Intn(len(alphabet))]
	}
	return string(text)
}
