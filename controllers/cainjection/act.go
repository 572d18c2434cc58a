package cainjection

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/kube"
)

// fieldOwner is the field manager of the bundles. It is the name that
// installations have today: GitOps tools are told by it which differences from
// their manifests are none.
const fieldOwner = "cert-manager-cainjector"

// act sets the bundles of a target, by server-side apply: whoever applies the
// rest of it does not remove them. It returns the target's metadata after it.
func (r *reconciler) act(ctx context.Context, name string, live *target, p plan) (*metav1.PartialObjectMetadata, error) {
	fields := r.kind.fields(p.places)
	fields["apiVersion"], fields["kind"] = r.kind.GroupVersion().String(), r.kind.Kind
	// Of another version, or deleted and made again, it may have other places.
	fields["metadata"] = map[string]any{"name": name, "uid": live.Metadata.UID, "resourceVersion": live.Metadata.ResourceVersion}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode bundles of %s %s: %w", r.kind.Kind, name, err)
	}
	answer := r.rest.Patch(types.ApplyYAMLPatchType).AbsPath(r.kind.path(name)...).
		Param("fieldManager", fieldOwner).Param("force", "true").
		// A definition may be a megabyte, of which two numbers matter.
		SetHeader("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").
		Body(body).Do(ctx)
	if err := answer.Error(); err != nil {
		return nil, fmt.Errorf("apply bundles of %s %s: %w", r.kind.Kind, name, err)
	}
	raw, err := answer.Raw()
	if err != nil {
		return nil, fmt.Errorf("apply bundles of %s %s: %w", r.kind.Kind, name, err)
	}
	after := &metav1.PartialObjectMetadata{}
	if err := json.Unmarshal(raw, after); err != nil {
		return nil, fmt.Errorf("decode metadata of %s %s: %w", r.kind.Kind, name, err)
	}
	return after, nil
}

// refused is what people are told of a write that the API server refused for
// what it is, and the error if it is to be tried again. An invalid target is
// not: only a change of it, or of its source, can mend it.
func refused(err error) (problem string, again error) {
	text, is := kube.Refusal(err)
	if !is {
		return "", err
	}
	problem = "the API server refuses the bundle: " + text
	if apierrors.IsInvalid(err) {
		return problem, nil
	}
	return problem, err
}
