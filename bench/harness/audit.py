"""Counts what one user asked of the API server, from its audit log. Reads a file."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

WRITES = ("create", "update", "patch", "delete", "deletecollection")


class AuditLog:
    """The audit log of a running API server, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mark(self) -> int:
        """Where the log ends now."""
        return self._path.stat().st_size

    def since(self, mark: int, user: str) -> Counter[str]:
        """The user's requests since a mark, by verb and resource, as in `update greengrassdeployments/status`."""
        with self._path.open("rb") as log:
            log.seek(mark)
            return count(log, user)


def count(lines: Iterable[bytes], user: str) -> Counter[str]:
    """The user's requests among audit events. A line without an end is still being written."""
    counts: Counter[str] = Counter()
    needle = user.encode()
    for line in lines:
        # Most lines are of others: looked at before they are parsed.
        if needle not in line or not line.endswith(b"\n"):
            continue
        event = json.loads(line)
        if event["user"]["username"] != user:
            continue
        # A watch is counted when it begins; its end is the same request.
        if event["verb"] == "watch" and event["stage"] != "ResponseStarted":
            continue
        reference = event.get("objectRef", {})
        resource = reference.get("resource", event["requestURI"].partition("?")[0])
        sub = reference.get("subresource", "")
        counts[f"{event['verb']} {resource}{'/' + sub if sub else ''}"] += 1
    return counts


def writes(counts: Counter[str]) -> int:
    """How many of them changed something, leases aside."""
    return sum(
        number for what, number in counts.items() if what.split()[0] in WRITES and what.split()[1] != "leases"
    )
