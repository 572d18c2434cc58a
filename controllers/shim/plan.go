package shim

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

type verb string

const (
	createCertificate verb = "create"
	updateCertificate verb = "update"
	deleteCertificate verb = "delete"
)

// step is one write. Certificate is what is to be written or deleted.
type step struct {
	verb        verb
	certificate *cmv1.Certificate
}

// plan says what has to be written so that the cluster has the Certificates
// that the owner asks for. present holds the Certificates with the names of
// those wanted, whoever made them; owned are those that the owner controls.
// problems say which wanted Certificates cannot be had, and why.
func plan(owner metav1.Object, wish Wish, present map[string]*cmv1.Certificate, owned []*cmv1.Certificate) (steps []step, problems []string, err error) {
	for _, want := range wish.Certificates {
		crt := present[want.Name]
		switch {
		case crt == nil:
			made, err := create(want)
			if err != nil {
				return nil, nil, err
			}
			made.Namespace, made.Name = owner.GetNamespace(), want.Name
			steps = append(steps, step{createCertificate, made})
		case !crt.DeletionTimestamp.IsZero():
			// It is made again when it is gone.
		case !metav1.IsControlledBy(crt, owner):
			if lacks := lacking(crt, want); lacks != "" {
				problems = append(problems, lacks)
			}
		default:
			merged, err := merge(crt, want)
			if err != nil {
				return nil, nil, err
			}
			if merged != crt {
				steps = append(steps, step{updateCertificate, merged})
			}
		}
	}
	for _, crt := range owned {
		if crt.DeletionTimestamp.IsZero() && unwanted(crt, wish) {
			steps = append(steps, step{deleteCertificate, crt})
		}
	}
	return steps, problems, nil
}

// unwanted reports whether an owned Certificate is asked for no more: the
// object serves its Secret no more, or the annotation that asked is gone, or
// declines it now. A Certificate that the operator before this one made
// outlived such a change then, and goes on doing so: its host may well depend
// on it.
func unwanted(crt *cmv1.Certificate, wish Wish) bool {
	if !wish.Named[crt.Name] {
		return true
	}
	_, ours := crt.Annotations[FieldsAnnotation]
	return ours && (!wish.Asked || wish.Declined[crt.Name])
}

// lacking says what a Certificate of somebody else does not give that is
// wanted; empty if it serves as well, as it does when two Ingresses share one
// Secret for the same hosts.
func lacking(crt *cmv1.Certificate, want Want) string {
	var lacks []string
	if crt.Spec.SecretName != want.Spec.SecretName {
		lacks = append(lacks, "has another secretName")
	}
	if !crt.Spec.IssuerRef.Same(want.Spec.IssuerRef) {
		lacks = append(lacks, "has another issuer")
	}
	for _, name := range slices.Concat(want.Spec.DNSNames, want.Spec.IPAddresses) {
		if !slices.Contains(crt.Spec.DNSNames, name) && !slices.Contains(crt.Spec.IPAddresses, name) {
			lacks = append(lacks, "does not have the name "+name)
		}
	}
	if len(lacks) == 0 {
		return ""
	}
	return fmt.Sprintf("Certificate %s belongs to another owner and is left as it is, but it %s: change it there, or name another Secret here",
		want.Name, strings.Join(lacks, ", "))
}
