// Package api has the fields of greengrass-operator.dev/v1alpha1 that this operator uses. Pure.
//
// +kubebuilder:object:generate=true
// +groupName=greengrass-operator.dev
package api

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of the kind.
var GroupVersion = schema.GroupVersion{Group: "greengrass-operator.dev", Version: "v1alpha1"}

// AddToScheme makes the kind known to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &GreengrassDeployment{}, &GreengrassDeploymentList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// DeletionPolicy says what is done in AWS when the resource is deleted.
type DeletionPolicy string

// The policies that need a finalizer; every other one leaves AWS alone.
const (
	DeletionPolicyCancel DeletionPolicy = "Cancel"
	DeletionPolicyDelete DeletionPolicy = "Delete"
)

// ConfigurationUpdate changes a component's configuration.
type ConfigurationUpdate struct {
	Merge *apiextensionsv1.JSON `json:"merge,omitempty"`
	Reset []string              `json:"reset,omitempty"`
}

// Component is a component of a deployment.
type Component struct {
	ComponentVersion    string               `json:"componentVersion"`
	ConfigurationUpdate *ConfigurationUpdate `json:"configurationUpdate,omitempty"`
}

// GreengrassDeploymentSpec is what should run on the target.
type GreengrassDeploymentSpec struct {
	TargetArn      string               `json:"targetArn"`
	DeploymentName string               `json:"deploymentName,omitempty"`
	Components     map[string]Component `json:"components"`
	Tags           map[string]string    `json:"tags,omitempty"`
	DeletionPolicy DeletionPolicy       `json:"deletionPolicy,omitempty"`
	Suspend        bool                 `json:"suspend,omitempty"`
}

// GreengrassDeploymentStatus is what was done.
type GreengrassDeploymentStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	DeploymentID       string             `json:"deploymentId,omitempty"`
	DeploymentStatus   string             `json:"deploymentStatus,omitempty"`
	AppliedDigest      string             `json:"appliedDigest,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// GreengrassDeployment is a deployment of AWS IoT Greengrass V2.
//
// +kubebuilder:object:root=true
type GreengrassDeployment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              GreengrassDeploymentSpec   `json:"spec,omitempty"`
	Status            GreengrassDeploymentStatus `json:"status,omitempty"`
}

// GreengrassDeploymentList is a list of them.
//
// +kubebuilder:object:root=true
type GreengrassDeploymentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GreengrassDeployment `json:"items"`
}
