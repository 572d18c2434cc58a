package lifecycle

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func TestReadApplied(t *testing.T) {
	t.Parallel()
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	const fields = `{"f:data":{".":{},"f:tls.crt":{},"f:tls.key":{}},
		"f:metadata":{"f:annotations":{"f:cert-manager.io/alt-names":{}},"f:labels":{"f:a":{}},"f:ownerReferences":{"k:{\"uid\":\"u\"}":{}}},"f:type":{}}`
	want := &AppliedFields{
		Labels: map[string]bool{"a": true}, Annotations: map[string]bool{"cert-manager.io/alt-names": true},
		Data: map[string]bool{"tls.crt": true, "tls.key": true}, Owners: map[types.UID]bool{"u": true},
	}
	for sentence, row := range map[string]struct {
		entries []metav1.ManagedFieldsEntry
		want    *AppliedFields
	}{
		"ours among others": {[]metav1.ManagedFieldsEntry{
			entry("kubectl", "Update", `{"f:data":{"f:x":{}}}`), entry("us", "Apply", fields), entry("us", "Update", `{"f:data":{"f:y":{}}}`),
		}, want},
		"nothing of ours":      {[]metav1.ManagedFieldsEntry{entry("kubectl", "Apply", fields)}, &AppliedFields{}},
		"nothing at all":       {nil, &AppliedFields{}},
		"no fields":            {[]metav1.ManagedFieldsEntry{{Manager: "us", Operation: "Apply"}}, &AppliedFields{}},
		"a form of other days": {[]metav1.ManagedFieldsEntry{entry("us", "Apply", `["f:data"]`)}, nil},
	} {
		if diff := cmp.Diff(row.want, ReadApplied(row.entries, "us"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sentence, diff)
		}
	}
}

func FuzzReadApplied(f *testing.F) {
	f.Add(`{"f:data":{"f:tls.crt":{}},"f:metadata":{"f:ownerReferences":{"k:{\"uid\":\"u\"}":{}}}}`)
	f.Add(`{"f:metadata":{"f:ownerReferences":{"k:{":{}}}}`)
	f.Fuzz(func(_ *testing.T, fields string) {
		ReadApplied([]metav1.ManagedFieldsEntry{{Manager: "us", Operation: "Apply", FieldsV1: metav1.NewFieldsV1(fields)}}, "us")
	})
}

// secretScene is an issued Certificate and its Secret, all of it applied by us.
func secretScene(t *testing.T) *CertificateSeen {
	t.Helper()
	w := newCertificateWorld()
	w.crt.UID = "uid-web"
	w.issue(t, 90*24*time.Hour)
	seen := w.see()
	seen.Secret.Type = corev1.SecretTypeTLS
	claim(&seen)
	return &seen
}

// claim makes the Secret what an apply of its content leaves behind.
func claim(seen *CertificateSeen) {
	content := StoredContent(seen)
	s := seen.Secret
	s.Labels, s.Annotations, s.Data = content.Labels, content.Annotations, content.Data
	s.Applied = &AppliedFields{Labels: names(content.Labels), Annotations: names(content.Annotations), Data: names(content.Data), Owners: map[types.UID]bool{}}
	s.Owners = nil
	if o := content.Owner; o != nil {
		s.Owners = []metav1.OwnerReference{*o}
		s.Applied.Owners[o.UID] = true
	}
}

func names[V any](m map[string]V) map[string]bool {
	set := map[string]bool{}
	for name := range m {
		set[name] = true
	}
	return set
}

func TestSecretUpToDate(t *testing.T) {
	t.Parallel()
	seen := secretScene(t)
	if !SecretUpToDate(seen) {
		t.Fatal("what was just applied is not up to date")
	}
	ref := metav1.NewControllerRef(seen.Certificate, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))
	for _, row := range []struct {
		sentence string
		change   func(*CertificateSeen)
		upToDate bool
	}{
		{"keys of others do not matter", func(s *CertificateSeen) { s.Secret.Data["theirs"], s.Secret.Labels["theirs"] = []byte("x"), "x" }, true},
		{"a label that is ours and wanted no more does", func(s *CertificateSeen) { s.Secret.Labels["a"], s.Secret.Applied.Labels["a"] = "1", true }, false},
		{"so does an annotation", func(s *CertificateSeen) { s.Secret.Applied.Annotations["a"] = true }, false},
		{"and a key", func(s *CertificateSeen) {
			s.Secret.Data["key.der"], s.Secret.Applied.Data["key.der"] = []byte("x"), true
		}, false},
		{"what is there but not ours is claimed", func(s *CertificateSeen) { delete(s.Secret.Applied.Data, TLSCert) }, false},
		{"unless that can not be told", func(s *CertificateSeen) { s.Secret.Applied = nil }, true},
		{"a format that was added is missing", func(s *CertificateSeen) {
			s.Certificate.Spec.AdditionalOutputFormats = []cmv1.CertificateAdditionalOutputFormat{{Type: cmv1.CertificateOutputFormatDER}}
		}, false},
		{"a keystore that was added is missing", func(s *CertificateSeen) { s.Keystores.Data = map[string][]byte{"keystore.p12": []byte("x")} }, false},
		{"a keystore that is other than it should be", func(s *CertificateSeen) {
			s.Keystores.Data = map[string][]byte{"keystore.p12": []byte("x")}
			claim(s)
			s.Secret.Data = maps.Clone(s.Secret.Data)
			s.Secret.Data["keystore.p12"] = []byte("y")
		}, false},
		{"the owner is missing", func(s *CertificateSeen) { s.OwnSecrets = true }, false},
		{"the policy has the last word", func(s *CertificateSeen) {
			s.OwnSecrets, s.Certificate.Spec.SecretDeletionPolicy = true, cmv1.SecretDeletionPolicyRetain
		}, true},
		{"an owner that is wanted no more", func(s *CertificateSeen) {
			s.Secret.Owners, s.Secret.Applied.Owners[ref.UID] = []metav1.OwnerReference{*ref}, true
		}, false},
		{"an owner that is not as it should be", func(s *CertificateSeen) {
			s.OwnSecrets = true
			claim(s)
			s.Secret.Owners[0].Controller = nil
		}, false},
		{"an earlier Certificate of this name, that we had made the owner", func(s *CertificateSeen) {
			s.Certificate.Spec.SecretDeletionPolicy = cmv1.SecretDeletionPolicyDelete
			claim(s)
			old := *ref
			old.UID = "uid-old"
			s.Secret.Owners, s.Secret.Applied.Owners = []metav1.OwnerReference{old}, map[types.UID]bool{"uid-old": true}
		}, false},
		{"another controller is left alone", func(s *CertificateSeen) {
			s.OwnSecrets = true
			s.Secret.Owners = []metav1.OwnerReference{{Kind: "ConfigMap", Name: "app", UID: "uid-app", Controller: new(true)}}
		}, true},
		{"a ca.crt of somebody else is left alone", func(s *CertificateSeen) {
			delete(s.Secret.Data, CACert)
			claim(s)
			s.Secret.Data[CACert] = []byte("theirs")
		}, true},
	} {
		s := secretScene(t)
		row.change(s)
		if got := SecretUpToDate(s); got != row.upToDate {
			t.Errorf("%s: up to date is %v", row.sentence, got)
		}
	}
}

