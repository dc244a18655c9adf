"""Values at and beyond each constraint of a service model, derived from the model. Pure."""

import json
from typing import Any, NamedTuple, Optional

# Strings and lists whose bound is beyond this are tested below it only.
LARGEST = 20_000

TYPE_BOUNDS = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}

WRONG_TYPES = {
    "structure": ("x", [], 1),
    "map": ("x", [], 1),
    "list": ("x", {}, 1),
    "string": (1, True, {}, []),
    "boolean": ("true", 1, {}),
    "integer": ("1", 1.5, True, {}),
    "long": ("1", 1.5, True, {}),
    "double": ("1", True, []),
    "float": ("1", True, []),
    "blob": (1, True, {}, [], "a"),
}

# A query is text, so only text can be wrong in it.
WRONG_IN_QUERY = {"integer": ("x", "1.5", ""), "long": ("x", "1.5", ""), "boolean": ("x", "1", "")}


class Text(NamedTuple):
    """Example strings of a pattern; `filler` makes one of any length, if it can."""

    filler: Optional[str]
    good: tuple
    bad: tuple

    def of_length(self, length):
        return None if self.filler is None else self.filler * length


class Policy(Text):
    """A policy is JSON."""

    def of_length(self, length):
        return "{}".ljust(length) if length > 1 else None


# By the pattern's text in the models, read as Java does: `\p{Graph}`, `\p{Upper}` and `\p{Digit}` are ASCII, `\p{L}` and the like are not:
# https://docs.oracle.com/javase/8/docs/api/java/util/regex/Pattern.html
PATTERNS = {
    "[a-zA-Z0-9:_-]+": Text("g", ("a:b_c-D9",), ("a b", "a/b", "a.b", "ü", "a\n")),
    "[$a-zA-Z0-9:_-]+": Text("g", ("$a:b_c-D9",), ("a b", "a/b", "a.b", "ü", "a\n")),
    "[a-zA-Z0-9_-]+": Text("g", ("a_b-C9",), ("a b", "a/b", "a:b", "ü", "a\n")),
    r"[a-zA-Z0-9\-]+": Text("g", ("a-B9",), ("a b", "a/b", "a_b", "ü", "a\n")),
    "^[a-zA-Z0-9-]+$": Text("g", ("a-B9",), ("a b", "a/b", "a_b", "ü", "a\n")),
    "[a-zA-Z0-9_.,@/:#-]+": Text("g", ("a_.,@/:#-9",), ("", "a b", "a=b", "ü", "a\n")),
    r"[a-zA-Z0-9_.,@/:#=\[\]-]*": Text("g", ("", "a_.,@/:#=[]-9"), ("a b", "{}", "ü", "a\n")),
    r"[\p{Graph}\x20]*": Text("g", ("", "All of it: {1~2}!"), ("a\tb", "ü", "a\n")),
    r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$": Text("ü", ("Grüße\u00a01 _.:/=+-@", "½"), ("a#b", "a\tb", "a\n")),
    r"[\w+=,.@-]*": Text("g", ("a_B9+=,.@-",), ("a b", "a/b", "a:b", "gü", "a\n")),
    r"[\w+=,.@:\/-]*": Text("g", ("a_B9+=,.@:/-",), ("a b", "a#b", "gü", "a\n")),
    r"[\w+=/:,.@-]*": Text("g", ("a_B9+=/:,.@-",), ("nine char", "nine#char", "nine-char\n", "neunfünf!")),
    r"[\d]*": Text("1", ("123456",), ("12345a", "12345\n")),
    r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+": Text("ü", ("Grüße\u00a01 _.:/=+-@", "½"), ("", "a#b", "a\tb", "a\n")),
    r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*": Text("ü", ("", "Grüße\u00a01 _.:/=+-@", "½"), ("a#b", "a\tb", "a\n")),
    r"[\u0009\u000A\u000D\u0020-\u00FF]+": Policy(None, ('{"a": "ü\\n"}', "{}"), ("", "{€}", "\x00", "\x0b")),
    r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+": Text(
        None, ("arn:aws:iam::210987654321:role/contract",), ("x" * 19, "x" * 2049, "arn:aws:iam::1:role/\x01", "arn:aws:iam::1:role/\x7f")
    ),
    r"^urn:tdm:(([a-z]{2}-(gov-)?[a-z]{4,9}-[0-9]{1,3}/[0-9]+/)*[\p{Alnum}_]+(/[\p{Alnum}_]+)*):([\p{Alpha}]*):([\p{Alnum}_]+(/[\p{Alnum}_]+)*)$": Text(
        None,
        ("urn:tdm:eu-west-1/123456789012/default:deployment:nobody", "urn:tdm:us-gov-west-1/1/eu-west-1/2/a/b_1::c/d", "urn:tdm:aws:System:s",
         "urn:tdm:eu-west-1/123456789012/default:deployment:" + "x" * 110),
        ("", "nobody", "urn:tdm:a:b", "urn:tdm:a:b:c:d", "urn:tdm:eu-west-1/default:deployment:a", "urn:tdm:eu-west-1/1:deployment:a",
         "urn:tdm:eu-west-1/1/default:deployment:a-b", "urn:tdm:eu-west-1/1/default:deployment:a\n", "urn:tdm:a:b1:c", "urn:tdm:a:b:ü",
         "urn:tdm:eu-west-1/123456789012/default:deployment:" + "x" * 111),
    ),
    r"[\p{Upper}\p{Digit}_]+": Text("G", ("A_9",), ("", "a", "A B", "Ü")),
    r"[^\p{C}]+": Text("ü", ("Grüße an alle!",), ("", "a\nb", "a\u200bb")),
    "arn:[^:]*:iot:[^:]*:[0-9]+:(thing|thinggroup)/.+": Text(
        None,
        ("arn:aws:iot:eu-west-1:123456789012:thing/nobody", "arn::iot::0:thinggroup/a/b:c"),
        ("", "nobody", "arn:aws:iot:eu-west-1:123456789012:job/a", "arn:aws:iot:eu-west-1:a:thing/a", "arn:aws:iot:::thing/a",
         "arn:aws:iot:eu-west-1:1:thing/", "arn:aws:greengrass:eu-west-1:1:thing/a"),
    ),
    "arn:[^:]*:iot:[^:]*:[0-9]+:thinggroup/.+": Text(
        None,
        ("arn:aws:iot:eu-west-1:123456789012:thinggroup/nobody", "arn::iot::0:thinggroup/a/b:c"),
        ("", "nobody", "arn:aws:iot:eu-west-1:123456789012:thing/a", "arn:aws:iot:eu-west-1:a:thinggroup/a",
         "arn:aws:iot:eu-west-1:1:thinggroup/"),
    ),
    "arn:[^:]*:greengrass:[^:]*:(aws|[0-9]+):(components|deployments|coreDevices):.*": Text(
        None,
        ("arn:aws:greengrass:eu-west-1:123456789012:deployments:nobody", "arn::greengrass::aws:components:a:versions:1",
         "arn::greengrass::0:coreDevices:"),
        ("nobody", "arn:aws:greengrass:eu-west-1:123456789012:jobs:a", "arn:aws:greengrass:eu-west-1::deployments:a",
         "arn:aws:greengrass:eu-west-1:1:deployments", "arn:aws:iot:eu-west-1:1:deployments:a"),
    ),
}


