package kube

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestRefusal(t *testing.T) {
	t.Parallel()
	secrets := schema.GroupResource{Resource: "secrets"}
	long := strings.Repeat("x", maxRefusal-1) + "é"
	for _, row := range []struct {
		sentence string
		err      error
		text     string
		refused  bool
	}{
		{"what is not valid is named without its object", fmt.Errorf("apply secret: %w", apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "web",
			field.ErrorList{field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set")})),
			"data: Forbidden: field is immutable when `immutable` is set", true},
		{"a policy has its words", apierrors.NewForbidden(secrets, "web", errors.New("not on Fridays")), `secrets "web" is forbidden: not on Fridays`, true},
		{"what is too large is refused", apierrors.NewRequestEntityTooLargeError("limit is 3145728"), "Request entity too large: limit is 3145728", true},
		{"a long text is cut between characters", apierrors.NewBadRequest(long), long[:maxRefusal-1] + "...", true},
		{"a conflict is none", apierrors.NewConflict(secrets, "web", errors.New("old")), "", false},
		{"nor is what exists", apierrors.NewAlreadyExists(secrets, "web"), "", false},
		{"nor a busy server", apierrors.NewTooManyRequests("busy", 1), "", false},
		{"nor one in trouble", apierrors.NewInternalError(errors.New("down")), "", false},
		{"nor what did not come from it", errors.New("down"), "", false},
		{"nor nothing", nil, "", false},
	} {
		if text, refused := Refusal(row.err); text != row.text || refused != row.refused {
			t.Errorf("%s: %q, %v", row.sentence, text, refused)
		}
	}
}
