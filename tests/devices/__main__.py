"""`make soak-devices`: runs the tests of this folder in a virtual machine with real V4L2 devices.

    python -m tests.devices [--seconds N] [--loopback FOLDER] [PYTEST OPTIONS ...]

Ends with 0 where every test passed, 1 where not, 2 where the machine cannot be had here.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from tests.devices.machine import SHARED, Machine, MachineError, Outcome

_ROOT = Path(__file__).resolve().parents[2]
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.devices")
    parser.add_argument(
        "--seconds", type=float, default=2400.0, help="after which the machine is stopped"
    )
    parser.add_argument(
        "--loopback", type=Path, help="a folder with the source of another v4l2loopback"
    )
    own, pytest_options = parser.parse_known_args()
    # Whoever works on this machine meanwhile comes first.
    os.nice(15)
    machine = Machine(_say, loopback=own.loopback)
    try:
        machine.make()
    except MachineError as error:
        _say(str(error))
        return 2
    command = [sys.executable, "-m", "pytest", "-v", "--tb=short", "--confcutdir=tests/devices"]
    command += ["-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider"]
    command += [f"--junitxml={SHARED / 'results.xml'}", *pytest_options]
    if not any(Path(option.partition("::")[0]).exists() for option in pytest_options):
        command.append("tests/devices")
    environment = {
        "PATH": _PATH,
        "HOME": "/root",
        "MATTECAM_DEVICES": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "2",
        # Qt's and others' plug-ins take longer to load here than a test.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    outcome = machine.run(
        shlex.join(command), seconds=own.seconds, environment=environment, folder=_ROOT
    )
    try:
        return _tell(outcome)
    finally:
        shutil.rmtree(outcome.shared, ignore_errors=True)


def _tell(outcome: Outcome) -> int:
    """Says what each test came to. Exit status 0 only where pytest ended, and with 0."""
    results = outcome.shared / "results.xml"
    if outcome.status is None or not results.exists():
        _say("The tests did not come to their end; what they said stands above.")
        return 1
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    _say("")
    for name, result, seconds in _results(results):
        counts[result] += 1
        _say(f"{result:8}{seconds:7.1f} s  {name}")
    _say(", ".join(f"{count} {result}" for result, count in counts.items()))
    return 0 if outcome.status == 0 and counts["passed"] else 1


def _results(file: Path) -> Iterator[tuple[str, str, float]]:
    for case in ElementTree.parse(file).iter("testcase"):
        kinds = {child.tag for child in case}
        result = "passed"
        if kinds & {"failure", "error"}:
            result = "failed"
        elif "skipped" in kinds:
            result = "skipped"
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        yield name.removeprefix("tests.devices."), result, float(case.get("time", "0"))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
