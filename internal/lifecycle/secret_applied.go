package lifecycle

import (
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// AppliedFields are the fields of a Secret that our last apply has set, and
// that nobody has taken over since. They tell what is to vanish when it is no
// longer wanted, and what of a Secret is somebody else's.
//
// The API server keeps them, in metadata.managedFields. A list of our own, in
// an annotation, would not know what an operator before us has applied, and
// would have every Secret written once only to have it.
type AppliedFields struct {
	Labels, Annotations, Data map[string]bool
	Owners                    map[types.UID]bool
}

// ReadApplied reads what a field manager has applied. It is nil, which is that
// it can not be told, if the entry is not in the form of today
// (metadata.managedFields of Kubernetes, FieldsV1).
func ReadApplied(entries []metav1.ManagedFieldsEntry, manager string) *AppliedFields {
	applied := &AppliedFields{}
	for i := range entries {
		e := &entries[i]
		if e.Manager != manager || e.Operation != metav1.ManagedFieldsOperationApply || e.FieldsV1 == nil {
			continue
		}
		var set struct {
			Data     map[string]struct{} `json:"f:data"`
			Metadata struct {
				Labels          map[string]struct{} `json:"f:labels"`
				Annotations     map[string]struct{} `json:"f:annotations"`
				OwnerReferences map[string]struct{} `json:"f:ownerReferences"`
			} `json:"f:metadata"`
		}
		if err := json.Unmarshal(e.FieldsV1.GetRawBytes(), &set); err != nil {
			return nil
		}
		applied.Labels = fieldNames(set.Metadata.Labels)
		applied.Annotations = fieldNames(set.Metadata.Annotations)
		applied.Data = fieldNames(set.Data)
		applied.Owners = ownerUIDs(set.Metadata.OwnerReferences)
	}
	return applied
}

// fieldNames are the names behind "f:"; "." is the map itself.
func fieldNames(set map[string]struct{}) map[string]bool {
	names := make(map[string]bool, len(set))
	for key := range set {
		if name, field := strings.CutPrefix(key, "f:"); field {
			names[name] = true
		}
	}
	return names
}

// ownerUIDs are what tells owner references apart: k:{"uid":"..."}.
func ownerUIDs(set map[string]struct{}) map[types.UID]bool {
	uids := make(map[types.UID]bool, len(set))
	for key := range set {
		var id struct {
			UID types.UID `json:"uid"`
		}
		if text, keyed := strings.CutPrefix(key, "k:"); keyed && json.Unmarshal([]byte(text), &id) == nil {
			uids[id.UID] = true
		}
	}
	return uids
}

// is says whether we have applied exactly these fields: all of them, so that
// they vanish when they are no longer wanted, and no others, which would have
// to vanish now.
func (a *AppliedFields) is(content *SecretContent) bool {
	if a == nil {
		return true // can not be told; the next certificate's apply sorts it out
	}
	owners := 0
	if content.Owner != nil {
		owners = 1
		if !a.Owners[content.Owner.UID] {
			return false
		}
	}
	return len(a.Owners) == owners && sameKeys(a.Labels, content.Labels) && sameKeys(a.Annotations, content.Annotations) && sameKeys(a.Data, content.Data)
}

func sameKeys[V any](names map[string]bool, values map[string]V) bool {
	if len(names) != len(values) {
		return false
	}
	for name := range names {
		if _, found := values[name]; !found {
			return false
		}
	}
	return true
}
