"""A cluster, an emulator and one system under test, for one run. I/O: starts and stops all of them."""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from .arithmetic import counter
from .audit import AuditLog
from .aws import Call, Emulator, target_of
from .kubernetes import GROUP, KIND, Client, Object, Refused, Watch, each
from .processes import Meter, Process
from .systems import ROOT, Setting, System, printed

HARNESS_CPU, SYSTEM_CPU = 0, 1
NAMESPACE = "bench"
RELEASE_NAMESPACE = "greengrass-operator"
RELEASE = "greengrass-operator"
PEER = "peer"
# So long jobs of thing groups are in the state DELETION_IN_PROGRESS: the emulator's default.
DELETION_SECONDS = 6.0
DEVICE_SECONDS = 5.0


@dataclass(frozen=True)
class Profile:
    """What the emulated AWS allows and how long it takes to answer."""

    name: str
    greengrass: float | None
    jobs: float | None
    latency_milliseconds: int
    deletion_seconds: float


# AWS's documented quotas: docs/emulator.md names the sources.
QUOTAS = Profile("quotas", 30, 10, 60, DELETION_SECONDS)
UNLIMITED = Profile("unlimited", None, None, 1, 0.0)
PROFILES = {profile.name: profile for profile in (QUOTAS, UNLIMITED)}


@dataclass(frozen=True)
class Programs:
    """What was built for the harness."""

    testcluster: Path
    emulator: Path


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def name_of(number: int) -> str:
    return f"r{number:05d}"


