package remember

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The shapes that lego's providers have.
type (
	request struct { // as of shellrent
		domainID, recordID int
	}
	record struct { // as of luadns
		ID    int    `json:"-"`
		Name  string `json:"name,omitempty"`
		Notes []string
	}
	layer struct { // as of tecnocratica
		zoneIDs map[string]int
	}
	provider struct {
		*layer
		config    *struct{ Credentials map[string]string }
		recordIDs map[string]string
		numbers   map[string]int64
		pointers  map[string]*string
		requests  map[string]request
		records   map[string]*record
		marks     map[string]struct{}
		count     int
	}
)

func fresh() *provider {
	return &provider{
		layer: &layer{zoneIDs: map[string]int{}}, config: &struct{ Credentials map[string]string }{map[string]string{"a": "secret"}},
		recordIDs: map[string]string{}, numbers: map[string]int64{}, pointers: map[string]*string{},
		requests: map[string]request{}, records: map[string]*record{},
	}
}

func filled() *provider {
	p, id := fresh(), "rr-1"
	p.count++
	p.zoneIDs["token"], p.recordIDs["token"], p.numbers["token"], p.pointers["token"] = 7, "abc", 1<<60+1, &id
	p.requests["token"] = request{1, 2}
	p.records["token"] = &record{ID: 5, Name: "_acme-challenge", Notes: []string{"x"}}
	p.marks = map[string]struct{}{"zone": {}}
	return p
}

func TestWhatAProviderRemembersIsRestoredInAnotherOne(t *testing.T) {
	t.Parallel()
	state, err := Capture(filled(), []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	got := fresh()
	if err := Restore(got, state, []byte("key")); err != nil {
		t.Fatal(err)
	}
	want := filled()
	for name, pair := range map[string][2]any{
		"embedded": {want.zoneIDs, got.zoneIDs}, "strings": {want.recordIDs, got.recordIDs}, "numbers": {want.numbers, got.numbers},
		"pointers": {want.pointers, got.pointers}, "requests": {want.requests, got.requests}, "records": {want.records, got.records}, "marks": {want.marks, got.marks},
	} {
		if diff := cmp.Diff(pair[0], pair[1], cmp.AllowUnexported(request{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTheConfigurationIsNotPartOfTheState(t *testing.T) {
	t.Parallel()
	state, err := Capture(fresh(), []byte("key"))
	if err != nil || state != "" {
		t.Errorf("got %q, %v", state, err)
	}
}

func TestAStateOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	state, err := Capture(filled(), []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	body, mac, _ := strings.Cut(state, ".")
	for name, forged := range map[string]string{"other key": body + "." + seal([]byte("x"), []byte("key")), "no seal": body, "other text": body[1:] + "." + mac, "nothing": ".", "noise": "!.!"} {
		got := fresh()
		if err := Restore(got, forged, []byte("key")); err == nil || len(got.recordIDs) > 0 {
			t.Errorf("%s: got %v, %v", name, err, got.recordIDs)
		}
	}
	if err := Restore(fresh(), state, []byte("other")); err == nil {
		t.Error("the seal of other credentials is taken")
	}
}

func FuzzAStateOfOthersNeverPanics(f *testing.F) {
	state, err := Capture(filled(), []byte("key"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(state))
	f.Add([]byte(`{"records":{"token":{"ID":[]}},"requests":{"x":null}}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_ = Restore(fresh(), string(text), []byte("key"))
		p := fresh()
		for name, field := range maps(reflectOf(p), "") {
			if name != "config" {
				_ = decode(text, field)
			}
		}
	})
}

func reflectOf(p *provider) reflect.Value { return reflect.ValueOf(p) }
