package http01

import (
	"hash/adler32"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// Port is where the solver listens, and its Service with it.
const Port = 8089

// Options are the settings of the operator that all solvers share.
type Options struct {
	// Image of the solver. Required.
	Image string
	// Requests and limits of the solver's container. Those of a solver's
	// podTemplate go before them. Zero: DefaultOptions has the usual ones.
	CPURequest, CPULimit       resource.Quantity
	MemoryRequest, MemoryLimit resource.Quantity
	// RunAsNonRoot makes the kubelet refuse an image that runs as root.
	RunAsNonRoot bool
	// RuntimeClassName of the pod; empty for the cluster's default.
	RuntimeClassName string
	// ExtraLabels are put on the pod.
	ExtraLabels map[string]string
}

// DefaultOptions are the defaults of the operator's flags (contract, Appendix
// B).
func DefaultOptions(image string) Options {
	return Options{
		Image:         image,
		CPURequest:    resource.MustParse("10m"),
		CPULimit:      resource.MustParse("100m"),
		MemoryRequest: resource.MustParse("64Mi"),
		MemoryLimit:   resource.MustParse("64Mi"),
		RunAsNonRoot:  true,
	}
}

// Name is the name of the objects of a challenge. It is made of the
// challenge's UID: two passes that both miss an object create it once.
func Name(challenge *acmev1.Challenge) string {
	return lifecycle.SolverName(string(challenge.UID))
}

// Labels are how the objects of a challenge are found, and how its Service
// finds its pod.
func Labels(challenge *acmev1.Challenge) map[string]string {
	return map[string]string{
		acmev1.DomainLabelKey:               adler(challenge.Spec.DNSName),
		acmev1.TokenLabelKey:                adler(challenge.Spec.Token),
		acmev1.SolverIdentificationLabelKey: "true",
	}
}

// adler makes a label value of a text that may be too long for one.
func adler(text string) string {
	return strconv.FormatUint(uint64(adler32.Checksum([]byte(text))), 10)
}

// meta is what the three objects have in common. Labels and annotations of
// ours go over those of the user.
func meta(challenge *acmev1.Challenge, labels, annotations map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:   challenge.Namespace,
		Name:        Name(challenge),
		Labels:      merged(labels, Labels(challenge)),
		Annotations: annotations,
		OwnerReferences: []metav1.OwnerReference{
			*metav1.NewControllerRef(challenge, acmev1.GroupVersion.WithKind(acmev1.ChallengeKind)),
		},
	}
}

// merged is a new map with what is in any of the maps; a later one wins.
func merged(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}
