"""The systems under test: how each is built, started and told to elect a leader. I/O: builds by scripts."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .aws import ACCOUNT, REGION, SECRET

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "bench" / "peers"


def printed(command: Sequence[str | Path]) -> str:
    """What a script prints; its progress goes to our standard error."""
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@dataclass(frozen=True)
class Setting:
    """What a start of a system depends on."""

    kubeconfig: Path
    endpoint: str
    drift_seconds: int
    # Distinguishes replicas: their ports and names.
    replica: int
    port: int
    elect: bool
    # Where the lease is.
    namespace: str
    # The emulated AWS has no quotas, so a system that keeps some by itself has to be told.
    unlimited: bool


class System(Protocol):
    """An operator of GreengrassDeployments."""

    name: str
    title: str
    # Calls to Greengrass that its protocol needs for the first deployment of a resource, as designed.
    calls_per_create: int
    # Calls to Greengrass that deleting a resource with one revision needs.
    calls_per_delete: int
    # It is too slow for more.
    most: int
    # The counter of its reconciles at /metrics; empty where it has none.
    reconciles: str

    def prepare(self) -> None: ...
    def elects(self) -> bool: ...
    def command(self, setting: Setting) -> list[str]: ...
    def environment(self, setting: Setting) -> dict[str, str]: ...


def environment(setting: Setting) -> dict[str, str]:
    """What every system gets: no variable of the caller's, and so neither credentials nor proxy."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(setting.kubeconfig.parent),
        "KUBECONFIG": str(setting.kubeconfig),
        "AWS_ENDPOINT_URL": setting.endpoint,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "NO_COLOR": "1",
        # One processor each.
        "GOMAXPROCS": "1",
        "TOKIO_WORKER_THREADS": "1",
    }


@dataclass
class Ours:
    """greengrass-operator, a program that was built already."""

    program: Path
    arguments: list[str] = field(default_factory=list)
    name: str = "greengrass-operator"
    title: str = "greengrass-operator (Rust)"
    # List, List of subdeployments, Create, Get: §8 of the design.
    calls_per_create: int = 4
    # List, Get, Cancel, Delete.
    calls_per_delete: int = 4
    most: int = 10_000
    reconciles: str = "greengrass_operator_reconciles_total"
    _help: str = ""

    def prepare(self) -> None:
        if not self.program.exists():
            raise SystemExit(f"{self.program} is missing: cargo build --release --workspace --bins --locked")
        self._help = subprocess.run(
            [self.program, "run", "--help"], check=True, capture_output=True, text=True
        ).stdout

    def elects(self) -> bool:
        return "--leader-elect" in self._help

    def command(self, setting: Setting) -> list[str]:
        rates = [f"{flag}=1000" for flag in ("--aws-greengrass-rate", "--aws-iot-jobs-rate") if flag in self._help]
        return [
            str(self.program), "run",
            "--cluster-name", "bench",
            "--drift-interval", f"{setting.drift_seconds}s",
            "--admin-address", f"127.0.0.1:{setting.port}",
            "--instance-name", f"replica-{setting.replica}",
            *(["--leader-elect"] if setting.elect else []), *(rates if setting.unlimited else []), *self.arguments,
        ]

    def environment(self, setting: Setting) -> dict[str, str]:
        return environment(setting)


@dataclass
class GoPeer:
    """controller-runtime and aws-sdk-go-v2."""

    name: str = "controller-runtime"
    title: str = "controller-runtime + aws-sdk-go-v2 (Go)"
    calls_per_create: int = 1
    calls_per_delete: int = 2
    most: int = 10_000
    reconciles: str = "controller_runtime_reconcile_total"
    _program: str = ""

    def prepare(self) -> None:
        self._program = printed([PEERS / "build", "go"])

    def elects(self) -> bool:
        return True

    def command(self, setting: Setting) -> list[str]:
        return [
            self._program,
            f"--drift-interval={setting.drift_seconds}s",
            f"--metrics-address=127.0.0.1:{setting.port}",
            "--health-address=0",
            f"--leader-elect={'true' if setting.elect else 'false'}",
            f"--lease-namespace={setting.namespace}",
        ]

    def environment(self, setting: Setting) -> dict[str, str]:
        return environment(setting)


@dataclass
class KopfPeer:
    """kopf and boto3."""

    name: str = "kopf"
    title: str = "kopf + boto3 (Python)"
    calls_per_create: int = 1
    calls_per_delete: int = 2
    most: int = 1_000
    reconciles: str = ""
    _folder: Path = Path()

    def prepare(self) -> None:
        self._folder = Path(printed([PEERS / "build", "kopf"]))

    def elects(self) -> bool:
        # Its peering needs a kind of its own in the cluster and no leader is elected: priorities pause the others.
        return False

    def command(self, setting: Setting) -> list[str]:
        return [
            str(self._folder / "kopf"), "run", "--standalone", "--all-namespaces", "--quiet",
            str(PEERS / "kopf" / "deployments.py"),
        ]

    def environment(self, setting: Setting) -> dict[str, str]:
        return environment(setting) | {
            "DRIFT_INTERVAL_SECONDS": str(setting.drift_seconds),
            "CONCURRENCY": "32",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


@dataclass
class ShellPeer:
    """A loop around kubectl and the AWS CLI."""

    name: str = "shell"
    title: str = "kubectl + AWS CLI (bash)"
    calls_per_create: int = 1
    calls_per_delete: int = 2
    most: int = 100
    reconciles: str = ""
    _kubectl: str = ""
    _aws: str = ""

    def prepare(self) -> None:
        self._kubectl = str(Path(printed([ROOT / "tools/clients/install-kubectl-helm"])) / "kubectl")
        self._aws = str(Path(printed([ROOT / "tools/clients/install-aws"])) / "aws")

    def elects(self) -> bool:
        return False

    def command(self, setting: Setting) -> list[str]:
        return [str(PEERS / "shell" / "operator.sh")]

    def environment(self, setting: Setting) -> dict[str, str]:
        return environment(setting) | {
            "DRIFT_INTERVAL_SECONDS": str(setting.drift_seconds),
            "KUBECTL": self._kubectl,
            "AWS": self._aws,
            "POLL_SECONDS": "5",
        }


def known(program: Path, arguments: list[str]) -> dict[str, System]:
    """Every system by its name, ours first."""
    systems: list[System] = [Ours(program, arguments), GoPeer(), KopfPeer(), ShellPeer()]
    return {system.name: system for system in systems}
