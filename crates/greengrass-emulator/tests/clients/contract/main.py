"""Holds the emulator to botocore's models: every implemented operation, at and beyond each constraint of its input."""

import json
import os
import re
import sys
import urllib.request
from collections import Counter
from urllib.parse import urlsplit, urlunsplit

from botocore import xform_name

from variants import Derivation
from wire import VALIDATION, Caller, with_body
from world import BASES, World

URL = os.environ["AWS_ENDPOINT_URL"]

# The part of IoT's model that the emulator must know by name at least; the whole of the others'.
KNOWN_BY_NAME = {
    "greengrass": "/",
    "iotdata": "/",
    "iotthingsgraph": "/",
    "sts": "/",
    "iot": ("/jobs", "/things", "/thing-groups", "/dynamic-thing-groups", "/job-templates"),
}


def admin(path, body=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(URL + path, None if body is None else json.dumps(body).encode()) as response:
        return json.loads(response.read() or "null")


# What a request that the model allows may meet besides success: it names something that isn't there, or is as it is.
CONDITIONS = (
    "ResourceNotFoundException",
    "ResourceAlreadyExistsException",
    "VersionConflictException",
    "InvalidStateTransitionException",
    "InvalidIdentityToken",
)

# A mistake that no single member makes.
BETWEEN_MEMBERS = "is none of the keys of Tags"


class Contract:
    def __init__(self):
        self.failures, self.counts = [], Counter()
        self.implemented = admin("/_emulator/operations")
        self.callers = {service: Caller(service) for service in {*self.implemented, *KNOWN_BY_NAME}}
        self.world = World(self.callers, admin)
        self.derivation = Derivation(self.world.samples())

    def operations(self):
        """What is implemented and in the table. What takes something away comes last, because others name it."""
        pairs = [(service, operation) for service, names in self.implemented.items() for operation in names]
        pairs.sort(key=lambda pair: pair[1].startswith(("Cancel", "Update", "Remove", "Delete")))
        for service, operation in pairs:
            base = BASES.get(service, {}).get(operation)
            if base is None:
                self.failures.append(f"{service} {operation}: has no base request in world.py")
            else:
                yield self.callers[service], operation, base

    def expect(self, condition, caller, operation, what, complaint):
        if not condition:
            self.failures.append(f"{caller.service} {operation}: {what[:200]}: {complaint}")

    def checked(self, caller, operation, what, answer):
        self.counts[operation] += 1
        for complaint in answer.complaints():
            self.expect(False, caller, operation, what, f"{answer}: {complaint}")
        return answer

    def bases(self):
        """The right request succeeds, by the method and path that the model has."""
        for caller, operation, base in self.operations():
            answer = self.checked(caller, operation, "base", caller.call(operation, base.request(self.world)))
            lacking = not base.found and answer.code == "ResourceNotFoundException"
            self.expect(answer.code is None or lacking, caller, operation, "base", answer)
            entered = [call["requestId"] for call in admin(f"/_emulator/calls?operation={operation}")]
            self.expect(answer.request_id in entered, caller, operation, "base", "was taken for another operation")

    def paginators(self):
        """Pages of any size have the same items, each of them once."""
        for caller, operation, base in self.operations():
            if not caller.client.can_paginate(xform_name(operation)):
                continue
            paginator = caller.client.get_paginator(xform_name(operation))
            walks = []
            for size in (None, 1, 2):
                pages = paginator.paginate(**base.request(self.world), PaginationConfig={"PageSize": size})
                try:
                    items = [json.dumps(item, default=str) for page in pages for item in page[paginator.result_keys[0].expression]]
                except caller.client.exceptions.ResourceNotFoundException as error:
                    self.expect(not base.found, caller, operation, "paginator", error)
                    break
                walks.append(items)
                self.expect(len(items) >= base.rows, caller, operation, f"pages of {size}", f"too few: {items}")
                self.expect(len(items) == len(set(items)), caller, operation, f"pages of {size}", f"twice: {items}")
            same = all(walk == walks[0] for walk in walks)
            self.expect(same, caller, operation, "paginator", f"pages of different sizes have different items: {walks}")

    def variants(self):
        for caller, operation, base in self.operations():
            model = caller.model.operation_model(operation)
            if not model.input_shape or not model.input_shape.members:
                continue
            query = caller.model.protocol == "query"
            for variant in self.derivation.requests(model, lambda: base.request(self.world)):
                # A form has no nulls, and what is no text becomes one.
                if query and variant.raw:
                    continue
                call = caller.call_raw if variant.raw else caller.call
                answer = self.checked(caller, operation, variant.what, call(operation, variant.value))
                if variant.field is None:
                    within = answer.code is None or answer.code in CONDITIONS or answer.message.endswith(BETWEEN_MEMBERS)
                    self.expect(within, caller, operation, variant.what, f"is in the model, but {answer}")
                    if answer.code is None and base.read is not None:
                        self.read_back(caller, operation, base, variant, answer)
                else:
                    self.refused(caller, operation, variant, answer, model)
            if not query:
                self.beside_the_model(caller, operation, base, model)

    def read_back(self, caller, operation, base, variant, answer):
        """What was made is shown as the model says, and as it was sent."""
        reader, name = base.read
        shown = self.checked(caller, reader, variant.what, caller.call(reader, {name: answer.parsed[name]}))
        for member, value in variant.value.items():
            if not variant.raw and member in shown.operation.output_shape.members:
                complaint = f"shows {shown.parsed.get(member)!r:.300} for {value!r:.300}"
                self.expect(shown.parsed.get(member) == value, caller, operation, f"{variant.what}: {reader}", complaint)

    def refused(self, caller, operation, variant, answer, model):
        first, *rest = variant.field
        wire_name = model.input_shape.members[first].serialization.get("name", first)
        fields = [".".join(map(str, (name, *rest))) for name in (first, wire_name)]
        right = answer.code == VALIDATION[caller.service]
        if caller.service == "greengrass":
            right = right and answer.parsed.get("reason") == "FIELD_VALIDATION_FAILED"
            right = right and answer.fields in ([field] for field in fields)
        else:
            right = right and any(field in answer.message for field in fields)
        self.expect(right, caller, operation, variant.what, f"should be refused for {fields[0][:200]}, but {answer}")

    def beside_the_model(self, caller, operation, base, model):
        """Unknown members do nothing; a body that is no JSON object can't be parsed."""
        if all("location" in member.serialization for member in model.input_shape.members.values()):
            answers = [caller.call(operation, base.request(self.world), with_unknown_parameter)]
        else:
            answers = [caller.call_raw(operation, {**base.request(self.world), "unknownMember": [{}]})]
            for body in ("{", "[]", '"x"', "\u0000"):
                answer = self.checked(caller, operation, body, caller.call(operation, base.request(self.world), with_body(body)))
                right = answer.code == VALIDATION[caller.service]
                if caller.service == "greengrass":
                    right = right and answer.parsed.get("reason") == "CANNOT_PARSE"
                self.expect(right, caller, operation, f"the body {body!r}", answer)
        for answer in answers:
            self.checked(caller, operation, "an unknown member", answer)
            lacking = not base.found and answer.code == "ResourceNotFoundException"
            self.expect(answer.code is None or lacking, caller, operation, "an unknown member", answer)

    def missing(self):
        """An operation that is not implemented is named."""
        listed = admin("/_emulator/operations/missing")
        for service, prefixes in KNOWN_BY_NAME.items():
            caller = self.callers[service]
            for operation in caller.model.operation_names:
                if operation in self.implemented[service]:
                    continue
                model = caller.model.operation_model(operation)
                labels = re.findall(r"{(\w+)(\+?)}", model.http["requestUri"])
                members = model.input_shape.members if model.input_shape else {}
                names = {member.serialization.get("name", name): name for name, member in members.items()}
                # A greedy label may hold slashes.
                request = {names[label]: "a/b" if greedy else "a" for label, greedy in labels}
                answer = caller.call(operation, request)
                self.counts["not implemented"] += 1
                expected = listed[service].get(operation, {})
                named = (answer.status, answer.code) == (501, expected.get("errorCode"))
                named = named and answer.message.split()[-1] == operation
                unknown = answer.status == 404 and answer.code == "UnknownOperationException"
                allowed = unknown and not model.http["requestUri"].startswith(prefixes)
                self.expect(named or allowed, caller, operation, "not implemented", answer)

    def nowhere(self):
        for method in ("GET", "HEAD"):
            for path in ("/", "/nowhere", "/greengrass/v2/nowhere", "/things/a/b/c/d"):

                def rewrite(params, method=method, path=path):
                    params["method"], params["url"] = method, URL + path

                caller = self.callers["greengrass"]
                answer = caller.call("ListDeployments", {}, rewrite)
                self.expect(400 <= answer.status < 500 and answer.request_id, caller, f"{method} {path}", "nowhere", answer)


def with_unknown_parameter(params):
    scheme, host, path, query, fragment = urlsplit(params["url"])
    params["url"] = urlunsplit((scheme, host, path, "&".join(filter(None, (query, "unknownMember=a"))), fragment))


contract = Contract()
contract.bases()
contract.paginators()
contract.variants()
contract.missing()
contract.nowhere()
for operation, count in contract.counts.items():
    print(operation, count)
for failure in contract.failures[:100]:
    print(failure, file=sys.stderr)
if contract.failures:
    sys.exit(f"{len(contract.failures)} answers are not what the models say")
print("done")
