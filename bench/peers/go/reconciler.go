// The reconciler: one deployment in AWS for each generation of content. I/O: Kubernetes and AWS.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"greengrass-operator/bench/peers/go/api"
)

const finalizer = "greengrass-operator.dev/bench-peer"

type reconciler struct {
	client.Client
	greengrass    *greengrassv2.Client
	driftInterval time.Duration
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var deployment api.GreengrassDeployment
	if err := r.Get(ctx, request.NamespacedName, &deployment); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !deployment.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.remove(ctx, &deployment)
	}
	if deployment.Spec.Suspend {
		return ctrl.Result{}, nil
	}
	if err := r.setFinalizer(ctx, &deployment); err != nil {
		return ctrl.Result{}, err
	}

	digest, err := digestOf(&deployment.Spec)
	if err != nil {
		return ctrl.Result{}, r.fail(ctx, &deployment, "InvalidSpec", err)
	}
	status := &deployment.Status
	if status.DeploymentID != "" && status.AppliedDigest == digest {
		return r.settled(ctx, &deployment, digest)
	}
	return r.create(ctx, &deployment, digest)
}

// settled handles content that is in AWS already: looks for drift, at every start and then once an interval.
func (r *reconciler) settled(ctx context.Context, deployment *api.GreengrassDeployment, digest string) (ctrl.Result, error) {
	if deployment.Status.ObservedGeneration != deployment.Generation {
		// A change of policies only: nothing for AWS.
		if err := r.ready(ctx, deployment, deployment.Status.DeploymentID, digest); err != nil {
			return ctrl.Result{}, err
		}
	}
	got, err := r.greengrass.GetDeployment(ctx, &greengrassv2.GetDeploymentInput{DeploymentId: &deployment.Status.DeploymentID})
	var gone *types.ResourceNotFoundException
	if errors.As(err, &gone) {
		return r.create(ctx, deployment, digest)
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	if !got.IsLatestForTarget || got.DeploymentStatus == types.DeploymentStatusInactive ||
		got.DeploymentStatus == types.DeploymentStatusCanceled {
		log.FromContext(ctx).Info("drift: deploying again", "deploymentId", deployment.Status.DeploymentID)
		return r.create(ctx, deployment, digest)
	}
	return r.rest(), nil
}

func (r *reconciler) create(ctx context.Context, deployment *api.GreengrassDeployment, digest string) (ctrl.Result, error) {
	input := requestOf(&deployment.Spec)
	input.Tags["managed-by"] = "bench-peer-go"
	input.Tags["kubernetes-resource"] = deployment.Namespace + "/" + deployment.Name
	// The same until the status says that it succeeded, so that a second try gets the first one's answer.
	input.ClientToken = aws.String(token(string(deployment.UID), digest, deployment.Status.DeploymentID))
	created, err := r.greengrass.CreateDeployment(ctx, input)
	if err != nil {
		return ctrl.Result{}, r.fail(ctx, deployment, "CreateFailed", err)
	}
	if err := r.ready(ctx, deployment, *created.DeploymentId, digest); err != nil {
		return ctrl.Result{}, err
	}
	return r.rest(), nil
}

func (r *reconciler) remove(ctx context.Context, deployment *api.GreengrassDeployment) error {
	if !controllerutil.ContainsFinalizer(deployment, finalizer) {
		return nil
	}
	if id := deployment.Status.DeploymentID; id != "" && needsFinalizer(deployment) {
		_, err := r.greengrass.CancelDeployment(ctx, &greengrassv2.CancelDeploymentInput{DeploymentId: &id})
		if err != nil && !isGone(err) && !isCanceled(err) {
			return err
		}
		if deployment.Spec.DeletionPolicy == api.DeletionPolicyDelete {
			_, err := r.greengrass.DeleteDeployment(ctx, &greengrassv2.DeleteDeploymentInput{DeploymentId: &id})
			if err != nil && !isGone(err) {
				return err
			}
		}
	}
	before := deployment.DeepCopy()
	controllerutil.RemoveFinalizer(deployment, finalizer)
	return client.IgnoreNotFound(r.Patch(ctx, deployment, client.MergeFrom(before)))
}

func (r *reconciler) setFinalizer(ctx context.Context, deployment *api.GreengrassDeployment) error {
	before := deployment.DeepCopy()
	changed := false
	if needsFinalizer(deployment) {
		changed = controllerutil.AddFinalizer(deployment, finalizer)
	} else {
		changed = controllerutil.RemoveFinalizer(deployment, finalizer)
	}
	if !changed {
		return nil
	}
	return r.Patch(ctx, deployment, client.MergeFrom(before))
}

func (r *reconciler) ready(ctx context.Context, deployment *api.GreengrassDeployment, id, digest string) error {
	before := deployment.DeepCopy()
	deployment.Status.DeploymentID = id
	deployment.Status.AppliedDigest = digest
	deployment.Status.DeploymentStatus = string(types.DeploymentStatusActive)
	deployment.Status.ObservedGeneration = deployment.Generation
	meta.SetStatusCondition(&deployment.Status.Conditions, metav1.Condition{
		Type: "Ready", Status: metav1.ConditionTrue, Reason: "Deployed", Message: "deployment " + id + " was created",
		ObservedGeneration: deployment.Generation,
	})
	return r.Status().Patch(ctx, deployment, client.MergeFrom(before))
}

// fail shows an error and returns it, for the queue's exponential back-off.
func (r *reconciler) fail(ctx context.Context, deployment *api.GreengrassDeployment, reason string, cause error) error {
	before := deployment.DeepCopy()
	changed := meta.SetStatusCondition(&deployment.Status.Conditions, metav1.Condition{
		Type: "Ready", Status: metav1.ConditionFalse, Reason: reason, Message: withoutRequestID(cause),
		ObservedGeneration: deployment.Generation,
	})
	if changed {
		if err := r.Status().Patch(ctx, deployment, client.MergeFrom(before)); err != nil {
			return errors.Join(cause, err)
		}
	}
	return cause
}

// rest is an interval later, spread by a tenth either way.
func (r *reconciler) rest() ctrl.Result {
	return ctrl.Result{RequeueAfter: time.Duration(float64(r.driftInterval) * (0.9 + 0.2*rand.Float64()))}
}

func requestOf(spec *api.GreengrassDeploymentSpec) *greengrassv2.CreateDeploymentInput {
	input := &greengrassv2.CreateDeploymentInput{
		TargetArn:  &spec.TargetArn,
		Components: map[string]types.ComponentDeploymentSpecification{},
		Tags:       map[string]string{},
	}
	if spec.DeploymentName != "" {
		input.DeploymentName = &spec.DeploymentName
	}
	for name, component := range spec.Components {
		wanted := types.ComponentDeploymentSpecification{ComponentVersion: aws.String(component.ComponentVersion)}
		if update := component.ConfigurationUpdate; update != nil {
			wanted.ConfigurationUpdate = &types.ComponentConfigurationUpdate{Reset: update.Reset}
			if update.Merge != nil {
				wanted.ConfigurationUpdate.Merge = aws.String(mergeText(update.Merge.Raw))
			}
		}
		input.Components[name] = wanted
	}
	for key, value := range spec.Tags {
		input.Tags[key] = value
	}
	return input
}

// mergeText takes an object, or the string that AWS prints.
func mergeText(raw []byte) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// digestOf is of what is sent, without tags of ours and token. Maps are rendered in order.
func digestOf(spec *api.GreengrassDeploymentSpec) (string, error) {
	rendered, err := json.Marshal(requestOf(spec))
	if err != nil {
		return "", fmt.Errorf("can't render the request: %w", err)
	}
	sum := sha256.Sum256(rendered)
	return hex.EncodeToString(sum[:]), nil
}

func token(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	return hex.EncodeToString(sum[:])
}

func needsFinalizer(deployment *api.GreengrassDeployment) bool {
	return deployment.Spec.DeletionPolicy == api.DeletionPolicyCancel || deployment.Spec.DeletionPolicy == api.DeletionPolicyDelete
}

func isGone(err error) bool {
	var gone *types.ResourceNotFoundException
	return errors.As(err, &gone)
}

func isCanceled(err error) bool {
	var invalid *types.ValidationException
	return errors.As(err, &invalid) && strings.Contains(strings.ToLower(invalid.ErrorMessage()), "already canceled")
}

// withoutRequestID makes the message of the same failure the same, so that it is written once.
func withoutRequestID(err error) string {
	parts := strings.Split(err.Error(), ", ")
	kept := parts[:0]
	for _, part := range parts {
		if !strings.HasPrefix(part, "RequestID:") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ", ")
}
