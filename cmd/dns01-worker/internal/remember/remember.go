// Package remember carries what a provider of lego keeps in memory between
// Present and CleanUp from one process to another.
//
// About 70 of lego's providers store the ID of the record that they made in a
// map of the provider, under the challenge's token, and can not remove the
// record without it. There is no way to ask for it or to set it; the maps are
// unexported. Capture reads the maps by reflection, Restore fills them.
package remember

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unsafe"
)

// maxState bounds what is remembered. An ID is short; the longest thing that a
// provider keeps is a record.
const maxState = 16 << 10

// errForged is the error of a state that has not been made with the key.
var errForged = errors.New("what the provider said when the record was written has been made with other credentials, or altered: remove the record by hand")

// Capture is what a provider has in its maps, or empty. The key seals it: the
// text is stored where others may write, and must not let them have a record
// removed that is not ours.
func Capture(provider any, key []byte) (string, error) {
	found := map[string]json.RawMessage{}
	for name, field := range maps(reflect.ValueOf(provider), "") {
		if field.Len() == 0 {
			continue
		}
		text, err := encode(field)
		if err != nil {
			return "", fmt.Errorf("read what the provider remembers: %w", err)
		}
		found[name] = text
	}
	if len(found) == 0 {
		return "", nil
	}
	text, err := json.Marshal(found)
	if err != nil {
		return "", fmt.Errorf("write what the provider remembers: %w", err)
	}
	if len(text) > maxState {
		return "", fmt.Errorf("the provider remembers %d bytes, more than %d", len(text), maxState)
	}
	return base64.RawURLEncoding.EncodeToString(text) + "." + seal(text, key), nil
}

// Restore puts a captured state into the maps of a provider.
func Restore(provider any, state string, key []byte) error {
	body, mac, _ := strings.Cut(state, ".")
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(text) > maxState || !hmac.Equal([]byte(mac), []byte(seal(text, key))) {
		return errForged
	}
	var found map[string]json.RawMessage
	if err := json.Unmarshal(text, &found); err != nil {
		return errForged
	}
	fields := maps(reflect.ValueOf(provider), "")
	for name, text := range found {
		field, ok := fields[name]
		if !ok {
			return fmt.Errorf("restore %s: the provider has no such map", name)
		}
		if err := decode(text, field); err != nil {
			return fmt.Errorf("restore %s: %w", name, err)
		}
	}
	return nil
}

func seal(text, key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// maps are the maps with string keys of a provider, and of what it embeds, by
// their names.
func maps(value reflect.Value, prefix string) map[string]reflect.Value {
	found := map[string]reflect.Value{}
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		if value.IsNil() {
			return found
		}
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct || !value.CanAddr() {
		return found
	}
	for i := range value.NumField() {
		field := value.Type().Field(i)
		inner := open(value.Field(i))
		switch {
		// Some providers are thin layers over one that they share.
		case field.Anonymous, field.Name == "prv" || field.Name == "provider":
			for name, deep := range maps(inner, prefix+field.Name+".") {
				found[name] = deep
			}
		case inner.Kind() == reflect.Map && inner.Type().Key().Kind() == reflect.String:
			found[prefix+field.Name] = inner
		}
	}
	return found
}

// open makes a field that is not exported readable and settable.
func open(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem() //nolint:gosec // G103: the address is that of a field of a struct that is alive
}
