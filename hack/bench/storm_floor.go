package main

import (
	"context"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// stormFloorRequests is how many requests the plain client makes: some seconds' worth.
const stormFloorRequests = 1500

// stormFloor measures what the control plane on this machine can do if nobody decides anything: a plain client makes,
// signs and deletes requests as fast as it can. In requests per second.
func (l *lab) stormFloor(ctx context.Context, namespace string, s *storm, ca *authority) (float64, error) {
	fmt.Fprintf(os.Stderr, "floor: %d requests by a plain client\n", stormFloorRequests)
	begin := time.Now()
	err := inParallel(ctx, floorWorkers, stormFloorRequests, func(ctx context.Context, i int) error {
		text := s.signing[i%len(s.signing)]
		req := &cmv1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("floor-%05d", i)},
			Spec:       cmv1.CertificateRequestSpec{Request: text, IssuerRef: cmmeta.IssuerReference{Name: issuerName}},
		}
		if err := l.admin.Create(ctx, req); err != nil {
			return fmt.Errorf("create request: %w", err)
		}
		_, chain, err := ca.sign(text, time.Now())
		if err != nil {
			return err
		}
		now := metav1.Now()
		req.Status.Certificate, req.Status.CA = chain, ca.certPEM
		for _, t := range []cmv1.CertificateRequestConditionType{cmv1.CertificateRequestConditionApproved, cmv1.CertificateRequestConditionReady} {
			req.Status.Conditions = append(req.Status.Conditions, cmv1.CertificateRequestCondition{
				Type: t, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateRequestReasonIssued, LastTransitionTime: &now,
			})
		}
		if err := l.plain.Status().Update(ctx, req); err != nil {
			return fmt.Errorf("update request: %w", err)
		}
		if err := l.admin.Delete(ctx, req); err != nil {
			return fmt.Errorf("delete request: %w", err)
		}
		return nil
	})
	return stormFloorRequests / time.Since(begin).Seconds(), err
}
