package venafi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Field is a custom field of a certificate.
type Field struct {
	Type  string `json:"type,omitempty"` // "Plain", or empty, which is the same
	Name  string `json:"name"`
	Value string `json:"value"`
}

// plain is the only type of custom fields that there is.
const plain = "Plain"

// ParseFields reads a JSON list of custom fields, as in the annotation
// venafi.cert-manager.io/custom-fields (contract 1.7).
func ParseFields(text string) ([]Field, error) {
	var fields []Field
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return nil, errors.New(`it is not a JSON list such as [{"name": "Cost center", "value": "1234"}]`)
	}
	for i, field := range fields {
		switch {
		case field.Name == "":
			return nil, fmt.Errorf("field %d has no name", i+1)
		case field.Type != "" && field.Type != plain:
			return nil, fmt.Errorf("field %q has the type %q; the only one that there is, is %s", field.Name, field.Type, plain)
		}
	}
	return fields, nil
}

// MergeFields gives the fields of both, where those of a name in over replace
// all of that name in base. They are in the order of their names.
func MergeFields(base, over []Field) []Field {
	replaced := map[string]bool{}
	for _, field := range over {
		replaced[field.Name] = true
	}
	merged := slices.Clone(over)
	for _, field := range base {
		if !replaced[field.Name] {
			merged = append(merged, field)
		}
	}
	slices.SortStableFunc(merged, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return merged
}

// byName gathers the values of fields, in the order of their names.
func byName(fields []Field) (names []string, values map[string][]string) {
	values = map[string][]string{}
	for _, field := range fields {
		values[field.Name] = append(values[field.Name], field.Value)
	}
	return slices.Sorted(maps.Keys(values)), values
}
