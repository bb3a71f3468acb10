"""What becomes of standard output and error, with real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bare_environment import ROOT, user_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these are a POSIX shell's lines")

BUFFERED = pytest.mark.parametrize("unbuffered", ["", "1"])


def shell(line: str, home: Path, unbuffered: str = "") -> subprocess.CompletedProcess[str]:
    """line: $M is the program."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; M='{sys.executable} main.py'; {line}"],
        cwd=ROOT,
        env={**user_environment(home), "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@BUFFERED
@pytest.mark.parametrize("words", ["weights list", "weights list --json", "--help"])
def test_a_reader_that_goes_away_ends_it_quietly(
    tmp_path: Path, words: str, unbuffered: str
) -> None:
    """`true` reads nothing; its end of the pipe is closed before anything is written."""
    done = shell(f"(sleep 0.01; $M {words}) | true", tmp_path, unbuffered)
    assert (done.returncode, done.stderr) == (1, "")


@BUFFERED
@pytest.mark.parametrize("words", ["weights list", "weights list --json", "--help", "--version"])
def test_a_full_disk_is_told(tmp_path: Path, words: str, unbuffered: str) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    done = shell(f"$M {words} > /dev/full", tmp_path, unbuffered)
    assert done.returncode == 1
    assert done.stderr.startswith("The standard output cannot be written: ")
    assert len(done.stderr.splitlines()) == 1


@BUFFERED
@pytest.mark.parametrize("closed", [">&-", "<&-", ">&- 2>&- <&-", "2>&-"])
def test_closed_streams_do_no_harm(tmp_path: Path, closed: str, unbuffered: str) -> None:
    out = tmp_path / "out.mp4"
    line = f"$M convert demo -o {out} --engine null --show original --json {closed}"
    done = shell(line, tmp_path / "home", unbuffered)
    assert done.returncode == 0, done.stderr
    import av

    with av.open(str(out)) as clip:
        assert clip.streams.video[0].frames == 240
    if ">&-" not in closed:
        assert json.loads(done.stdout)["frames_out"] == 240


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2> >(true)"])
def test_what_cannot_be_said_on_stderr_changes_no_exit_code(tmp_path: Path, where: str) -> None:
    done = shell(f"$M convert nowhere.mp4 -o {tmp_path}/out.mp4 {where}", tmp_path / "home")
    assert (done.returncode, done.stdout) == (1, "")
    done = shell(f"$M nonsense {where}", tmp_path / "home")
    assert (done.returncode, done.stdout) == (2, "")


def test_warnings_leave_the_json_alone(tmp_path: Path) -> None:
    """The background is not there: that is said while it goes on, and stdout stays one line."""
    line = (
        "$M live --source demo --output null --engine null --seconds 1.5 --json "
        f"--background image:{tmp_path}/gone.png"
    )
    done = shell(line, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "gone.png" in done.stderr
    assert json.loads(done.stdout)["outputs"]