PATTERNS.update({
    "arn:[^:]*:greengrass:[^:]*:(aws|[0-9]+):components:[^:]+": Text(
        None,
        ("arn:aws:greengrass:eu-west-1:123456789012:components:nobody", "arn::greengrass::aws:components:a"),
        ("nobody", "arn:aws:greengrass:eu-west-1:123456789012:deployments:a", "arn:aws:greengrass:eu-west-1::components:a",
         "arn:aws:greengrass:eu-west-1:1:components", "arn:aws:greengrass:eu-west-1:1:components:"),
    ),
    "arn:[^:]*:greengrass:[^:]*:(aws|[0-9]+):components:[^:]+:versions:[^:]+": Text(
        None,
        ("arn:aws:greengrass:eu-west-1:123456789012:components:nobody:versions:1.0.0", "arn::greengrass::aws:components:a:versions:x"),
        ("nobody", "arn:aws:greengrass:eu-west-1:123456789012:components:a", "arn:aws:greengrass:eu-west-1:1:components:a:versions:",
         "arn:aws:greengrass:eu-west-1:1:components::versions:1.0.0"),
    ),
})


class Version(Text):
    """No version is shorter than 1.0.0."""

    def of_length(self, length):
        return "1.0.0-".ljust(length, "a") if length > 6 else None


class JsonObject(Text):
    """No object with a member is shorter than this one's `empty`."""

    def of_length(self, length):
        empty = json.dumps({"a": ""})
        return json.dumps({"a": "x" * (length - len(empty))}) if length > len(empty) else None


class Definition(Text):
    """GraphQL may have as many spaces as it likes."""

    def of_length(self, length):
        shortest = self.good[0]
        return shortest.ljust(length) if length >= len(shortest) else None


def definition(identifier, rest=""):
    return f'@deployment(id: "{identifier}"{rest})'


OWN = "urn:tdm:eu-west-1/123456789012/default:deployment:"

