"""Calls over real HTTP through botocore, and whether an answer is one that the service's model allows."""

import base64
import json

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

# What boto3 calls the services that are signed with another name.
CLIENTS = {"greengrass": "greengrassv2", "iotdata": "iot-data"}

# The answer to a breach of the model; IoT's models have no ValidationException.
VALIDATION = {
    "greengrass": "ValidationException",
    "iot": "InvalidRequestException",
    "iotdata": "InvalidRequestException",
    "sts": "ValidationError",
    "iotthingsgraph": "InvalidRequestException",
}

# Errors that the model doesn't have because every operation has them, with their status:
# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
COMMON = {"sts": {"ValidationError": 400, "AccessDenied": 403}}

JSON_TYPES = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float),
}


class Answer:
    """What came back: the parsed answer, the response as it was, and the error's code, None for a success."""

    def __init__(self, operation, http, parsed):
        self.operation, self.http, self.parsed = operation, http, parsed
        self.status = http.status_code
        self.request_id = http.headers.get("x-amzn-requestid")
        self.code = parsed.get("Error", {}).get("Code") if self.status >= 300 else None
        self.message = parsed.get("Error", {}).get("Message", "")
        self.fields = [field["name"] for field in parsed.get("fields", [])]

    def __str__(self):
        return f"{self.status} {self.code or ''} {self.message[:200]}"

    def complaints(self):
        """Everything in which the answer differs from the model."""
        if not self.request_id:
            yield "no x-amzn-requestid"
        if self.status >= 500:
            yield "is the fault of nobody but the service"
        shape, status = self.operation.output_shape, self.operation.http.get("responseCode", 200)
        common = COMMON.get(self.operation.service_model.signing_name, {}).get(self.code)
        if common is not None:
            shape, status = None, common
        elif self.code is not None:
            shape = next((error for error in self.operation.error_shapes if error.error_code == self.code), None)
            if shape is None:
                yield f"{self.code} is no error of {self.operation.name}"
                return
            # The AWS JSON protocol has one status for each side's mistakes.
            own = shape.metadata.get("error", {}).get("httpStatusCode")
            status = own or (500 if shape.metadata.get("fault") else 400)
        if self.status != status:
            yield f"status {self.status}, the model has {status}"
        if shape is None:
            return
        members = {name: value for name, value in self.parsed.items() if name not in ("ResponseMetadata", "Error")}
        report = ParamValidator().validate(members, shape)
        if report.has_errors():
            yield report.generate_report()
        if self.operation.service_model.protocol in ("rest-json", "json") and "payload" not in shape.serialization:
            content = json.loads(self.http.content or "{}")
            if self.code is not None and self.operation.service_model.protocol == "json" and content.pop("__type", None) != self.code:
                yield "the error has no __type"
            yield from differences(content, shape, "")


def differences(value, shape, path):
    """Where a JSON value is not what the shape says; botocore's parser is forgiving, and drops what it doesn't know."""
    kind = JSON_TYPES.get(shape.type_name)
    if kind is None:
        return
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        yield f"{path or 'the body'} is no {shape.type_name}: {value!r}"
    elif shape.type_name == "structure":
        names = {
            member.serialization.get("name", name): (name, member)
            for name, member in shape.members.items()
            if "location" not in member.serialization
        }
        yield from (f"{path}.{name} is not in the model" for name in value if name not in names)
        for wire_name, (name, member) in names.items():
            if value.get(wire_name) is not None:
                yield from differences(value[wire_name], member, f"{path}.{wire_name}")
            elif name in shape.required_members:
                yield f"{path}.{wire_name} is required"
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from differences(item, shape.member, f"{path}.{index}")
    elif shape.type_name == "map":
        for name, item in value.items():
            yield from differences(item, shape.value, f"{path}.{name}")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{path} is {value}, which the model doesn't have"


class Caller:
    """A client of one service, by the name that the emulator lists, which refuses nothing by itself."""

    def __init__(self, service):
        self.service = service
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        self.client = boto3.client(CLIENTS.get(service, service), config=config)
        self.model = self.client.meta.service_model
        self.rewrite, self.last = None, None
        self.client.meta.events.register("before-call", self._rewrite)
        self.client.meta.events.register("after-call", self._keep)

    def _rewrite(self, params, **_):
        if self.rewrite is not None:
            self.rewrite(params)

    def _keep(self, model, http_response, parsed, **_):
        self.last = Answer(model, http_response, parsed)

    def call(self, operation, request, rewrite=None):
        """The answer; `rewrite` changes the request after botocore has written it and before it is signed."""
        self.rewrite = rewrite
        try:
            getattr(self.client, xform_name(operation))(**request)
        except ClientError:
            # Kept already.
            pass
        finally:
            self.rewrite = None
        return self.last

    def call_raw(self, operation, request):
        """As `call`, for members of the body that botocore can't write: unknown ones, nulls, wrong types."""
        members = self.model.operation_model(operation).input_shape.members
        located = {name for name, member in members.items() if "location" in member.serialization}
        body = {
            members[name].serialization.get("name", name) if name in members else name: value
            for name, value in request.items()
            if name not in located
        }
        kept = {name: value for name, value in request.items() if name in located}
        return self.call(operation, kept, with_body(json.dumps(body, default=in_base64)))


def in_base64(value):
    return base64.b64encode(value).decode()


def with_body(body):
    def rewrite(params):
        params["body"] = body.encode()
        params["headers"].setdefault("Content-Type", "application/json")

    return rewrite
