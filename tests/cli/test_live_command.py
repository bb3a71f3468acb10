"""`live`, as a user calls it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app.cli import live, main
from app.errors import SourceLost
from app.outputs.live_memory import LiveNull as Null
from app.sources.live_file import Demo

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "person.png"
    cv2.imwrite(str(path), np.full((72, 128, 3), 90, np.uint8))
    return str(path)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Each run of the command, newest last: `over` ends it."""
    made: list[Any] = []
    begin = live._Run.__init__

    def begun(self: Any) -> None:
        begin(self)
        made.append(self)

    monkeypatch.setattr(live._Run, "__init__", begun)
    return made


@pytest.fixture
def ends_after_pictures(runs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends when the null output has got ten of them, however long that takes."""
    write = Null.write
    written: list[float] = []

    def counted(self: Null, picture: Any, captured_at: float) -> None:
        write(self, picture, captured_at)
        written.append(captured_at)
        if len(written) >= 10:
            runs[-1].over.set()

    monkeypatch.setattr(Null, "write", counted)


def run(*arguments: str) -> int:
    return main(["live", "--engine", "null", *arguments])


def test_with_json_one_object_tells_what_ran(
    picture: str, capsys: pytest.CaptureFixture[str], ends_after_pictures: None
) -> None:
    code = run("--source", picture, "--output", "null", "--output", "memory", "--json")
    out, err = capsys.readouterr()
    assert code == 0, err
    (line,) = out.splitlines()
    told: dict[str, Any] = json.loads(line)
    assert told["fps_in"] > 0
    assert told["fps_out"] > 0
    assert told["fps_resent"] == 0
    assert set(told["latency_ms"]) == {"p50", "p95"}
    assert told["latency_ms"]["p50"] > 0
    assert told["engine"] == "null"
    assert told["device"] == "none"
    assert told["network_size"] == "512x288"
    assert told["memory_mb"] > 10
    assert isinstance(told["dropped"], dict)
    assert told["outputs"]["memory"]["frames_out"] > 0
    assert told["frame_size"] == [128, 72]


def test_without_json_one_line_says_how_it_went(
    picture: str, capsys: pytest.CaptureFixture[str], ends_after_pictures: None
) -> None:
    assert run("--source", picture, "--output", "null") == 0
    out = capsys.readouterr().out
    assert "fps" in out
    assert "null on none" in out


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("--source", "demo", "--output", "teleporter"), 2, "teleporter"),
        (("--source", "demo", "--output", "null", "--background", "sunset"), 2, "sunset"),
        (("--source", "demo", "--output", "null", "--output-size", "big"), 2, "--output-size"),
        (("--source", "demo", "--output", "null", "--output-size", "3x3"), 2, "output_size"),
        (("--source", "none.mp4", "--output", "null"), 1, "none.mp4"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, named: str
) -> None:
    assert run(*arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert named in err
    assert "Traceback" not in err


def test_weights_that_are_missing_end_the_run(
    tmp_path: Path, picture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.ckpt")
    code = main(["live", "--source", picture, "--output", "null", "--weights", missing])
    assert code == 1
    assert "none.ckpt" in capsys.readouterr().err


def test_a_camera_that_never_came_is_no_success(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Demo) -> None:
        raise SourceLost("It is not plugged in.")

    failed = live._Run.failed

    def failed_and_over(self: Any, *told: Any) -> None:
        failed(self, *told)
        self.over.set()

    monkeypatch.setattr(Demo, "open", fail)
    monkeypatch.setattr(live._Run, "failed", failed_and_over)
    assert run("--source", "demo", "--output", "null", "--json") == 1
    out, err = capsys.readouterr()
    assert err.count("It is not plugged in.") == 1
    assert json.loads(out)["fps_in"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_told_to_end_is_a_success(picture: str, number: signal.Signals) -> None:
    # That the background is gone is said on stderr as soon as the pipeline runs.
    background = str(Path(picture).with_name("gone.png"))
    command = [sys.executable, "main.py", "live", "--engine", "null", "--source", picture]
    command += ["--output", "null", "--background", f"image:{background}", "--json"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stderr is not None
        assert "gone.png" in process.stderr.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["settings"]["source"] == picture
    assert "Traceback" not in err


def test_a_background_that_cannot_be_opened_is_told_and_the_room_is_blurred(
    picture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone.jpg"
    arguments = ("--source", picture, "--output", "null", "--seconds", "0.5")
    assert run(*arguments, "--background", f"image:{gone}") == 0
    said = capsys.readouterr().err
    assert "gone.jpg" in said
    assert "Your room is blurred" in said
