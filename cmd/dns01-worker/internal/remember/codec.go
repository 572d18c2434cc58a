package remember

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// maxDepth bounds what is followed. Records are flat.
const maxDepth = 8

var errDeep = errors.New("nested too deeply")

// encode is JSON of a value, fields that are not exported included, by their Go
// names.
func encode(value reflect.Value) (json.RawMessage, error) {
	plain, err := unwrap(value, 0)
	if err != nil {
		return nil, err
	}
	return json.Marshal(plain)
}

func unwrap(value reflect.Value, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			return nil, nil
		}
		return unwrap(value.Elem(), depth+1)
	case reflect.Map:
		plain := map[string]any{}
		for entries := value.MapRange(); entries.Next(); {
			// The value of a map has no address: a copy has.
			copied := reflect.New(value.Type().Elem()).Elem()
			copied.Set(entries.Value())
			inner, err := unwrap(copied, depth+1)
			if err != nil {
				return nil, err
			}
			plain[entries.Key().String()] = inner
		}
		return plain, nil
	case reflect.Struct:
		plain := map[string]any{}
		for i := range value.NumField() {
			inner, err := unwrap(open(value.Field(i)), depth+1)
			if err != nil {
				return nil, err
			}
			plain[value.Type().Field(i).Name] = inner
		}
		return plain, nil
	case reflect.Slice:
		if value.IsNil() {
			return nil, nil
		}
		plain := make([]any, value.Len())
		for i := range plain {
			var err error
			if plain[i], err = unwrap(value.Index(i), depth+1); err != nil {
				return nil, err
			}
		}
		return plain, nil
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return value.Interface(), nil
	default:
		return nil, fmt.Errorf("a %s can not be stored", value.Type())
	}
}

// decode is the way back.
func decode(text json.RawMessage, value reflect.Value) error {
	if string(text) == "null" {
		value.SetZero()
		return nil
	}
	switch value.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(value.Type().Elem())
		if err := decode(text, fresh.Elem()); err != nil {
			return err
		}
		value.Set(fresh)
		return nil
	case reflect.Map:
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(text, &parts); err != nil {
			return err
		}
		fresh := reflect.MakeMap(value.Type())
		for key, part := range parts {
			entry := reflect.New(value.Type().Elem()).Elem()
			if err := decode(part, entry); err != nil {
				return err
			}
			fresh.SetMapIndex(reflect.ValueOf(key).Convert(value.Type().Key()), entry)
		}
		value.Set(fresh)
		return nil
	case reflect.Struct:
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(text, &parts); err != nil {
			return err
		}
		for i := range value.NumField() {
			if part, ok := parts[value.Type().Field(i).Name]; ok {
				if err := decode(part, open(value.Field(i))); err != nil {
					return err
				}
			}
		}
		return nil
	case reflect.Slice:
		var parts []json.RawMessage
		if err := json.Unmarshal(text, &parts); err != nil {
			return err
		}
		fresh := reflect.MakeSlice(value.Type(), len(parts), len(parts))
		for i, part := range parts {
			if err := decode(part, fresh.Index(i)); err != nil {
				return err
			}
		}
		value.Set(fresh)
		return nil
	default:
		return json.Unmarshal(text, value.Addr().Interface())
	}
}
