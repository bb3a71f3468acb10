"""`live`, as a user calls it."""

import _thread
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np
import pytest

from app.cli import live, main
from app.engines.null import NullEngine
from app.errors import SourceLost
from app.frames import Composite
from app.live import LivePipeline
from app.sources.live_file import Demo

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "person.png"
    cv2.imwrite(str(path), np.full((72, 128, 3), 90, np.uint8))
    return str(path)


def run(*arguments: str) -> int:
    return main(["live", "--engine", "null", *arguments])


@pytest.fixture
def ended_by_the_user(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ctrl-C after some pictures, however long they take to come."""
    start = LivePipeline.start
    # Whoever runs the tests in the background has SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start_and_count(pipeline: LivePipeline) -> None:
        shown = count(1)

        def tap(composite: Composite) -> None:
            if next(shown) == 20:
                _thread.interrupt_main()

        pipeline.add_tap(tap)
        start(pipeline)

    monkeypatch.setattr(LivePipeline, "start", start_and_count)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ended_by_the_user")
def test_with_json_one_object_tells_what_ran(
    picture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("--source", picture, "--output", "null", "--output", "memory", "--json")
    out, err = capsys.readouterr()
    assert code == 0, err
    (line,) = out.splitlines()
    told: dict[str, Any] = json.loads(line)
    assert told["fps_in"] > 0
    assert told["fps_out"] > 0
    assert set(told["latency_ms"]) == {"p50", "p95"}
    assert told["latency_ms"]["p50"] > 0
    assert told["engine"] == "null"
    assert told["device"] == "none"
    assert told["network_size"] == "512x288"
    assert told["memory_mb"] > 10
    assert isinstance(told["dropped"], dict)
    assert told["outputs"]["memory"]["frames_out"] > 0
    assert told["frame_size"] == [128, 72]


@pytest.mark.usefixtures("ended_by_the_user")
def test_without_json_one_line_says_how_it_went(
    picture: str, capsys: pytest.CaptureFixture[str]
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

    def failed_and_over(self: live._Run, *told: Any) -> None:
        failed(self, *told)
        self.over.set()

    monkeypatch.setattr(Demo, "open", fail)
    monkeypatch.setattr(live._Run, "failed", failed_and_over)
    assert run("--source", "demo", "--output", "null", "--json") == 1
    out, err = capsys.readouterr()
    assert err.count("It is not plugged in.") == 1
    assert json.loads(out)["fps_in"] == 0


def test_a_run_that_showed_nothing_in_its_time_is_no_success(
    picture: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NullEngine, "submit", lambda engine, frame: None)
    code = run("--source", picture, "--output", "null", "--seconds", "0.3")
    err = " ".join(capsys.readouterr().err.split())
    assert code == 1
    assert "Not one picture was shown" in err
    assert "Give it more --seconds." in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_being_told_to_end_is_a_success(picture: str, tmp_path: Path, number: int) -> None:
    clip = tmp_path / "a.mkv"
    command = [sys.executable, "main.py", "live", "--engine", "null", "--source", picture]
    command += ["--output", "null", "--json", "--record", str(clip), "--microphone", "off"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        patience = Event()
        while process.poll() is None and not (clip.exists() and clip.stat().st_size > 2000):
            patience.wait(0.05)  # another process's file: there is nothing to be woken by
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert told["settings"]["source"] == picture
    assert told["recording"]["files"][0]["problem"] is None
    assert "Traceback" not in err


@pytest.mark.usefixtures("ended_by_the_user")
def test_a_background_that_cannot_be_opened_is_told_and_the_room_is_blurred(
    picture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone.jpg"
    arguments = ("--source", picture, "--output", "null")
    assert run(*arguments, "--background", f"image:{gone}") == 0
    said = capsys.readouterr().err
    assert "gone.jpg" in said
    assert "Your room is blurred" in said
