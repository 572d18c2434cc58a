package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"
)

// output is the -o flag of a command.
type output struct {
	format string
	other  []string // formats besides json and yaml
}

func (o *output) register(flags *pflag.FlagSet, other ...string) {
	o.other = other
	flags.StringVarP(&o.format, "output", "o", "", "format of the output: "+strings.Join(o.formats(), ", "))
}

func (o *output) formats() []string { return append([]string{"json", "yaml"}, o.other...) }

// check refuses formats that there are not, before anything is done.
func (o *output) check() error {
	if o.format != "" && !slices.Contains(o.formats(), o.format) {
		return usage("--output %s: there are only %s", o.format, strings.Join(o.formats(), ", "))
	}
	return nil
}

// machine tells whether the output is for programs.
func (o *output) machine() bool { return o.format == "json" || o.format == "yaml" }

// data writes a value as JSON or YAML.
func (t *terminal) data(o *output, value any) error {
	var b []byte
	var err error
	if o.format == "yaml" {
		b, err = yaml.Marshal(value)
	} else {
		b, err = json.MarshalIndent(value, "", "  ")
		b = append(b, '\n')
	}
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if _, err := t.out.Write(b); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// clean makes of an object what is shown of it: with its kind, which clients
// leave out, and without the bookkeeping of field owners.
func clean[T runtime.Object](scheme *runtime.Scheme, o T) T {
	o = o.DeepCopyObject().(T)
	if gvk, err := apiutil.GVKForObject(o, scheme); err == nil {
		o.GetObjectKind().SetGroupVersionKind(gvk)
	}
	if object, ok := any(o).(client.Object); ok {
		object.SetManagedFields(nil)
		return o
	}
	if meta.IsListType(o) {
		_ = meta.EachListItem(o, func(item runtime.Object) error { // the items are in place
			if object, ok := item.(client.Object); ok {
				object.SetManagedFields(nil)
				if gvk, err := apiutil.GVKForObject(object, scheme); err == nil {
					object.GetObjectKind().SetGroupVersionKind(gvk)
				}
			}
			return nil
		})
	}
	return o
}
