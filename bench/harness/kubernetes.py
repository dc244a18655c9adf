"""Talks to the API server with the client certificate of a kubeconfig. I/O: HTTPS."""

import base64
import contextlib
import http.client
import json
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

GROUP = "/apis/greengrass-operator.dev/v1alpha1"
KIND = "greengrassdeployments"

Object = dict[str, Any]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Refused(Exception):
    """The API server said no."""

    def __init__(self, status: int, method: str, path: str, body: str) -> None:
        super().__init__(f"{method} {path}: {status} {body[:300]}")
        self.status = status


def scalar(text: str, key: str) -> str:
    """The value of a key in a kubeconfig that has one cluster and one user, without a parser of YAML."""
    if text.lstrip().startswith("{"):
        def find(node: Any) -> str | None:
            items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
            for name, value in items:
                found = value if name == key else find(value)
                if isinstance(found, str):
                    return found
            return None

        found = find(json.loads(text))
        if found is None:
            raise KeyError(key)
        return found
    for line in text.splitlines():
        name, _, value = line.strip().removeprefix("- ").partition(": ")
        if name.strip('"') == key:
            return value.strip().strip("\"'")
    raise KeyError(key)


class Client:
    """An administrator's client. Each thread has its own connection, which is kept."""

    def __init__(self, kubeconfig: Path) -> None:
        text = kubeconfig.read_text()
        self.server = scalar(text, "server")
        self.authority = base64.b64decode(scalar(text, "certificate-authority-data")).decode()
        self._context = ssl.create_default_context(cadata=self.authority)
        with tempfile.NamedTemporaryFile() as certificate, tempfile.NamedTemporaryFile() as key:
            certificate.write(base64.b64decode(scalar(text, "client-certificate-data")))
            key.write(base64.b64decode(scalar(text, "client-key-data")))
            certificate.flush()
            key.flush()
            self._context.load_cert_chain(certificate.name, key.name)
        self._connections = threading.local()

    def connect(self, timeout: float = 60) -> http.client.HTTPSConnection:
        """A connection of one's own."""
        address = urlsplit(self.server)
        return http.client.HTTPSConnection(
            address.hostname or "", address.port, context=self._context, timeout=timeout
        )

    def call(self, method: str, path: str, body: Object | None = None, content_type: str = "application/json") -> Object:
        """One request and its answer; a kept connection that has ended is made anew."""
        payload = None if body is None else json.dumps(body)
        for attempt in (1, 2):
            connection = getattr(self._connections, "connection", None)
            if connection is None:
                connection = self._connections.connection = self.connect()
            try:
                connection.request(method, path, payload, {"Content-Type": content_type, "User-Agent": "bench-harness"})
                answer = connection.getresponse()
                said = answer.read()
                break
            except (http.client.HTTPException, OSError):
                connection.close()
                self._connections.connection = None
                if attempt == 2:
                    raise
        if answer.status >= 400:
            raise Refused(answer.status, method, path, said.decode(errors="replace"))
        parsed: Object = json.loads(said)
        return parsed

    def create(self, path: str, body: Object) -> Object:
        """Creates an object, or takes it as it is when it is there."""
        try:
            return self.call("POST", path, body)
        except Refused as refused:
            if refused.status != 409:
                raise
            return {}

    def merge(self, path: str, body: Object) -> Object:
        """Patches an object by JSON merge patch."""
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def token(self, namespace: str, account: str) -> str:
        """A ServiceAccount's token for a day."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400}}
        token: str = self.call("POST", path, request)["status"]["token"]
        return token

    def kubeconfig_for(self, path: Path, token: str, namespace: str) -> Path:
        """Writes a kubeconfig that logs in with a token; the namespace is where leases are, as for a pod."""
        path.touch(mode=0o600)
        authority = base64.b64encode(self.authority.encode()).decode()
        path.write_text(json.dumps({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.server, "certificate-authority-data": authority}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
            "current-context": "c",
        }))
        return path


def each(items: Iterable[Item], work: Callable[[Item], Result], threads: int = 8) -> list[Result]:
    """Does the work for each item, some at a time, and returns the results in order."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))


def is_converged(item: Object) -> bool:
    """Whether the resource says that what its spec asks for now is in AWS: the same words for every operator."""
    status = item.get("status", {})
    generation = item["metadata"]["generation"]
    if status.get("observedGeneration") != generation or not status.get("deploymentId"):
        return False
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        and condition.get("observedGeneration", generation) == generation
        for condition in status.get("conditions", [])
    )


@dataclass
class Seen:
    """What the watch has seen of one resource."""

    generation: int
    converged: bool
    deployment_id: str
    # When each generation was first seen converged.
    converged_at: dict[int, float] = field(default_factory=dict)


class Watch:
    """Follows all GreengrassDeployments of a namespace in a thread of its own."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._path = f"{GROUP}/namespaces/{namespace}/{KIND}"
        self._seen: dict[str, Seen] = {}
        self._gone: dict[str, float] = {}
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self._stop = threading.Event()
        self._connection: http.client.HTTPSConnection | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stop.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)

    def look(self) -> dict[str, Seen]:
        """The state of now: live objects, to be read only."""
        with self._lock:
            return dict(self._seen)

    def gone_at(self) -> dict[str, float]:
        """When each resource that is no longer there went."""
        with self._lock:
            return dict(self._gone)

    def silence(self) -> float:
        """Seconds since something was seen last."""
        with self._lock:
            return time.monotonic() - self._last

    def _take(self, kind: str, item: Object) -> None:
        now = time.time()
        name = item["metadata"]["name"]
        with self._lock:
            self._last = time.monotonic()
            if kind == "DELETED":
                self._seen.pop(name, None)
                self._gone[name] = now
            else:
                converged = is_converged(item)
                generation = item["metadata"]["generation"]
                seen = self._seen.setdefault(name, Seen(generation, converged, ""))
                seen.generation, seen.converged = generation, converged
                seen.deployment_id = item.get("status", {}).get("deploymentId", "")
                if converged:
                    seen.converged_at.setdefault(generation, now)

    def _follow(self) -> None:
        version = ""
        while not self._stop.is_set():
            try:
                if not version:
                    listed = self._client.call("GET", self._path)
                    for item in listed["items"]:
                        self._take("ADDED", item)
                    version = listed["metadata"]["resourceVersion"]
                version = self._events(version)
            except (Refused, OSError, http.client.HTTPException, ValueError):
                version = ""
                time.sleep(0.2)

    def _events(self, version: str) -> str:
        connection = self._connection = self._client.connect(timeout=600)
        try:
            query = f"{self._path}?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion={version}"
            connection.request("GET", query, headers={"User-Agent": "bench-harness"})
            answer = connection.getresponse()
            if answer.status != 200:
                return ""
            rest = b""
            while not self._stop.is_set():
                chunk = answer.read1(1 << 20)
                if not chunk:
                    return version
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return ""
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._take(event["type"], event["object"])
            return version
        finally:
            connection.close()
