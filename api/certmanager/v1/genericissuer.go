package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// GenericIssuer is an Issuer or a ClusterIssuer.
// +kubebuilder:object:generate=false
type GenericIssuer interface {
	runtime.Object
	metav1.Object

	// GetSpec returns the spec itself, not a copy.
	GetSpec() *IssuerSpec
	// GetStatus returns the status itself, not a copy.
	GetStatus() *IssuerStatus
}

var (
	_ GenericIssuer = (*Issuer)(nil)
	_ GenericIssuer = (*ClusterIssuer)(nil)
)

// GetSpec returns the spec itself, not a copy.
func (i *Issuer) GetSpec() *IssuerSpec { return &i.Spec }

// GetStatus returns the status itself, not a copy.
func (i *Issuer) GetStatus() *IssuerStatus { return &i.Status }

// GetSpec returns the spec itself, not a copy.
func (i *ClusterIssuer) GetSpec() *IssuerSpec { return &i.Spec }

// GetStatus returns the status itself, not a copy.
func (i *ClusterIssuer) GetStatus() *IssuerStatus { return &i.Status }
