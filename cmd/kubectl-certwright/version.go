package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// versions is what the command and the operator are.
type versions struct {
	Client string         `json:"clientVersion"`
	Server *serverVersion `json:"serverVersion,omitempty"`
}

// serverVersion is what is known of the operator, and from where.
type serverVersion struct {
	Version string `json:"version"`
	From    string `json:"detectedBy"`
}

const versionLabel = "app.kubernetes.io/version"

func (c *cli) version() *cobra.Command {
	o := &output{}
	clientOnly := false
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of this command and of the operator",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			v := versions{Client: version}
			var missing error
			if !clientOnly {
				v.Server, missing = c.serverVersion(cmd.Context())
			}
			if o.machine() {
				if err := c.data(o, v); err != nil {
					return err
				}
				return missing
			}
			c.say("Client Version: %s", v.Client)
			if v.Server != nil {
				c.say("Server Version: %s (%s)", v.Server.Version, v.Server.From)
			}
			return missing
		},
	}
	cmd.Flags().BoolVar(&clientOnly, "client", false, "only of this command; asks no cluster")
	o.register(cmd.Flags())
	return cmd
}

// serverVersion looks for the operator's Deployment, and then for what the CRDs
// say who installed them.
func (c *cli) serverVersion(ctx context.Context) (*serverVersion, error) {
	api, err := c.connect()
	if err != nil {
		return nil, err
	}
	var list appsv1.DeploymentList
	err = api.List(ctx, &list, client.MatchingLabels{"app.kubernetes.io/component": "controller"})
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("list Deployments: %w", err)
	}
	for i := range list.Items {
		d := &list.Items[i]
		if name := d.Labels["app.kubernetes.io/name"]; name != "certwright" && name != "cert-manager" {
			continue
		}
		tag := d.Labels[versionLabel]
		for _, container := range d.Spec.Template.Spec.Containers {
			image, _, _ := strings.Cut(container.Image, "@")
			if _, after, tagged := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":"); tagged {
				tag = after
			}
		}
		if tag != "" {
			return &serverVersion{tag, "Deployment " + d.Namespace + "/" + d.Name}, nil
		}
	}
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	crd.Name = "certificates.cert-manager.io"
	err = api.Get(ctx, client.ObjectKeyFromObject(crd), crd)
	switch {
	case apierrors.IsNotFound(err):
		return nil, not("the operator is not installed in this cluster")
	case apierrors.IsForbidden(err):
		return nil, not("you may see neither the operator's Deployment nor its CRDs")
	case err != nil:
		return nil, fmt.Errorf("read CustomResourceDefinition: %w", err)
	case crd.Labels[versionLabel] == "":
		return nil, not("the CRDs are there, but no Deployment of the operator, and they do not say of which version they are")
	}
	return &serverVersion{crd.Labels[versionLabel], "CustomResourceDefinition " + crd.Name}, nil
}