# Where the model's text says more than the shape, by the shape's name.
EXCEPTIONS = {
    # "The version of the component": devices take an exact one only, and the emulator's switch versionRanges stands so.
    "ComponentVersionString": Version(None, ("1.0.0", "1.0.0-rc.1+build"), ("", "1.0", "^1.0.0", "latest")),
    # "A serialized JSON string that contains the configuration object".
    "ComponentConfigurationString": JsonObject(None, ("{}", '{"a":null}'), ("", "[]", "{", "1")),
    # "The ID should be in the following format": of the caller's account and region.
    "DefinitionText": Definition(
        None,
        (definition(OWN + "a"), definition(OWN.replace("dep", "Dep") + "b_1/c", ', systemId: "urn:tdm:aws:System:s"'),
         "{ query Q " + definition(OWN + "c") + ' { a(b: "ü") } }'),
        ("", "nobody", "query Q {}", definition("a"), definition(OWN + "a") + "}", definition(OWN + "a-b"),
         definition(OWN.replace("eu-west-1", "us-east-1") + "a"), definition(OWN.replace("123", "321") + "a"),
         "# " + definition(OWN + "a"), definition(OWN + "a", ', systemId: "s"')),
    ),
    # Without a ResourceNotFoundException in the model, what isn't there is a wrong request.
    "ResourceArn": Text(None, (), ("", "nobody", "arn:aws:iotthingsgraph:eu-west-1:123456789012:Deployment/default/nobody", "x" * 2049)),
    # Only what an answer has given out: the paginators test those.
    "NextToken": Text(None, (), ("nonsense",)),
    "NextTokenString": Text(None, (), ("nonsense",)),
}
# Where the model's text has bounds that the shape hasn't, by the shape's name.
BOUNDS_IN_TEXT = {
    # "This value must be between 1 minute and 7 days (10080 minutes)".
    "IoTJobInProgressTimeoutInMinutes": (1, 10_080),
    # "You can provide up to 10 managed policy ARNs".
    "policyDescriptorListType": (0, 10),
}
# Lists whose items must differ: the n-th one of each.
DISTINCT = {"tagListType": lambda number: {"Key": f"k{number}", "Value": ""}}
# Reserved in every service: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
RESERVED_KEYS = {"TagMap": ("aws:a", "AWS:a")}
# The largest constraints there are: beyond LARGEST, and tested nevertheless.
HUGE = ("ComponentConfigurationString", "DefinitionText")


# Parts of requests that the emulator refuses as a whole, with words of its own.
NOT_EMULATED = ("LambdaFunctionRecipeSource",)


class Variant(NamedTuple):
    """A value; `field` is the path of the field that is wrong with it, None when the model allows it; `raw` when botocore can't write it."""

    what: str
    value: Any
    field: Optional[tuple] = None
    raw: bool = False

    def within(self, name, value):
        """The same inside a container, where its own name is `name`."""
        field = None if self.field is None else (name, *self.field)
        return self._replace(what=f"{name}: {self.what}", value=value, field=field)


def bounds(shape):
    low, high = TYPE_BOUNDS.get(shape.type_name, (None, None))
    low, high = shape.metadata.get("min", low), shape.metadata.get("max", high)
    return BOUNDS_IN_TEXT.get(shape.name, (low, high))


def sizes(shape):
    """Sizes at the bounds and one beyond, and whether they are allowed."""
    low, high = bounds(shape)
    yield low or 0, True
    if low:
        yield low - 1, False
    if high is not None and (high <= LARGEST or shape.name in HUGE):
        yield high, True
        yield high + 1, False


def text_of(shape):
    if shape.name in EXCEPTIONS:
        return EXCEPTIONS[shape.name]
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        # Bounds count characters, not bytes.
        return Text("ü", ("g" * max(1, shape.metadata.get("min", 1)),), ())
    if pattern not in PATTERNS:
        raise LookupError(f"{shape.name}: write examples for the pattern {pattern!r} into PATTERNS")
    return PATTERNS[pattern]


