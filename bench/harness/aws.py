"""The emulator: its admin interface, its ledger, and a deployment by somebody else. I/O: HTTP."""

import hashlib
import hmac
import http.client
import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

ACCOUNT = "123456789012"
REGION = "eu-west-1"
SECRET = "secret"


@dataclass(frozen=True)
class Call:
    """A line of the ledger."""

    sequence: int
    time: float
    service: str
    operation: str
    status: int
    error: str
    target: str
    deployment: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def throttled(self) -> bool:
        return self.status == 429

    @classmethod
    def parse(cls, line: dict[str, Any]) -> "Call":
        return cls(
            sequence=line["sequence"],
            time=seconds_of(line["time"]),
            service=line.get("service") or "",
            operation=line.get("operation") or "",
            status=line.get("status") or 0,
            error=line.get("errorCode") or "",
            target=line.get("targetArn") or "",
            deployment=line.get("deploymentId") or "",
        )


def seconds_of(text: str) -> float:
    """Seconds since the epoch of RFC 3339 in UTC, with any number of digits."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
    return moment + (float(f"0.{fraction}") if fraction else 0.0)


def target_of(number: int) -> str:
    """The thing group that the resource of this number deploys to."""
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/{group_of(number)}"


def group_of(number: int) -> str:
    return f"bench-{number:05d}"


class Emulator:
    """A running emulator."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self._calls: list[Call] = []
        # The newest call that was read.
        self._next = 0
        self._lock = threading.Lock()

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the admin interface."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, f"/_emulator/{path}", None if body is None else json.dumps(body))
            answer = connection.getresponse()
            said = answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"the emulator said {answer.status} to {method} {path}: {said.decode()[:300]}")
            return json.loads(said) if said else None
        finally:
            connection.close()

    def calls(self) -> list[Call]:
        """The whole ledger; what is new is fetched."""
        with self._lock:
            lines = self.admin("GET", f"calls?after={self._next}")
            for line in lines:
                # A call in the air is fetched with the next ones, when it is known how it ended.
                if line.get("status") is None and line.get("fault") not in ("hangBefore", "resetBefore"):
                    break
                self._calls.append(Call.parse(line))
                self._next = line["sequence"]
            return list(self._calls)

    def mark(self) -> int:
        """The number of the newest call: what comes later has a higher one."""
        calls = self.calls()
        return calls[-1].sequence if calls else 0

    def since(self, mark: int) -> list[Call]:
        return [call for call in self.calls() if call.sequence > mark]

    def quota(self, greengrass: float | None, jobs: float | None) -> None:
        """Sets the calls a second; None is without limit."""
        self.admin("PUT", "quotas", {
            "greengrass": "unlimited" if greengrass is None else greengrass,
            "jobs": "unlimited" if jobs is None else jobs,
        })

    def latency(self, milliseconds: int) -> None:
        """Makes every call take so long."""
        self.admin("DELETE", "faults")
        if milliseconds:
            self.admin("POST", "faults", {"times": None, "action": {"type": "delay", "milliseconds": milliseconds}})

    def fleet(self, numbers: range, device_seconds: float) -> None:
        """A thing group with one device for each number."""
        self.admin("POST", "fleet", {"accounts": [{
            "account": ACCOUNT,
            "region": REGION,
            "groups": [{"name": group_of(number)} for number in numbers],
            "devices": [
                {
                    "name": f"device-{number:05d}",
                    "groups": [group_of(number)],
                    "behaviour": {"takes": {"seconds": device_seconds}},
                }
                for number in numbers
            ],
        }]})

    def deploy_as_somebody_else(self, target: str) -> str:
        """A deployment to the target by a direct, signed call; returns its id."""
        body = json.dumps({"targetArn": target, "components": {"com.example.Other": {"componentVersion": "9.9.9"}}})
        return str(self.signed("POST", "/greengrass/v2/deployments", {}, body)["deploymentId"])

    def deployments(self, target: str, history: str = "ALL") -> list[dict[str, Any]]:
        """The deployments of a target, as a direct call lists them."""
        query = {"targetArn": target, "historyFilter": history}
        listed: list[dict[str, Any]] = self.signed("GET", "/greengrass/v2/deployments", query, "")["deployments"]
        return listed

    def deployment(self, deployment: str) -> dict[str, Any]:
        """One deployment, as a direct call gets it."""
        return self.signed("GET", f"/greengrass/v2/deployments/{deployment}", {}, "")

    def signed(self, method: str, path: str, query: dict[str, str], body: str) -> dict[str, Any]:
        """A call to Greengrass, signed with version 4, tried again while it is throttled."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                text = urlencode(sorted(query.items()))
                headers = signature(method, path, text, body, f"127.0.0.1:{self.port}", datetime.now(UTC))
                connection.request(method, f"{path}?{text}" if text else path, body or None, headers)
                answer = connection.getresponse()
                said = answer.read().decode()
            finally:
                connection.close()
            if answer.status == 429:
                time.sleep(1)
                continue
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {said[:300]}")
            parsed: dict[str, Any] = json.loads(said) if said else {}
            return parsed


def signature(method: str, path: str, query: str, body: str, host: str, now: datetime) -> dict[str, str]:
    """The headers that sign a request to Greengrass.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{REGION}/greengrass/aws4_request"
    hashed = hashlib.sha256(body.encode()).hexdigest()
    canonical = f"{method}\n{path}\n{query}\nhost:{host}\nx-amz-date:{moment}\n\nhost;x-amz-date\n{hashed}"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    sign = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return {
        "Host": host,
        "X-Amz-Date": moment,
        "Content-Type": "application/json",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/{scope}, SignedHeaders=host;x-amz-date, Signature={sign}",
    }
