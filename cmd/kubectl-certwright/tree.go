package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// node is an object in the tree.
type node struct {
	Kind     string  `json:"kind"`
	Name     string  `json:"name"`
	State    string  `json:"state,omitempty"`
	Age      string  `json:"age,omitempty"`
	Message  string  `json:"message,omitempty"`
	Children []*node `json:"children,omitempty"`

	colour colour // of the state
}

func (c *cli) tree() *cobra.Command {
	o := &output{}
	cmd := &cobra.Command{
		Use:   "tree [KIND/]NAME",
		Short: "Show what was made for a Certificate, an Ingress or a Gateway, down to the challenges",
		Args:  exactly("[KIND/]NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return c.runTree(cmd.Context(), o, args[0])
		},
	}
	o.register(cmd.Flags())
	return cmd
}

func (c *cli) runTree(ctx context.Context, o *output, what string) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	root, err := c.grow(ctx, api, what)
	if err != nil {
		return err
	}
	if o.machine() {
		return c.data(o, root)
	}
	c.table(c.branches(root, "", ""))
	return nil
}

// grow reads the object that is asked for and all below it.
func (c *cli) grow(ctx context.Context, api *cluster, what string) (*node, error) {
	kind, name, qualified := strings.Cut(what, "/")
	if !qualified {
		kind, name = "certificate", what
	}
	var parent client.Object
	switch strings.ToLower(kind) {
	case "certificate", "certificates", "cert":
		crt := &cmv1.Certificate{}
		if err := api.Get(ctx, api.key(name), crt); err != nil {
			return nil, fmt.Errorf("read Certificate: %w", err)
		}
		return c.certificateNode(ctx, api, crt)
	case "ingress", "ingresses", "ing":
		parent = &networkingv1.Ingress{}
	case "gateway", "gateways":
		parent = &gwapi.Gateway{}
	default:
		return nil, usage("%s: there are trees of certificate/NAME, ingress/NAME and gateway/NAME", what)
	}
	if err := api.Get(ctx, api.key(name), parent); err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	root := &node{Kind: clean(api.Scheme(), parent).GetObjectKind().GroupVersionKind().Kind, Name: name, Age: c.age(parent)}
	var list cmv1.CertificateList
	if err := api.List(ctx, &list, client.InNamespace(api.namespace)); err != nil {
		return nil, fmt.Errorf("list Certificates: %w", err)
	}
	for i := range list.Items {
		if metav1.IsControlledBy(&list.Items[i], parent) {
			child, err := c.certificateNode(ctx, api, &list.Items[i])
			if err != nil {
				return nil, err
			}
			root.Children = append(root.Children, child)
		}
	}
	if root.Children == nil {
		root.Message = "no Certificate was made for it; its annotations and its events say why"
	}
	return root, nil
}

func (c *cli) certificateNode(ctx context.Context, api *cluster, crt *cmv1.Certificate) (*node, error) {
	s, err := api.story(ctx, crt)
	if err != nil {
		return nil, err
	}
	state := c.ready(crt)
	root := &node{Kind: cmv1.CertificateKind, Name: crt.Name, State: "Ready " + state.text, colour: state.colour, Age: c.age(crt)}
	switch condition := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionReady); {
	case condition != nil && condition.Status != cmmeta.ConditionTrue:
		root.Message = condition.Message
	case crt.Status.RenewalTime != nil:
		root.Message = "renewal " + c.in(crt.Status.RenewalTime)
	}
	secret := &node{Kind: "Secret", Name: crt.Spec.SecretName, Message: cmp.Or(s.secret.missing, s.secret.value.broke)}
	if leaf := s.secret.value.leaf; leaf != nil {
		secret.Message = fmt.Sprintf("serial %s, expires %s", serialOf(leaf), c.in(&metav1.Time{Time: leaf.NotAfter}))
	}
	root.Children = append(root.Children, c.issuerNode(s), secret)
	for i := range s.requests.value {
		root.Children = append(root.Children, c.requestNode(s, &s.requests.value[i]))
	}
	for i := range s.revocations.value {
		r := &s.revocations.value[i]
		child := &node{Kind: "Revocation", Name: r.Name, Age: c.age(r), State: string(r.Spec.Reason)}
		for _, t := range []string{"Revoked", "Failed"} { // the later one in the list is the last word
			if text := conditionText(r.Status.Conditions, t); text != "" {
				child.Message = text
			}
		}
		root.Children = append(root.Children, child)
	}
	return root, nil
}

func (c *cli) issuerNode(s *story) *node {
	ref := s.certificate.Spec.IssuerRef
	n := &node{Kind: ref.KindOrDefault(), Name: ref.Name, Message: s.issuer.missing}
	if s.issuer.value == nil {
		return n
	}
	for _, k := range s.issuer.value.GetStatus().Conditions {
		if k.Type == cmv1.IssuerConditionReady {
			n.State, n.colour = "Ready "+string(k.Status), green
			if k.Status != cmmeta.ConditionTrue {
				n.Message, n.colour = k.Message, red
			}
		}
	}
	return n
}

func (c *cli) requestNode(s *story, req *cmv1.CertificateRequest) *node {
	n := &node{Kind: cmv1.CertificateRequestKind, Name: req.Name, Age: c.age(req), State: "Pending", colour: yellow}
	if k := lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionReady); k != nil {
		n.State = k.Reason
		switch k.Reason {
		case cmv1.CertificateRequestReasonIssued:
			n.colour = green
		case cmv1.CertificateRequestReasonPending:
			n.Message = k.Message
		default:
			n.Message, n.colour = k.Message, red
		}
	}
	for i := range s.orders.value {
		if o := &s.orders.value[i]; owns(req.UID, o) {
			n.Children = append(n.Children, c.orderNode(s, o))
		}
	}
	return n
}

func (c *cli) orderNode(s *story, o *acmev1.Order) *node {
	n := &node{Kind: "Order", Name: o.Name, Age: c.age(o), State: state(string(o.Status.State)), Message: o.Status.Reason}
	for i := range s.challenges.value {
		ch := &s.challenges.value[i]
		if !owns(o.UID, ch) {
			continue
		}
		doing := ch.Status.Reason
		switch {
		case doing != "":
		case ch.Status.Presented:
			doing = "the answer is there"
		case ch.Status.Processing:
			doing = "the answer is being put there"
		}
		n.Children = append(n.Children, &node{
			Kind: "Challenge", Name: ch.Name, Age: c.age(ch), State: state(string(ch.Status.State)),
			Message: strings.TrimSuffix(fmt.Sprintf("%s for %s: %s", ch.Spec.Type, ch.Spec.DNSName, doing), ": "),
		})
	}
	slices.SortFunc(n.Children, func(a, b *node) int { return cmp.Compare(a.Message, b.Message) })
	return n
}

func owns(uid types.UID, o metav1.Object) bool {
	owner := metav1.GetControllerOfNoCopy(o)
	return owner != nil && owner.UID == uid
}

func (c *cli) age(o metav1.Object) string {
	created := o.GetCreationTimestamp()
	return short(max(c.now().Sub(created.Time), 0))
}

// branches are the rows of a node and of all below it.
func (c *cli) branches(n *node, first, others string) [][]cell {
	rows := [][]cell{{{text: first + n.Kind + "/" + n.Name}, {text: n.State, colour: n.colour}, {text: n.Age}, {text: n.Message}}}
	for i, child := range n.Children {
		if i == len(n.Children)-1 {
			rows = append(rows, c.branches(child, others+"└─", others+"  ")...)
		} else {
			rows = append(rows, c.branches(child, others+"├─", others+"│ ")...)
		}
	}
	return rows
}
