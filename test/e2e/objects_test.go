package e2e

import (
	"context"
	"crypto/x509"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// names lists the names of objects.
func (j *journey) names(ctx context.Context, list client.ObjectList, options ...client.ListOption) ([]string, error) {
	if err := j.api.List(ctx, list, options...); err != nil {
		return nil, err
	}
	var names []string
	err := meta.EachListItem(list, func(o runtime.Object) error {
		object, err := meta.Accessor(o)
		if err == nil {
			names = append(names, object.GetName())
		}
		return err
	})
	return names, err
}

// certificate is a Certificate for names from an issuer.
func (j *journey) certificate(name string, issuer cmmeta.IssuerReference, hosts ...string) *cmv1.Certificate {
	return &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: name},
		Spec:       cmv1.CertificateSpec{SecretName: name, DNSNames: hosts, IssuerRef: issuer},
	}
}

func clusterIssuer(name string) cmmeta.IssuerReference {
	return cmmeta.IssuerReference{Name: name, Kind: cmv1.ClusterIssuerKind}
}

// stored returns the certificate in a Secret.
func (j *journey) stored(ctx context.Context, name string) (*x509.Certificate, error) {
	secret := &corev1.Secret{}
	if err := j.api.Get(ctx, client.ObjectKey{Namespace: j.namespace, Name: name}, secret); err != nil {
		return nil, err
	}
	return testbed.Leaf(secret.Data[corev1.TLSCertKey])
}

// describe logs how everything of the journey stands, after a failure.
func (j *journey) describe() {
	ctx := context.Background()
	in := client.InNamespace(j.namespace)
	var certificates cmv1.CertificateList
	var requests cmv1.CertificateRequestList
	var orders acmev1.OrderList
	var challenges acmev1.ChallengeList
	var events corev1.EventList
	for _, list := range []client.ObjectList{&certificates, &requests, &orders, &challenges, &events} {
		if err := j.api.List(ctx, list, in); err != nil {
			j.Logf("list %T: %v", list, err)
		}
	}
	for _, o := range certificates.Items {
		j.Logf("Certificate %s: %+v", o.Name, o.Status)
	}
	for _, o := range requests.Items {
		j.Logf("CertificateRequest %s: %+v", o.Name, o.Status.Conditions)
	}
	for _, o := range orders.Items {
		j.Logf("Order %s: state %q, reason %q, url %q", o.Name, o.Status.State, o.Status.Reason, o.Status.URL)
	}
	for _, o := range challenges.Items {
		j.Logf("Challenge %s: %+v", o.Name, o.Status)
	}
	for _, e := range events.Items {
		j.Logf("Event %s %s/%s %s: %s", e.LastTimestamp.Format("15:04:05"), e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
	text, err := j.operatorLog(ctx)
	if err != nil {
		text = fmt.Sprint(err)
	}
	j.Logf("the end of the operator's log:\n%s", text)
}
