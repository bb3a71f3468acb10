"""`live --record`, as a user calls it."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from app.cli import main
from app.cli.record_options import parse_limit
from app.errors import UsageError

QUICK = ("--engine", "null", "--source", "demo", "--background", "color", "--temporal", "off")


def run(path: Path, *arguments: str) -> int:
    given = ["live", *QUICK, "--output", "null", "--microphone", "off", "--seconds", "60"]
    over = threading.Event()

    def interrupt() -> None:
        """Ctrl-C, as soon as something is recorded."""
        while not over.wait(0.02):
            if path.name != "there.mp4" and path.exists() and path.stat().st_size:
                os.kill(os.getpid(), signal.SIGINT)
                return

    user = threading.Thread(target=interrupt)
    user.start()
    try:
        return main([*given, "--record", str(path), *arguments])
    finally:
        over.set()
        user.join()


def test_the_report_says_what_was_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.mp4"
    code = run(path, "--record-what", "composite", "--record-what", "matte", "--json")
    out, err = capsys.readouterr()
    assert code == 0, err
    told = json.loads(out)["recording"]
    assert [file["what"] for file in told["files"]] == ["composite", "matte"]
    assert [file["path"] for file in told["files"]] == [str(path), str(tmp_path / "a-matte.mp4")]
    for file in told["files"]:
        assert file["frames"] > 0
        assert file["dropped"] >= 0
        assert file["problem"] is None
        assert Path(file["path"]).stat().st_size == file["bytes"]


def test_without_json_a_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "a.mkv") == 0
    assert "a.mkv: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "arguments", "code", "named"),
    [
        ("a.avi", (), 2, ".mkv"),
        ("there.mp4", (), 1, "there already"),
        ("a.mp4", ("--record-what", "foreground"), 2, "transparent"),
        ("a.mp4", ("--record-what", "everything"), 2, "matte"),
        ("a.mp4", ("--record-quality", "superb"), 2, "small"),
        ("a.mp4", ("--record-limit", "soon"), 2, "10min"),
    ],
)
def test_what_cannot_be_recorded_is_refused_at_once(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    arguments: tuple[str, ...],
    code: int,
    named: str,
) -> None:
    (tmp_path / "there.mp4").write_bytes(b"mine")
    assert run(tmp_path / name, *arguments) == code
    assert named in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["there.mp4"]


def test_a_limit_is_a_time_or_a_size() -> None:
    assert parse_limit(None) == (None, None)
    assert parse_limit("90s") == (90, None)
    assert parse_limit("1.5min") == (90, None)
    assert parse_limit("2GB") == (None, 2000)
    for wrong in ("0s", "-1s", "5", "s", "1e3MB"):
        with pytest.raises(UsageError):
            parse_limit(wrong)
