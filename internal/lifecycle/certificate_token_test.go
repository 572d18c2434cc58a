package lifecycle

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

func TestASecretThatAControllerFillsIsLeftAlone(t *testing.T) {
	t.Parallel()
	for kind, refused := range map[corev1.SecretType]bool{
		corev1.SecretTypeServiceAccountToken: true,
		corev1.SecretTypeBootstrapToken:      true,
		cmv1.RevocationListSecretType:        true,
		corev1.SecretTypeTLS:                 false,
		corev1.SecretTypeOpaque:              false,
		"example.com/of-another-program":     false, // as it always was (contract 2.5)
	} {
		crt := &cmv1.Certificate{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "uid", CreationTimestamp: metav1.NewTime(simStart)},
			Spec:       cmv1.CertificateSpec{SecretName: "taken", DNSNames: []string{"shop.example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"}},
		}
		seen := CertificateSeen{Certificate: crt, Secret: &StoredSecret{Type: kind, Data: map[string][]byte{"ca.crt": []byte("theirs")}}}
		seen.Wanted, seen.WantedErr = ParseSpec(&crt.Spec)
		first := NextCertificate(seen, simStart)
		ready := FindCertificateCondition(first.Status.Conditions, cmv1.CertificateConditionReady)
		_, idle := first.Action.(NoCertificateAction)
		if got := ready != nil && ready.Status == cmmeta.ConditionFalse && ready.Reason == ReasonForeignSecret && idle && len(first.Events) == 1; got != refused {
			t.Errorf("%s: refused %t, want %t; Ready is %+v, the action %T, events %+v", kind, got, refused, ready, first.Action, first.Events)
		}
		if !refused {
			continue
		}
		crt.Status = first.Status
		if again := NextCertificate(seen, simStart.Add(day)); len(again.Events) > 0 || IsIssuing(&again.Status) {
			t.Errorf("%s: a day later, events are %+v and conditions %+v", kind, again.Events, again.Status.Conditions)
		}
	}
}
