package compat

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFields compares the trees of fields: each JSON path of theirs is there,
// with the same JSON type and left out under the same circumstances, and there
// are no others but our extensions.
func TestFields(t *testing.T) {
	t.Parallel()
	for _, p := range pairs {
		t.Run(p.kind, func(t *testing.T) {
			t.Parallel()
			ours, theirs := map[string]string{}, map[string]string{}
			collect(p.kind, reflect.TypeOf(p.ours()), ours)
			collect(p.kind, reflect.TypeOf(p.theirs()), theirs)
			maps.DeleteFunc(ours, func(path, _ string) bool { return isExtension(path) })
			if len(theirs) < 20 {
				t.Fatalf("only %d fields found", len(theirs))
			}
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("fields differ (-theirs +ours):\n%s", diff)
			}
		})
	}
}

// collect adds each path below a type, with its JSON type and the options of
// its tag.
func collect(path string, typ reflect.Type, paths map[string]string) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if path != "" && paths[path] == "" {
		paths[path] = describe(typ)
	}
	if isOpaque(typ) {
		return
	}
	kind := typ.Kind()
	if kind == reflect.Slice && typ.Elem().Kind() != reflect.Uint8 {
		collect(path+"[]", typ.Elem(), paths)
	}
	if kind == reflect.Map {
		collect(path+"{}", typ.Elem(), paths)
	}
	if kind != reflect.Struct {
		return
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		if name == "" { // inline
			collect(path, field.Type, paths)
			continue
		}
		inner := field.Type
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		paths[path+"."+name] = strings.TrimSpace(describe(inner) + " " + options)
		collect(path+"."+name, field.Type, paths)
	}
}

// isOpaque reports whether a type encodes itself.
func isOpaque(typ reflect.Type) bool {
	return typ.Kind() == reflect.Struct && reflect.PointerTo(typ).Implements(reflect.TypeFor[json.Marshaler]())
}

// describe names what a type is in JSON. A struct is an object, whatever its
// Go name; types that encode themselves are told by their Go name.
func describe(typ reflect.Type) string {
	if isOpaque(typ) {
		return typ.String()
	}
	return typ.Kind().String()
}
