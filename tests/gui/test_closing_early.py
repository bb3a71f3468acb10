"""The window is closed in the first start of all, while the weights are converted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
LONG = 120.0


def converter_of(process: psutil.Process) -> psutil.Process:
    """The child that converts the weights, waiting for it."""
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        for child in process.children():
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                if "spawn_main" in " ".join(child.cmdline()):
                    return child
        time.sleep(0.02)  # there is nothing to be woken by
    raise AssertionError("the weights are not converted")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_the_process_is_gone_without_waiting_for_the_conversion(tmp_path: Path) -> None:
    places = {"MATTECAM_CACHE": str(tmp_path / "cache"), "MATTECAM_CONFIG": str(tmp_path / "own")}
    with subprocess.Popen(
        [sys.executable, "main.py", "gui"],
        cwd=ROOT,
        env={**os.environ, **places, "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            converter = converter_of(psutil.Process(process.pid))
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=LONG)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert psutil.wait_procs([converter], LONG)[1] == []
    assert not list((tmp_path / "cache").rglob("*.network"))
    assert not list((tmp_path / "cache").rglob(".converting-*"))