func TestTheTemplateDoesNotChangeWhatWeRelyOn(t *testing.T) {
	t.Parallel()
	seen := secretScene(t)
	seen.Certificate.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{
		Labels:      map[string]string{cmv1.PartOfCertManagerControllerLabelKey: "false", "a": "1"},
		Annotations: map[string]string{cmv1.CertificateNameKey: "other", cmv1.AllowsInjectionFromSecretAnnotation: "true"},
	}
	content := StoredContent(seen)
	if content.Labels[cmv1.PartOfCertManagerControllerLabelKey] != "true" || content.Labels["a"] != "1" ||
		content.Annotations[cmv1.CertificateNameKey] != seen.Certificate.Name || content.Annotations[cmv1.AllowsInjectionFromSecretAnnotation] != "true" {
		t.Errorf("labels %v, annotations %v", content.Labels, content.Annotations)
	}
}

func TestWhatTheSecretCanNotBeIsTold(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*CertificateSeen){
		"": func(s *CertificateSeen) { s.Secret.Type = corev1.SecretTypeOpaque },
		`has the type example.com/odd, which can not be changed`: func(s *CertificateSeen) { s.Secret.Type = "example.com/odd" },
		`is controlled by ConfigMap "app" and is not deleted together with this Certificate`: func(s *CertificateSeen) {
			s.OwnSecrets = true
			s.Secret.Owners = []metav1.OwnerReference{{Kind: "ConfigMap", Name: "app", UID: "uid-app", Controller: new(true)}}
		},
		`has an owner reference to this Certificate that another program has set`: func(s *CertificateSeen) {
			s.Secret.Owners = []metav1.OwnerReference{{Kind: "Certificate", Name: "web", UID: s.Certificate.UID}}
		},
	} {
		s := secretScene(t)
		change(s)
		notes := s.secretNotes()
		if (want == "") != (len(notes) == 0) || (want != "" && !strings.Contains(notes[0].Message, want)) {
			t.Errorf("notes %v, want %q", notes, want)
		}
	}
}

func TestARefusedWriteIsToldOnceAndTriedAgain(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	seen := w.see()
	first := NextCertificate(seen, w.now)
	if _, creates := first.Action.(CreateNextKey); !creates {
		t.Fatalf("action %#v", first.Action)
	}
	seen.Refusal = "exceeded quota"
	told := NextCertificate(seen, w.now)
	if told.Action != (NoCertificateAction{}) || !told.Wake.Equal(w.now.Add(refusedRetry)) || len(told.Events) != 1 || told.Events[0].Reason != ReasonWriteRefused {
		t.Errorf("decision %+v", told)
	}
	if IsIssuing(&told.Status) || told.Status.NextPrivateKeySecretName != nil {
		t.Errorf("the status is of what did not happen: %+v", told.Status)
	}
	ready := FindCertificateCondition(told.Status.Conditions, cmv1.CertificateConditionReady)
	for _, part := range []string{"does not exist; ", "for the next private key can not be created: exceeded quota; next attempt within 5 minutes"} {
		if !strings.Contains(ready.Message, part) {
			t.Errorf("message %q lacks %q", ready.Message, part)
		}
	}
	w.crt.Status = told.Status
	again := NextCertificate(seen, w.now)
	if len(again.Events) != 0 {
		t.Errorf("told again: %v", again.Events)
	}
	if diff := cmp.Diff(told.Status, again.Status); diff != "" {
		t.Errorf("the status changes:\n%s", diff)
	}

	seen = *secretScene(t)
	seen.Certificate.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"a": "1"}}
	seen.Refusal = "it is immutable"
	told = NextCertificate(seen, w.now)
	ready = FindCertificateCondition(told.Status.Conditions, cmv1.CertificateConditionReady)
	if ready.Status != "True" || !strings.HasPrefix(ready.Message, readyMessage+"; ") || !strings.Contains(ready.Message, "can not be written: it is immutable") {
		t.Errorf("condition %+v", ready)
	}
}
