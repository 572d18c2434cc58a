package cainjection

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// applied is the metadata of a definition as kubectl leaves it, which keeps
// the whole manifest in an annotation.
func applied(name string) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.Name, m.UID, m.ResourceVersion, m.Generation = name, "e36b6d8a-0c8e-4a0c-9df2-7a2c1c9be7d1", "4711", 2
	m.Labels = map[string]string{"app": "shop"}
	m.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", 20_000)}
	m.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsV1: metav1.NewFieldsV1(strings.Repeat("x", 2_000))}}
	return m
}

func TestHardlyAnythingIsKeptOfWhatIsNoTarget(t *testing.T) {
	t.Parallel()
	keep := keepAsked(customResourceDefinitions)
	want := customResourceDefinitions.metadata()
	want.Name, want.ResourceVersion = "carts.shop.example", "4711"
	got, err := keep(applied("carts.shop.example"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}

	target := applied("carts.shop.example")
	target.Annotations[cmv1.WantInjectAnnotation] = "shop/tls"
	want.UID, want.Generation, want.Annotations = target.UID, 2, map[string]string{cmv1.WantInjectAnnotation: "shop/tls"}
	for range 2 { // an informer may hand in what was kept
		if got, err = keep(target); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(want), got); diff != "" {
			t.Error(diff)
		}
		target = got.(*metav1.PartialObjectMetadata)
	}
}

// TestFiveThousandDefinitionsTakeLittleMemory is not parallel: it counts what
// the process holds.
func TestFiveThousandDefinitionsTakeLittleMemory(t *testing.T) {
	const (
		definitions = 5000
		// 600 bytes each: the object, its name, its place in the store. Their
		// metadata alone would be 110 MB.
		most = 3 << 20
	)
	held := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	keep := keepAsked(customResourceDefinitions)
	store := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{})
	before := held()
	for i := range definitions {
		kept, err := keep(applied(fmt.Sprintf("things%d.group%d.example.com", i, i%100)))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Add(kept); err != nil {
			t.Fatal(err)
		}
	}
	after := held()
	t.Logf("%d definitions are %d KB", definitions, (int64(after)-int64(before))>>10)
	if after > before+most {
		t.Errorf("%d definitions are %d bytes, want at most %d", definitions, after-before, most)
	}
	runtime.KeepAlive(store)
}
