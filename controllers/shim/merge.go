package shim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// FieldsAnnotation is where a Certificate says which of its fields the shim
// has set: a JSON list of pointers (RFC 6901), sorted. It also tells that the
// Certificate was made, or taken over, by this operator.
const FieldsAnnotation = "certwright.dev/shim-fields"

// fields are the values that an object asks for, by the pointer to them. A
// list is one value, a struct or map is not.
type fields map[string]any

// fieldsOf flattens a Want.
func fieldsOf(want Want) (fields, error) {
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&want.Spec)
	if err != nil {
		return nil, fmt.Errorf("convert wanted spec: %w", err)
	}
	f := fields{}
	f.add("/spec", spec)
	for key, v := range want.Labels {
		f["/metadata/labels/"+escape(key)] = v
	}
	for key, v := range want.Annotations {
		f["/metadata/annotations/"+escape(key)] = v
	}
	return f, nil
}

func (f fields) add(at string, value map[string]any) {
	for key, v := range value {
		pointer := at + "/" + escape(key)
		if nested, ok := v.(map[string]any); ok {
			f.add(pointer, nested)
			continue
		}
		f[pointer] = v
	}
}

// mark is the value of FieldsAnnotation.
func (f fields) mark() string {
	list, err := json.Marshal(slices.Sorted(maps.Keys(f)))
	if err != nil {
		panic(err) // a list of strings always has a JSON form
	}
	return string(list)
}

// create makes the Certificate of a Want, without namespace and owner.
func create(want Want) (*cmv1.Certificate, error) {
	return merge(&cmv1.Certificate{}, want)
}

// merge returns the Certificate with the wanted fields, without those that the
// shim set before and that are wanted no more, and else unchanged. It returns
// its input if there is nothing to change.
func merge(existing *cmv1.Certificate, want Want) (*cmv1.Certificate, error) {
	if existing.Spec.IssuerRef.Same(want.Spec.IssuerRef) {
		// The same issuer in other words is no reason to write.
		want.Spec.IssuerRef = existing.Spec.IssuerRef
	}
	wanted, err := fieldsOf(want)
	if err != nil {
		return nil, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(existing)
	if err != nil {
		return nil, fmt.Errorf("convert certificate: %w", err)
	}
	for _, pointer := range setBefore(existing, wanted) {
		if _, still := wanted[pointer]; !still {
			remove(content, split(pointer))
		}
	}
	for pointer, value := range wanted {
		set(content, split(pointer), value)
	}
	set(content, []string{"metadata", "annotations", FieldsAnnotation}, wanted.mark())

	merged := &cmv1.Certificate{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, merged); err != nil {
		return nil, fmt.Errorf("convert merged certificate: %w", err)
	}
	if equality.Semantic.DeepEqual(existing, merged) {
		return existing, nil
	}
	return merged, nil
}

var (
	parentName      = "/metadata/annotations/" + escape(acmev1.ACMECertificateHTTP01ParentRefName)
	parentNamespace = "/metadata/annotations/" + escape(acmev1.ACMECertificateHTTP01ParentRefNamespace)
)

// setBefore are the fields that the shim may remove. What the annotation says
// comes from the cluster and may be anything, so it is held to what the shim
// can have written.
func setBefore(crt *cmv1.Certificate, wanted fields) []string {
	if _, marked := crt.Annotations[FieldsAnnotation]; !marked && wanted[parentName] != nil {
		// The namespace belongs to the name. The operator before this one leaves
		// it behind, and it would make another parent of the one that is wanted.
		return []string{parentNamespace}
	}
	var pointers []string
	if err := json.Unmarshal([]byte(crt.Annotations[FieldsAnnotation]), &pointers); err != nil {
		return nil
	}
	return slices.DeleteFunc(pointers, func(p string) bool {
		return !strings.HasPrefix(p, "/spec/") && !strings.HasPrefix(p, "/metadata/labels/") && !strings.HasPrefix(p, "/metadata/annotations/")
	})
}

// set stores a value, making the maps on the way to it.
func set(content map[string]any, path []string, value any) {
	for _, key := range path[:len(path)-1] {
		next, ok := content[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			content[key] = next
		}
		content = next
	}
	content[path[len(path)-1]] = value
}

// remove deletes a value, and the maps around it that are empty then.
func remove(content map[string]any, path []string) {
	if len(path) > 1 {
		next, ok := content[path[0]].(map[string]any)
		if !ok {
			return
		}
		if remove(next, path[1:]); len(next) > 0 {
			return
		}
	}
	delete(content, path[0])
}

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

func escape(key string) string { return escaper.Replace(key) }

func split(pointer string) []string {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i := range parts {
		parts[i] = unescaper.Replace(parts[i])
	}
	return parts
}
