package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// errTold ends a command that has said on the output what is wrong.
var errTold = errors.New("there is a cause; see above")

const (
	// leaseName and leaseNamespace are where the operator's lease is, unless it
	// was told otherwise.
	leaseName      = "cert-manager-controller"
	leaseNamespace = "kube-system"
	// leaseFlag tells it otherwise.
	leaseFlag = "--leader-election-namespace="
	// unseenFor is how long a new Certificate may be without any condition. The
	// operator looks at it within a second; after a start it takes longer.
	unseenFor = 30 * time.Second
	// leasesMissed is how many times the duration of its lease an operator may be
	// silent: one change of the leader takes up to two.
	leasesMissed = 3
)

// operatorDeployment finds the operator's Deployment; nil if it can not be seen.
func (c *cluster) operatorDeployment(ctx context.Context) (*appsv1.Deployment, string, error) {
	var list appsv1.DeploymentList
	why, err := missing(c.List(ctx, &list, client.MatchingLabels{"app.kubernetes.io/component": "controller"}))
	if err != nil {
		return nil, "", fmt.Errorf("list Deployments: %w", err)
	}
	for i := range list.Items {
		if name := list.Items[i].Labels["app.kubernetes.io/name"]; name == "certwright" || name == "cert-manager" {
			return &list.Items[i], "", nil
		}
	}
	return nil, why, nil
}

// operatorAtWork: without it nothing happens, whatever else is right.
func operatorAtWork(ctx context.Context, q *inquiry) ([]finding, error) {
	deployment, why, err := q.api.operatorDeployment(ctx)
	if err != nil {
		return nil, err
	}
	if why != "" {
		q.notSeen = append(q.notSeen, "the operator's Deployment: "+why)
	}
	namespace := leaseNamespace
	f := finding{ID: "operator-down", Object: "the operator", Cause: "The operator is not running, so that nothing is issued"}
	if deployment != nil {
		f.Object = "Deployment/" + deployment.Name + " in " + deployment.Namespace
		f.Fix = []string{
			fmt.Sprintf("kubectl -n %s get pods; kubectl -n %s describe deployment %s", deployment.Namespace, deployment.Namespace, deployment.Name),
			fmt.Sprintf("kubectl -n %s logs deployment/%s", deployment.Namespace, deployment.Name),
		}
		for _, container := range deployment.Spec.Template.Spec.Containers {
			for _, arg := range container.Args {
				if said, ok := strings.CutPrefix(arg, leaseFlag); ok {
					namespace = said
				}
			}
		}
		if deployment.Status.AvailableReplicas == 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%d of %d replicas are available", deployment.Status.AvailableReplicas, deployment.Status.Replicas))
		}
	} else {
		f.Fix = []string{"Install it (docs/install.md), or look why its pods do not run"}
	}
	lease := &coordinationv1.Lease{}
	why, err = missing(q.api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: leaseName}, lease))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read Lease: %w", err)
	case why == notAllowed:
		q.notSeen = append(q.notSeen, "the operator's Lease: "+why)
	case why == "" && lease.Spec.RenewTime != nil && lease.Spec.LeaseDurationSeconds != nil:
		late := q.now.Sub(lease.Spec.RenewTime.Time)
		if late > leasesMissed*time.Duration(*lease.Spec.LeaseDurationSeconds)*time.Second {
			f.Evidence = append(f.Evidence, fmt.Sprintf("its Lease %s/%s was renewed last %s ago", namespace, leaseName, short(late)))
		}
	case why != "" && deployment == nil && q.unseen():
		f.ID, f.Cause = "operator-missing", "There is no operator in this cluster as far as can be seen, and nobody has looked at this object"
		f.Evidence = append(f.Evidence, "it has no condition, and there is neither the Deployment nor the Lease of an operator")
	}
	if len(f.Evidence) == 0 {
		return nil, nil
	}
	return []finding{f}, nil
}

// unseen says whether nobody has looked at what has been there for a while.
func (q *inquiry) unseen() bool {
	crt := q.certificate
	return !q.bare && len(crt.Status.Conditions) == 0 && q.now.Sub(crt.CreationTimestamp.Time) > unseenFor
}

// may asks whether the user may do something.
func (q *inquiry) may(ctx context.Context, a authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a}}
	if err := q.api.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask for your permission: %w", err)
	}
	return review.Status.Allowed, nil
}

// yourRight says in a sentence whether the user may run a command.
func (q *inquiry) yourRight(ctx context.Context, command string, a authorizationv1.ResourceAttributes) (string, error) {
	may, err := q.may(ctx, a)
	if err != nil || may {
		return command, err
	}
	what := a.Resource
	if a.Subresource != "" {
		what += "/" + a.Subresource
	}
	return fmt.Sprintf("%s (you may not: it takes the permission %s on %s.%s)", command, a.Verb, what, a.Group), nil
}

func (q *inquiry) retryCommand(ctx context.Context) (string, error) {
	return q.yourRight(ctx, "kubectl certwright retry certificate "+q.certificate.Name+" -n "+q.certificate.Namespace, authorizationv1.ResourceAttributes{
		Namespace: q.certificate.Namespace, Verb: "update", Group: cmv1.GroupName, Resource: "certificates", Subresource: "status",
	})
}

// unshimmed says why no Certificate was made for an Ingress or a Gateway.
func (c *cluster) unshimmed(ctx context.Context, parent client.Object, kind string) (finding, error) {
	f := finding{ID: "no-certificate", Object: kind + "/" + parent.GetName(), Cause: "Nothing was made for it: what its annotations and its TLS part say does not add up to a Certificate"}
	a := parent.GetAnnotations()
	if a[cmv1.IngressIssuerNameAnnotationKey] == "" && a[cmv1.IngressClusterIssuerNameAnnotationKey] == "" {
		f.Cause = "It does not ask for a certificate: it has neither of the annotations that name an issuer"
		f.Fix = []string{fmt.Sprintf("kubectl -n %s annotate %s %s %s=<name of a ClusterIssuer>", parent.GetNamespace(), strings.ToLower(kind), parent.GetName(), cmv1.IngressClusterIssuerNameAnnotationKey)}
	}
	var list corev1.EventList
	if _, err := missing(c.List(ctx, &list, client.InNamespace(parent.GetNamespace()))); err != nil {
		return f, fmt.Errorf("list events: %w", err)
	}
	for i := range list.Items {
		if e := &list.Items[i]; e.InvolvedObject.UID == parent.GetUID() && e.Type == corev1.EventTypeWarning {
			f.Evidence = append(f.Evidence, fmt.Sprintf("event %s: %s", e.Reason, strings.TrimSpace(e.Message)))
		}
	}
	f.Fix = append(f.Fix, "See docs/ingress.md and docs/gateway.md: hosts and a Secret's name in the TLS part are needed, too")
	return f, nil
}
