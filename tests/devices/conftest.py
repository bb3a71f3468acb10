"""The devices of the virtual machine. Nothing here runs outside it: see `make soak-devices`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.devices import kernel
from tests.devices.kernel import Producer
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
    """clock: whether a line tells the time in the picture, without which it stands still."""
    kernel.set_control(device, _PATTERN, _PATTERNS[pattern])
    kernel.set_control(device, _TEXT, 1 if clock else 2)


@pytest.fixture
def load_loopback() -> Iterator[Callable[..., None]]:
    """Loads v4l2loopback with parameters; it is unloaded in the end."""
    yield lambda **parameters: kernel.load("v4l2loopback", **parameters)
    kernel.unload("v4l2loopback")


@pytest.fixture
def loopback(load_loopback: Callable[..., None]) -> Path:
    """An empty v4l2loopback device, as call programs need it."""
    load_loopback(exclusive_caps=1, card_label="Mattecam", video_nr=42)
    return LOOPBACK


@pytest.fixture
def produce(load_loopback: Callable[..., None]) -> Iterator[Callable[..., Producer]]:
    """Starts other programs that write to a device, and ends them."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Producer(*arguments))


@pytest.fixture
def read_device(load_loopback: Callable[..., None]) -> Iterator[Callable[..., Reader]]:
    """Starts readers, and ends them."""
    with contextlib.ExitStack() as stack:

        def read(device: Path, size: tuple[int, int] = SIZE, *options: str) -> Reader:
            reader = Reader(device, size, *options)
            stack.callback(reader.close)
            return reader

        yield read


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
