"""An operator for GreengrassDeployments on kopf and boto3, as most teams would write it, to measure ours against.

Does I/O: Kubernetes through kopf, AWS through boto3. Run by `kopf run`; DRIFT_INTERVAL_SECONDS and CONCURRENCY in the
environment.
"""

import hashlib
import json
import logging
import os
from datetime import UTC, datetime
from typing import Any

import boto3
import kopf
from botocore.config import Config
from botocore.exceptions import ClientError

KIND = ("greengrass-operator.dev", "v1alpha1", "greengrassdeployments")
DRIFT_INTERVAL = float(os.environ.get("DRIFT_INTERVAL_SECONDS", "300"))
CONCURRENCY = int(os.environ.get("CONCURRENCY", "32"))

greengrass = boto3.client("greengrassv2", config=Config(max_pool_connections=CONCURRENCY))


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.execution.max_workers = CONCURRENCY
    settings.persistence.finalizer = "greengrass-operator.dev/bench-peer-kopf"
    # The resource has a schema, which would drop what kopf keeps in the status by default.
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix="bench-peer.greengrass-operator.dev")
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix="bench-peer.greengrass-operator.dev")
    # An event for what goes wrong, none for each line of the log.
    settings.posting.level = logging.WARNING


@kopf.on.create(*KIND, backoff=5.0)
@kopf.on.update(*KIND, field="spec", backoff=5.0)
def deploy(spec: kopf.Spec, status: kopf.Status, meta: kopf.Meta, patch: kopf.Patch, logger: kopf.Logger, **_: Any) -> None:
    """Makes a deployment of what the spec says now, unless it is in AWS already."""
    if spec.get("suspend"):
        return
    digest = digest_of(spec)
    if status.get("deploymentId") and status.get("appliedDigest") == digest:
        patch.status["observedGeneration"] = meta["generation"]
        return
    create(spec, status.get("deploymentId", ""), meta, patch, logger)


@kopf.on.delete(*KIND, backoff=5.0)
def remove(spec: kopf.Spec, status: kopf.Status, logger: kopf.Logger, **_: Any) -> None:
    """Cancels and deletes the deployment where the policy says so."""
    deployment_id = status.get("deploymentId")
    policy = spec.get("deletionPolicy", "Retain")
    if not deployment_id or policy not in ("Cancel", "Delete"):
        return
    try:
        greengrass.cancel_deployment(deploymentId=deployment_id)
    except ClientError as error:
        if not (is_gone(error) or "already canceled" in str(error).lower()):
            raise
    if policy == "Delete":
        try:
            greengrass.delete_deployment(deploymentId=deployment_id)
        except ClientError as error:
            if not is_gone(error):
                raise
    logger.info("deployment %s is gone", deployment_id)


@kopf.timer(*KIND, interval=DRIFT_INTERVAL, initial_delay=DRIFT_INTERVAL, backoff=5.0)
def correct_drift(
    spec: kopf.Spec, status: kopf.Status, meta: kopf.Meta, patch: kopf.Patch, logger: kopf.Logger, **_: Any
) -> None:
    """Deploys again when somebody else did, or when the deployment is gone."""
    deployment_id = status.get("deploymentId")
    if spec.get("suspend") or not deployment_id or status.get("appliedDigest") != digest_of(spec):
        return
    try:
        got = greengrass.get_deployment(deploymentId=deployment_id)
        drifted = not got["isLatestForTarget"] or got["deploymentStatus"] in ("INACTIVE", "CANCELED")
    except ClientError as error:
        if not is_gone(error):
            raise
        drifted = True
    if drifted:
        logger.warning("drift: deploying again")
        create(spec, deployment_id, meta, patch, logger)


def create(spec: kopf.Spec, previous: str, meta: kopf.Meta, patch: kopf.Patch, logger: kopf.Logger) -> None:
    request = request_of(spec)
    digest = digest_of(spec)
    request["tags"] |= {
        "managed-by": "bench-peer-kopf",
        "kubernetes-resource": f"{meta['namespace']}/{meta['name']}",
    }
    # The same until the status says that it succeeded, so that a second try gets the first one's answer.
    token = hashlib.sha256("/".join((meta["uid"], digest, previous)).encode()).hexdigest()
    created = greengrass.create_deployment(clientToken=token, **request)
    deployment_id = created["deploymentId"]
    logger.info("created deployment %s", deployment_id)
    patch.status["deploymentId"] = deployment_id
    patch.status["appliedDigest"] = digest
    patch.status["observedGeneration"] = meta["generation"]
    patch.status["conditions"] = [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Deployed",
            "message": f"deployment {deployment_id} was created",
            "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "observedGeneration": meta["generation"],
        }
    ]


def request_of(spec: kopf.Spec) -> dict[str, Any]:
    """The parameters of CreateDeployment that follow from the spec."""
    components: dict[str, Any] = {}
    for name, component in spec["components"].items():
        wanted: dict[str, Any] = {"componentVersion": component["componentVersion"]}
        if update := component.get("configurationUpdate"):
            merge = update.get("merge")
            wanted["configurationUpdate"] = {
                **({"merge": merge if isinstance(merge, str) else json.dumps(merge)} if merge is not None else {}),
                **({"reset": update["reset"]} if "reset" in update else {}),
            }
        components[name] = wanted
    request: dict[str, Any] = {"targetArn": spec["targetArn"], "components": components, "tags": dict(spec.get("tags", {}))}
    if "deploymentName" in spec:
        request["deploymentName"] = spec["deploymentName"]
    return request


def digest_of(spec: kopf.Spec) -> str:
    return hashlib.sha256(json.dumps(request_of(spec), sort_keys=True).encode()).hexdigest()


def is_gone(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ResourceNotFoundException"
