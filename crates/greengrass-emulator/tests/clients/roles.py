"""The ways to a role's credentials that boto3 knows: by hand, by a profile, by a token, from a pod and from an instance."""

import base64
import datetime
import json
import os
import pathlib
import tempfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator import URL, admin

ROLE = "arn:aws:iam::210987654321:role/deployer"
CONFIG = Config(retries={"total_max_attempts": 1})


def define(**conditions):
    admin("POST", "roles", {"arn": ROLE, **conditions})


def refused(call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError(f"{call} was not refused")


def token(**claims):
    part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    return ".".join((part(b"{}"), part(json.dumps({"exp": 2**33, **claims}).encode()), part(b"signature")))


def caller(**environment):
    """Who boto3 is with these surroundings and no access key in them, and how the ledger names it."""
    kept = dict(os.environ)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        os.environ.pop(name)
    os.environ.update(environment)
    try:
        session = boto3.Session(profile_name=environment.get("AWS_PROFILE"))
        session.client("greengrassv2", config=CONFIG).list_deployments()
        arn = session.client("sts", config=CONFIG).get_caller_identity()["Arn"]
    finally:
        os.environ.clear()
        os.environ.update(kept)
    entered = admin("GET", "calls?operation=ListDeployments")[-1]["caller"]
    assert entered["arn"] == arn and entered["roleArn"] == ROLE, (entered, arn)
    return arn.rsplit("/", 1)[-1], entered["sessionTags"]


sts = boto3.client("sts", config=CONFIG)
define(trustedPrincipals=["123456789012"], externalId="f1e2")
request = {"RoleArn": ROLE, "RoleSessionName": "boto3", "DurationSeconds": 900, "Tags": [{"Key": "team", "Value": "ü edge"}]}
assert refused(sts.assume_role, **request) == "AccessDenied"
assert refused(sts.assume_role, **{**request, "DurationSeconds": 3601}, ExternalId="f1e2") == "ValidationError"
answer = sts.assume_role(**request, ExternalId="f1e2")
left = answer["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
assert datetime.timedelta(minutes=14) < left <= datetime.timedelta(minutes=15), left
keys = {
    "aws_access_key_id": answer["Credentials"]["AccessKeyId"],
    "aws_secret_access_key": answer["Credentials"]["SecretAccessKey"],
    "aws_session_token": answer["Credentials"]["SessionToken"],
}
greengrass = boto3.client("greengrassv2", config=CONFIG, **keys)
assert greengrass.list_deployments()["deployments"] == []
entered = admin("GET", "calls?operation=ListDeployments")[-1]
assert entered["account"] == "210987654321" and entered["caller"]["sessionTags"] == {"team": "ü edge"}, entered

admin("DELETE", f"sessions?roleArn={ROLE}")
assert refused(greengrass.list_deployments) == "AccessDeniedException"

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    profile = folder / "config"
    profile.write_text(
        "[profile base]\naws_access_key_id = 123456789012\naws_secret_access_key = secret\n"
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = base\nexternal_id = f1e2\nrole_session_name = profile\n"
    )
    assert caller(AWS_CONFIG_FILE=str(profile), AWS_PROFILE="role") == ("profile", {})

    define(trustedPrincipals=[], webIdentity={"subject": "system:serviceaccount:greengrass:operator", "audience": "sts.amazonaws.com"})
    web = folder / "web-identity"
    web.write_text(token(sub="system:serviceaccount:greengrass:operator", aud=["sts.amazonaws.com"]))
    identity = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(web), "AWS_ROLE_SESSION_NAME": "web"}
    assert caller(**identity) == ("web", {})
    web.write_text(token(sub="system:serviceaccount:greengrass:another", aud=["sts.amazonaws.com"]))
    assert refused(lambda: caller(**identity)) == "AccessDenied"
    unsigned = {"RoleArn": ROLE, "RoleSessionName": "web"}
    assert refused(sts.assume_role_with_web_identity, **unsigned, WebIdentityToken="nonsense") == "InvalidIdentityToken"
    expired = token(sub="system:serviceaccount:greengrass:operator", aud="sts.amazonaws.com", exp=1)
    assert refused(sts.assume_role_with_web_identity, **unsigned, WebIdentityToken=expired) == "ExpiredTokenException"

    define(trustedPrincipals=[], podIdentity={"namespace": "greengrass", "serviceAccount": "operator"})
    pod = folder / "pod-identity"
    pod.write_text(token(sub="system:serviceaccount:greengrass:operator", aud="pods.eks.amazonaws.com"))
    name, tags = caller(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{URL}/v1/credentials", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(pod))
    assert name == "eks-emulator-operator" and tags["kubernetes-namespace"] == "greengrass", (name, tags)

admin("PUT", "instance-role", {"arn": ROLE})
assert caller(AWS_EC2_METADATA_SERVICE_ENDPOINT=URL) == ("i-1234567890abcdef0", {})
print("done")
