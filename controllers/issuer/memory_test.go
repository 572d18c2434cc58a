package issuer

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

func TestTroubleIsForgottenWhenItMayBeMended(t *testing.T) {
	t.Parallel()
	key := types.NamespacedName{Namespace: "shop", Name: "acme"}
	issuer := func(uid types.UID, generation int64) *cmv1.Issuer {
		return &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{UID: uid, Generation: generation}}
	}
	rows := []struct {
		sentence string
		fault    lifecycle.FaultKind
		happens  func(m *memory)
		later    *cmv1.Issuer
		kept     bool
	}{
		{"nothing happens", lifecycle.Stalled, func(*memory) {}, issuer("a", 1), true},
		{"the spec changes", lifecycle.Stalled, func(*memory) {}, issuer("a", 2), false},
		{"the issuer is made again", lifecycle.Stalled, func(*memory) {}, issuer("b", 1), false},
		{"a Secret changes", lifecycle.Stalled, func(m *memory) { m.changed(key) }, issuer("a", 1), false},
		{"another issuer's Secret changes", lifecycle.Stalled, func(m *memory) { m.changed(types.NamespacedName{Name: "other"}) }, issuer("a", 1), true},
		{"a Secret changes while the CA asks for patience", lifecycle.Wait, func(m *memory) { m.changed(key) }, issuer("a", 1), true},
		{"the issuer is deleted", lifecycle.Stalled, func(m *memory) { m.forget(key) }, issuer("a", 1), false},
	}
	for _, row := range rows {
		m := newMemory()
		state := m.of(key, issuer("a", 1))
		verdict := &lifecycle.IssuerVerdict{Fault: &lifecycle.Fault{Kind: row.fault}}
		m.keep(key, state, state.trouble.Again(verdict, time.Now()))
		row.happens(m)
		if kept := m.of(key, row.later).trouble != nil; kept != row.kept {
			t.Errorf("%s: kept %t, want %t", row.sentence, kept, row.kept)
		}
	}
}

func TestSecretThatChangesDuringACheckIsNotMissed(t *testing.T) {
	t.Parallel()
	key := types.NamespacedName{Name: "acme"}
	issuer := &cmv1.ClusterIssuer{}
	m := newMemory()
	state := m.of(key, issuer)
	m.changed(key) // the signer has read the Secret before
	verdict := &lifecycle.IssuerVerdict{Fault: &lifecycle.Fault{Kind: lifecycle.Stalled}}
	m.keep(key, state, state.trouble.Again(verdict, time.Now()))
	if m.of(key, issuer).trouble != nil {
		t.Error("the issuer waits for a change that has been already")
	}
}
