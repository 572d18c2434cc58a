package certificate

import (
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certwright/certwright/internal/lifecycle"
)

func TestRefusalsAreToldInWordsThatLast(t *testing.T) {
	t.Parallel()
	var r refusals
	seen := &lifecycle.CertificateSeen{}
	denied := func(words string) error {
		return fmt.Errorf("apply secret: %w", apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "web", errors.New(words)))
	}
	for _, row := range []struct {
		sentence string
		err      error
		at       time.Duration
		text     string
		refused  bool
	}{
		{"a policy has its words", denied("request 1"), 0, `secrets "web" is forbidden: request 1`, true},
		{"a number in them does not make them new", denied("request 2"), time.Minute, `secrets "web" is forbidden: request 1`, true},
		{"after a while they are", denied("request 3"), wordsKept, `secrets "web" is forbidden: request 3`, true},
		{"trouble is no refusal", errors.New("down"), wordsKept, "", false},
		{"what can not be made is", impossible{errors.New("no name")}, wordsKept, "no name", true},
	} {
		text, refused := r.tell(named(1), seen, lifecycle.StoreCertificate{}, row.err, expiry.Add(row.at))
		if text != row.text || refused != row.refused {
			t.Errorf("%s: %q, %v", row.sentence, text, refused)
		}
	}
	r.forget(named(1))
	if len(r.last) > 0 {
		t.Error("a Certificate that is gone is remembered")
	}

	seen.Secret = &lifecycle.StoredSecret{Immutable: true}
	for action, want := range map[lifecycle.CertificateAction]string{
		lifecycle.SyncSecret{}:    "it is immutable; delete it, or name another one in spec.secretName",
		lifecycle.DeleteRequest{}: `secrets "web" is forbidden: no`,
	} {
		if text, _ := r.tell(named(2), seen, action, denied("no"), expiry); text != want {
			t.Errorf("%T: %q", action, text)
		}
	}
}
