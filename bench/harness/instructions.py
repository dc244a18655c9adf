"""Counts the instructions of the pure core per pass with callgrind. I/O: runs valgrind.

Unlike a time, the count is the same on a busy machine.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

SITUATIONS = {
    "rest": "assess, decide, summarise: at rest",
    "first": "assess, decide, summarise: before a first deployment",
    "changed": "assess, decide, summarise: a changed spec",
    "validate": "validate and digest a spec of three components",
}
PASSES = 1000


def total(profile: str) -> int:
    """The instructions of a callgrind profile."""
    for line in profile.splitlines():
        name, _, value = line.partition(":")
        if name in ("summary", "totals"):
            return int(value.split()[0])
    raise ValueError("the profile has neither summary nor totals")


def count(target: Path) -> dict[str, float]:
    """Instructions per pass in each situation: a run with many passes less one with none."""
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is missing: install it (Debian: apt-get install valgrind)")
    program = target / "examples" / "passes"
    if not program.exists():
        raise SystemExit(f"{program} is missing: cargo build --release --package greengrass-operator-core --example passes --locked")
    return {
        situation: (measured(program, situation, PASSES) - measured(program, situation, 0)) / PASSES
        for situation in SITUATIONS
    }


def measured(program: Path, situation: str, passes: int) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        profile = Path(folder) / "profile"
        subprocess.run(
            [
                "valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={profile}",
                program, situation, str(passes),
            ],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        return total(profile.read_text())
