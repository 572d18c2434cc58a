package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/certwright/certwright/internal/contract"
)

// readConfig sets the flags that a file has a value for. Those of the command
// line are stronger. All that is wrong in the file is told at once.
func readConfig(s *pflag.FlagSet, path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the file that the installation names
	if err != nil {
		return fmt.Errorf("read --config: %w", err)
	}
	fields, err := contract.ParseFile(text)
	if err != nil {
		return fmt.Errorf("read --config: %s: %w", path, err)
	}
	given := map[string]bool{}
	s.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	var wrong []error
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		name := contract.FileFields[field]
		if name == "" {
			name = field
		}
		flag := s.Lookup(name)
		switch {
		case flag == nil || name == "config" || name == "help" || name == "version":
			wrong = append(wrong, fmt.Errorf("%s is not known", field))
		case given[name]:
		default:
			if err := setFlag(s, flag, fields[field]); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", field, err))
			}
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("read --config: %s: %w", path, errors.Join(wrong...))
	}
	return nil
}

func setFlag(s *pflag.FlagSet, flag *pflag.Flag, values []string) error {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		if err := list.Replace(values); err != nil {
			return err
		}
		flag.Changed = true
		return nil
	}
	if len(values) == 0 {
		return nil
	}
	if err := s.Set(flag.Name, strings.Join(values, ",")); err != nil {
		return fmt.Errorf("%q is not a value for it: %w", strings.Join(values, ","), errors.Unwrap(err))
	}
	return nil
}
