package acme

import (
	"encoding/json"
	"fmt"
	"time"
)

// missingMember says that a JSON document lacks a member, or has a value there that cannot be used.
func missingMember(name string) error { return fmt.Errorf("no usable %q", name) }

// lenientTime is a time in a document. What is not RFC 3339 is taken as absent: a wrong date is no reason to lose an order.
type lenientTime struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler. It never errs.
func (t *lenientTime) UnmarshalJSON(data []byte) error {
	var value time.Time
	if json.Unmarshal(data, &value) == nil {
		t.Time = value
	}
	return nil
}
