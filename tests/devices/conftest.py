"""The devices of the virtual machine. Nothing here runs outside it: see `make soak-devices`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.devices import kernel
from tests.devices.watching import LONG, SIZE, Reader

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = Path("/dev/video42")

if "MATTECAM_DEVICES" not in os.environ:
    collect_ignore_glob = ["test_*.py"]

_PATTERN, _TEXT = "Test Pattern", "OSD Text Mode"
_PATTERNS = {"red": 7, "black": 5}  # as vivid's menu has them


@pytest.fixture
def camera() -> Iterator[Path]:
    """vivid's camera: red all over, but for a clock in its upper left corner."""
    kernel.load("vivid", n_devs=1, node_types="0x1")
    (device,) = kernel.nodes(kernel.CAMERA)
    show(device, "red")
    yield device
    kernel.unload("vivid")


def show(device: Path, pattern: str, *, clock: bool = True) -> None:
    """clock: whether the time is written into the picture, without which it stands still."""
    kernel.set_control(device, _PATTERN, _PATTERNS[pattern])
    kernel.set_control(device, _TEXT, 0 if clock else 2)


@pytest.fixture
def loopback() -> Iterator[Path]:
    """An empty v4l2loopback device, as call programs need it."""
    kernel.load("v4l2loopback", exclusive_caps=1, card_label="Mattecam", video_nr=42)
    yield LOOPBACK
    kernel.unload("v4l2loopback")


@pytest.fixture
def read_device() -> Iterator[Callable[..., Reader]]:
    """Starts readers, and ends them."""
    made: list[Reader] = []

    def read(device: Path, size: tuple[int, int] = SIZE, *options: str) -> Reader:
        made.append(Reader(device, size, *options))
        return made[-1]

    yield read
    for reader in made:
        reader.close()


def run_program(*command: str, user: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs it to its end. user: "nobody" has no rights at the devices, and a folder of its own."""
    environment = dict(os.environ)
    line = list(command)
    if user is not None:
        home = f"/tmp/{user}"
        environment.update(HOME=home, MATTECAM_CACHE=f"{home}/cache", MATTECAM_CONFIG=home)
        if not Path(home).exists():
            Path(home).mkdir()
            shutil.chown(home, user)
        line = ["setpriv", f"--reuid={user}", "--clear-groups", *line]
    return subprocess.run(
        line,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * LONG,
        check=False,
    )


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What failed is told at once: the machine may be stopped before the end."""
    if report.failed:
        sys.stderr.write(f"\n{report.longreprtext}\n")
