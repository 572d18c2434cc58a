package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOfSigningRequestsForOtherSignersOnlyTheIdentityIsKept(t *testing.T) {
	t.Parallel()
	request := func(signer string) *certificatesv1.CertificateSigningRequest {
		return &certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{
				Name: "node-1", UID: "uid", ResourceVersion: "7", Labels: map[string]string{"a": "b"},
				ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet"}},
			},
			Spec:   certificatesv1.CertificateSigningRequestSpec{SignerName: signer, Request: []byte("PEM")},
			Status: certificatesv1.CertificateSigningRequestStatus{Certificate: []byte("CHAIN")},
		}
	}
	const theirs, ours = "kubernetes.io/kube-apiserver-client-kubelet", "issuers.cert-manager.io/shop.ca"
	want := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "node-1", UID: "uid", ResourceVersion: "7"},
		Spec:       certificatesv1.CertificateSigningRequestSpec{SignerName: theirs},
	}
	got, err := stripForeignCSRs(request(theirs))
	if diff := cmp.Diff(any(want), got); diff != "" || err != nil {
		t.Errorf("kept of theirs (-want +got):\n%s\n%v", diff, err)
	}
	whole := request(ours)
	whole.ManagedFields = nil
	got, err = stripForeignCSRs(request(ours))
	if diff := cmp.Diff(any(whole), got); diff != "" || err != nil {
		t.Errorf("kept of ours (-want +got):\n%s\n%v", diff, err)
	}
}
