"""What is recorded to learn from is private, and gone however the window ends: real processes."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONG = 120  # seconds that nothing here should ever take

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and rights of Linux")

Start = Callable[[str], tuple["subprocess.Popen[str]", Path]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "temporary").mkdir()
    return {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temporary"),
        "MATTECAM_CONFIG": str(tmp_path / "home" / "config"),
        "MATTECAM_CACHE": str(tmp_path / "home" / "cache"),
        "QT_QPA_PLATFORM": "offscreen",
    }


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    """Starts a window and waits until it records, or learns; gives the folder of the recording."""
    started: list[subprocess.Popen[str]] = []

    def go(until: str) -> tuple[subprocess.Popen[str], Path]:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/gui/adapt_until_told.py"), until],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            umask=0,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the window ended before it recorded anything"
        return process, Path(json.loads(line)["folder"])

    yield go
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def left(environment: dict[str, str]) -> list[str]:
    return [path.name for path in Path(environment["TMPDIR"]).glob("mattecam-*")]


@pytest.mark.parametrize("until", ["recording", "learning"])
@pytest.mark.parametrize("end", ["close", "SIGINT", "SIGTERM"])
def test_it_is_gone_when_the_window_ends(
    start: Start, environment: dict[str, str], until: str, end: str
) -> None:
    process, folder = start(until)
    assert folder.is_dir()
    if end == "close":
        assert process.stdin is not None
        process.stdin.write("close\n")
        process.stdin.flush()
    else:
        process.send_signal(getattr(signal, end))
    assert process.wait(LONG) == 0
    assert left(environment) == []


@pytest.mark.parametrize("until", ["recording", "learning"])
def test_after_a_kill_it_is_private_and_gone_with_the_next_start(
    start: Start, environment: dict[str, str], until: str
) -> None:
    process, folder = start(until)
    process.kill()
    process.wait(LONG)
    assert left(environment) == [folder.name]
    rights = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert len(rights) > 2
    assert {mode for path, mode in rights.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in rights.items() if path.is_file()} == {0o600}
    again = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), "--version"],
        env=environment,
        check=False,
        capture_output=True,
    )
    assert again.returncode == 0, again.stderr
    assert left(environment) == []


def test_the_settings_of_that_window_are_private(start: Start, environment: dict[str, str]) -> None:
    process, _ = start("recording")
    process.terminate()
    assert process.wait(LONG) == 0
    config = Path(environment["MATTECAM_CONFIG"])
    files = [path for path in config.rglob("*") if path.is_file()]
    assert {"live.json", "window.json", "mattecam.log"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    folders = [config, *(path for path in config.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