class Derivation:
    """Values of shapes; `samples` has a right one for shapes whose value must name something that exists."""

    def __init__(self, samples):
        self.samples = samples

    def sample(self, shape):
        """A right value, as small as can be."""
        if shape.name in self.samples:
            return self.samples[shape.name]
        if shape.type_name == "structure":
            return {name: self.sample(shape.members[name]) for name in shape.required_members}
        if shape.type_name == "list":
            return [self.sample(shape.member)]
        if shape.type_name == "map":
            return {self.sample(shape.key): self.sample(shape.value)}
        if shape.type_name == "string":
            return shape.enum[0] if shape.enum else next(iter(text_of(shape).good), None)
        if shape.type_name == "boolean":
            return True
        return max(1, bounds(shape)[0] or 1)

    def of(self, shape):
        """Variants of a value in a body."""
        yield from self.right_type(shape)
        for value in WRONG_TYPES[shape.type_name]:
            yield Variant(f"{json.dumps(value)} for a {shape.type_name}", value, (), raw=True)

    def located(self, shape, location):
        """Variants of a value in a path or a query."""
        for variant in self.right_type(shape):
            # An empty label would be another path.
            if not variant.raw and not (location == "uri" and variant.value == ""):
                yield variant
        if location == "querystring":
            for value in WRONG_IN_QUERY.get(shape.type_name, ()):
                yield Variant(f"{value!r} for a {shape.type_name}", value, ())

    def right_type(self, shape):
        kind = shape.type_name
        if kind == "blob":
            return self.blobs(shape)
        if kind == "boolean":
            return [Variant(str(value), value) for value in (True, False)]
        if kind == "string":
            return self.strings(shape)
        if kind == "structure":
            return self.structures(shape)
        if kind == "list":
            return self.lists(shape)
        if kind == "map":
            return self.maps(shape)
        return self.numbers(shape)

    def strings(self, shape):
        if shape.enum:
            yield from (Variant(name, name) for name in shape.enum)
            yield from (Variant(repr(name), name, ()) for name in ("", "UNKNOWN", shape.enum[0].lower()))
            return
        text = text_of(shape)
        for size, allowed in sizes(shape):
            value = text.of_length(size)
            # Whether a string of a pattern may be empty, its examples know.
            if value is not None and (size > 0 or not allowed or "pattern" not in shape.metadata):
                yield Variant(f"{size} characters", value, None if allowed else ())
        right = dict.fromkeys((self.sample(shape), *text.good))
        yield from (Variant(repr(value), value) for value in right if value is not None)
        yield from (Variant(repr(value), value, ()) for value in text.bad)

    def blobs(self, shape):
        yield Variant("bytes", self.sample(shape))
        yield from (Variant(repr(value), value, ()) for value in (b"", b"\xff", b"[", b"{}"))

    def numbers(self, shape):
        low, high = bounds(shape)
        whole = shape.type_name in TYPE_BOUNDS
        yield Variant("a number", self.sample(shape))
        for bound, direction in ((low, -1), (high, 1)):
            if bound is not None:
                beyond = bound + direction * (1 if whole else 1e-6)
                yield Variant(f"{bound}", bound if whole else float(bound))
                yield Variant(f"{beyond}", beyond, ())

    def structures(self, shape):
        base = self.sample(shape)
        yield Variant("only what is required", base)
        yield Variant("an unknown member", {**base, "unknownMember": {"a": [1]}}, raw=True)
        for name, member in shape.members.items():
            for variant in self.of(member):
                yield variant.within(name, {**base, name: variant.value})
            yield from self.without(name, base, name in shape.required_members)

    def without(self, name, base, required):
        """A member that is not set, or null, which is the same: the answers have such nulls themselves."""
        field = (name,) if required else None
        yield Variant(f"null as {name}", {**base, name: None}, field, raw=True)
        if required:
            yield Variant(f"no {name}", {key: value for key, value in base.items() if key != name}, field)

    def lists(self, shape):
        for variant in self.of(shape.member):
            yield variant.within(0, [variant.value])
        item = self.sample(shape.member)
        for size, allowed in sizes(shape):
            items = [DISTINCT[shape.name](number) for number in range(size)] if shape.name in DISTINCT else [item] * size
            yield Variant(f"{size} items", items, None if allowed else ())

    def maps(self, shape):
        key, value = self.sample(shape.key), self.sample(shape.value)
        for variant in self.of(shape.value):
            yield variant.within(key, {key: variant.value})
        for variant in self.right_type(shape.key):
            yield variant._replace(field=None if variant.field is None else (variant.value,), value={variant.value: value})
        for reserved in RESERVED_KEYS.get(shape.name, ()):
            yield Variant(f"the key {reserved}", {reserved: value}, (reserved,))
        for size, allowed in sizes(shape):
            yield Variant(f"{size} entries", {f"k{index}": value for index in range(size)}, None if allowed else ())

    def requests(self, operation, base):
        """Variants of a whole request; `base` is called for each, so that every one finds a fresh world."""
        members = operation.input_shape.members
        for name, member in members.items():
            if member.name in NOT_EMULATED:
                continue
            location = member.serialization.get("location")
            required = name in operation.input_shape.required_members
            variants = self.of(member) if location is None else self.located(member, location)
            for variant in variants:
                yield variant.within(name, {**base(), name: variant.value})
            if location is None:
                request = base()
                # A member of the base that the model doesn't require is one that the operation can't do without.
                if required or name not in request:
                    yield from self.without(name, request, required)
            elif required and location != "uri":
                yield Variant(f"no {name}", {key: value for key, value in base().items() if key != name}, (name,))