def manifest(number: int, version: str = "1.0.0") -> Object:
    """A resource as a team would have it: three components with some configuration, tags, a policy for its end."""
    configuration = {
        "logging": {"level": "INFO", "fileSizeKB": 1024, "totalLogsSizeKB": 10240},
        "sampling": {"intervalSeconds": 30, "batch": 100, "sensors": ["temperature", "humidity", "vibration"]},
        "upload": {"topic": f"site/{number}/telemetry", "qos": 1, "compress": True},
    }
    return {
        "apiVersion": "greengrass-operator.dev/v1alpha1",
        "kind": "GreengrassDeployment",
        "metadata": {"name": name_of(number), "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "bench"}},
        "spec": {
            "targetArn": target_of(number),
            "components": {
                "aws.greengrass.Nucleus": {
                    "componentVersion": "2.14.3",
                    "configurationUpdate": {"merge": {"interpolateComponentConfiguration": True}},
                },
                "com.example.Collector": {
                    "componentVersion": version,
                    "configurationUpdate": {"merge": configuration, "reset": ["/legacy"]},
                },
                "com.example.Uploader": {
                    "componentVersion": "3.1.0",
                    "configurationUpdate": {"merge": {"bucket": "telemetry", "prefix": f"group-{number}/"}},
                },
            },
            "tags": {"team": "edge", "cost-center": "4711"},
            "deletionPolicy": "Delete",
            "driftPolicy": "Correct",
        },
    }


class World:
    """Everything that one run needs; stops what it started."""

    def __init__(
        self, folder: Path, programs: Programs, system: System, profile: Profile, drift_seconds: int, helm: list[str],
    ) -> None:
        self.folder = folder
        self.programs = programs
        self.system = system
        self.profile = profile
        self.drift_seconds = drift_seconds
        self.replicas: list[Process] = []
        # How many CreateDeployments every resource should have had, corrections of drift included.
        self.wanted: Counter[str] = Counter()
        # The generation of each resource that the harness made last: what is older has not been looked at yet.
        self.generations: dict[str, int] = {}
        # Those that the harness made itself.
        self.foreign: set[str] = set()
        self._helm = helm
        self._starts = 0
        self._ports: dict[int, int] = {}
        self._emulator_process: Process | None = None
        self._watch: Watch | None = None

    def __enter__(self) -> "World":
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _start(self) -> None:
        self.folder.mkdir(parents=True)
        cluster = self.folder / "cluster"
        # Its servers inherit the processor.
        subprocess.run(
            ["taskset", "--cpu-list", str(HARNESS_CPU), self.programs.testcluster, "up", "--dir", cluster, "--fsync"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        self.client = Client(cluster / "kubeconfig")
        self.audit = AuditLog(cluster / "controlplane/logs/audit.log")
        self._install(cluster / "kubeconfig")
        port = free_port()
        self._emulator_process = Process(
            [
                str(self.programs.emulator), "--listen", f"127.0.0.1:{port}", "--seed", "1", "--log", "warn",
                "--switch", f"jobDeletionMs={int(self.profile.deletion_seconds * 1000)}",
            ],
            {"PATH": os.environ.get("PATH", "")}, self.folder / "emulator.log", HARNESS_CPU,
        )
        self.emulator = Emulator(port)
        self._await_emulator()
        self.emulator.quota(self.profile.greengrass, self.profile.jobs)
        self.emulator.latency(self.profile.latency_milliseconds)
        ours = self.system.name == "greengrass-operator"
        namespace, account = (RELEASE_NAMESPACE, RELEASE) if ours else (NAMESPACE, PEER)
        self.user = f"system:serviceaccount:{namespace}:{account}"
        self._kubeconfig = self.client.kubeconfig_for(
            self.folder / "system.kubeconfig", self.client.token(namespace, account), namespace
        )
        self._watch = Watch(self.client, NAMESPACE)

    @property
    def watch(self) -> Watch:
        if self._watch is None:
            raise RuntimeError("the world has not begun")
        return self._watch

    def _install(self, kubeconfig: Path) -> None:
        """The chart, as for a user but with no pod, and what peers need: an account with the same rights and some more."""
        helm = Path(printed([ROOT / "tools/clients/install-kubectl-helm"])) / "helm"
        homes = {f"HELM_{name}_HOME": str(self.folder / "helm") for name in ("CACHE", "CONFIG", "DATA")}
        subprocess.run(
            [
                helm, "upgrade", "--install", RELEASE, ROOT / "charts/greengrass-operator", "--namespace", RELEASE_NAMESPACE,
                "--create-namespace", "--set", "replicas=0,clusterName=bench", *self._helm,
            ],
            check=True, stdout=subprocess.DEVNULL, env={**os.environ, **homes, "KUBECONFIG": str(kubeconfig)},
        )
        create = self.client.create
        create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        create(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": PEER}})
        rules = [
            {"apiGroups": ["greengrass-operator.dev"], "resources": ["*"], "verbs": ["*"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
            {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["get", "list", "watch"]},
        ]
        authorization = "/apis/rbac.authorization.k8s.io/v1"
        create(f"{authorization}/clusterroles", {"metadata": {"name": PEER}, "rules": rules})
        create(f"{authorization}/clusterrolebindings", {
            "metadata": {"name": PEER},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": PEER},
            "subjects": [{"kind": "ServiceAccount", "name": PEER, "namespace": NAMESPACE}],
        })
        end = time.monotonic() + 60
        while True:
            try:
                self.client.call("GET", f"{GROUP}/namespaces/{NAMESPACE}/{KIND}")
                return
            except Refused:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def _await_emulator(self) -> None:
        end = time.monotonic() + 30
        while True:
            try:
                self.emulator.admin("GET", "health")
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def _stop(self) -> None:
        if self._watch is not None:
            self._watch.stop()
        for replica in self.replicas:
            replica.end(signal.SIGKILL)
        if self._emulator_process is not None:
            self._emulator_process.end()
        subprocess.run(
            [self.programs.testcluster, "down", "--dir", self.folder / "cluster"],
            check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    def start_replica(self, elect: bool = False) -> Process:
        """Starts the system, or one more of it."""
        self._starts += 1
        setting = Setting(
            kubeconfig=self._kubeconfig, endpoint=self.emulator.endpoint, drift_seconds=self.drift_seconds,
            replica=self._starts, port=free_port(), elect=elect,
            namespace=RELEASE_NAMESPACE if self.system.name == "greengrass-operator" else NAMESPACE,
            unlimited=self.profile.greengrass is None,
        )
        replica = Process(
            self.system.command(setting), self.system.environment(setting),
            self.folder / f"system-{self._starts}.log", SYSTEM_CPU,
        )
        self.replicas.append(replica)
        self._ports[replica.pid] = setting.port
        return replica

    def reconciles(self) -> float | None:
        """How many reconciles the replicas have counted, where they do."""
        if not self.system.reconciles:
            return None
        total = 0.0
        for replica in self.replicas:
            connection = http.client.HTTPConnection("127.0.0.1", self._ports[replica.pid], timeout=30)
            try:
                connection.request("GET", "/metrics")
                total += counter(connection.getresponse().read().decode(), self.system.reconciles)
            finally:
                connection.close()
        return total

    def stop_replicas(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        for replica in self.replicas:
            replica.end(with_signal)
        self.replicas.clear()

    def meter(self) -> Meter:
        return Meter(self.replicas)

    def require_running(self) -> None:
        """Fails with the system's last words when it has ended."""
        for replica in self.replicas:
            if not replica.runs():
                raise RuntimeError(f"{self.system.name} has ended: {replica.last_words()}")

    def create(self, numbers: range) -> dict[str, float]:
        """Creates resources as fast as the API server takes them; returns when each was accepted."""
        def one(number: int) -> tuple[str, float]:
            self.client.call("POST", f"{GROUP}/namespaces/{NAMESPACE}/{KIND}", manifest(number))
            return name_of(number), time.time()

        self.wanted.update(target_of(number) for number in numbers)
        return dict(each(numbers, one))

    def change(self, number: int, version: str) -> float:
        """Changes the version of a component; returns when that was accepted."""
        path = f"{GROUP}/namespaces/{NAMESPACE}/{KIND}/{name_of(number)}"
        patch = {"spec": {"components": {"com.example.Collector": {"componentVersion": version}}}}
        answer = self.client.merge(path, patch)
        self.wanted[target_of(number)] += 1
        self.generations[name_of(number)] = answer["metadata"]["generation"]
        return time.time()

    def touch(self, numbers: range, managers: int = 3) -> None:
        """Lets several managers own a label of each resource, as GitOps tools and people do; no generation moves."""
        def one(number: int) -> None:
            for manager in range(managers):
                name = f"manager-{manager}"
                path = f"{GROUP}/namespaces/{NAMESPACE}/{KIND}/{name_of(number)}?fieldManager={name}&force=true"
                patch = {
                    "apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "GreengrassDeployment",
                    "metadata": {"name": name_of(number), "labels": {f"bench.example.com/{name}": "yes"}},
                }
                self.client.call("PATCH", path, patch, "application/apply-patch+yaml")

        each(numbers, one)

    def delete(self, numbers: range) -> None:
        """Deletes resources as fast as the API server takes it."""
        each(numbers, lambda number: self.client.call("DELETE", f"{GROUP}/namespaces/{NAMESPACE}/{KIND}/{name_of(number)}"))

    def await_quiet(self, quiet: float = 8.0, most: float = 90.0) -> None:
        """Waits until no resource has changed for a while: rollouts have been read to their end.

        Calls to AWS are no sign, since the search for drift goes on for ever.
        """
        end = time.monotonic() + most
        while time.monotonic() < end and self.watch.silence() < quiet:
            time.sleep(0.25)

    def creates(self, since: int = 0) -> list[Call]:
        """The CreateDeployments of the system that made something."""
        return [
            call for call in self.emulator.since(since)
            if call.operation == "CreateDeployment" and call.accepted and call.deployment not in self.foreign
        ]

    def duplicates(self) -> int:
        """Deployments beyond those that were asked for, over the whole run. A retried token's answer is no deployment."""
        made: dict[str, set[str]] = {}
        for call in self.creates():
            made.setdefault(call.target, set()).add(call.deployment)
        return sum(max(0, len(ids) - self.wanted[target]) for target, ids in made.items())


def poisson_pauses(rate: float, count: int, seed: int) -> list[float]:
    """Pauses between events of a Poisson process."""
    chance = random.Random(seed)
    return [chance.expovariate(rate) for _ in range(count)]


def say(text: str) -> None:
    """Progress, for whoever watches."""
    print(f"bench: {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
