package kube

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// serving is an API server that answers discovery with the given lists, one
// after the other; nil is "not found".
func serving(t *testing.T, answers ...[]string) *rest.Config {
	t.Helper()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		names := answers[min(asked, len(answers)-1)]
		asked++
		w.Header().Set("Content-Type", "application/json")
		if names == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "cert-manager.io/v1"}
		for _, name := range names {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: name})
		}
		if err := json.NewEncoder(w).Encode(list); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}
}

var wanted = map[schema.GroupVersion][]string{{Group: "cert-manager.io", Version: "v1"}: {"certificates", "issuers"}}

func TestWaitServedWaitsForEveryResource(t *testing.T) {
	t.Parallel()
	config := serving(t, nil, []string{"certificates"}, []string{"certificates", "issuers", "more"})
	if err := WaitServed(t.Context(), config, wanted); err != nil {
		t.Error(err)
	}
}

func TestWaitServedGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := WaitServed(ctx, serving(t, []string{"certificates"}), wanted); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestWaitServedReportsAnAPIServerThatCanNotBeAsked(t *testing.T) {
	t.Parallel()
	config := serving(t, []string{})
	config.Host = "http://127.0.0.1:1" // nothing listens there
	err := WaitServed(t.Context(), config, wanted)
	if err == nil || !strings.HasPrefix(err.Error(), "discover cert-manager.io/v1: ") {
		t.Errorf("error %v", err)
	}
}

func TestServedWithinSaysThatResourcesAreMissing(t *testing.T) {
	t.Parallel()
	served, err := ServedWithin(t.Context(), serving(t, nil), wanted, 50*time.Millisecond)
	if served || err != nil {
		t.Errorf("served %t, error %v", served, err)
	}
	served, err = ServedWithin(t.Context(), serving(t, []string{"certificates", "issuers"}), wanted, time.Minute)
	if !served || err != nil {
		t.Errorf("served %t, error %v", served, err)
	}
}

func TestServedWithinEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if served, err := ServedWithin(ctx, serving(t, nil), wanted, time.Minute); served || !errors.Is(err, context.Canceled) {
		t.Errorf("served %t, error %v", served, err)
	}
}

func TestAppearanceTellsOnceWhenTheResourcesAreThere(t *testing.T) {
	t.Parallel()
	told := 0
	a := Appearance{Config: serving(t, nil, nil, []string{"certificates", "issuers"}), Want: wanted, Then: func() { told++ }, every: 10 * time.Millisecond}
	if err := a.Start(t.Context()); err != nil || told != 1 {
		t.Errorf("told %d times, error %v", told, err)
	}
}

func TestAppearanceEndsWithTheManager(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a := Appearance{Config: serving(t, nil), Want: wanted, Then: func() { t.Error("told") }, every: 10 * time.Millisecond}
	if err := a.Start(ctx); err != nil {
		t.Error(err)
	}
}
