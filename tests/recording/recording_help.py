"""Composites with a moving edge at chosen moments, and a sound with a click at a chosen moment."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.frames import Composite, Cutout, Frame
from app.recording.plan import Plan, files_for
from app.recording.recorder import Figures, Recorder
from app.sound.base import PCM, RATE
from app.views import View

SIZE = (160, 96)
LONG = 120.0  # seconds that nothing here should ever take


def composite(
    number: int,
    captured_at: float,
    *,
    size: tuple[int, int] = SIZE,
    rgb: Sequence[int] | None = (30, 160, 60),
) -> Composite:
    """A grey person whose left edge stands at column 4 * `number`, before one colour."""
    width, height = size
    alpha = np.zeros((height, width), np.uint8)
    edge = 4 * number % width
    alpha[:, edge:] = 255
    alpha[: height // 4] //= 2
    person = np.full((height, width, 3), 200, np.uint8)
    behind = None
    if rgb is not None:
        behind = np.where(alpha[:, :, None] > 0, person, np.array(rgb, np.uint8))
    return Composite(Cutout(Frame(person // 2, number, captured_at), alpha, person), behind)


class Script:
    """A clock that a test moves, and the pictures of a camera on it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now


class Click:
    """Sound with one click of 5 ms at `moment`, and silence around it."""

    channels = 1
    description = "a click"
    problem: str | None = None
    late = 0.0

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.available = float("inf")

    def wait(self, moment: float, timeout: float) -> None: ...

    def read(self, moment: float, samples: int) -> PCM:
        times = moment + np.arange(samples) / RATE
        loud = (times >= self.moment) & (times < self.moment + 0.005)
        tone = 20_000 * np.sin(2 * np.pi * 2000 * times)
        return np.where(loud, tone, 0).astype(np.int16)[:, None]


def record(
    path: Path,
    *,
    views: Sequence[View] = (View.COMPOSITE,),
    moments: Sequence[float],
    sound: Any = None,
    make: Callable[..., Composite] = composite,
    **plan: Any,
) -> Figures:
    """Records a composite for each of `moments` (seconds after the start); waits for the end."""
    script = Script()
    began = script.now
    recorder = Recorder(
        Plan(files_for(path, views), **{"encoder": "libx264", **plan}),
        sound=sound,
        clock=script.clock,
    )
    recorder.start()
    for number, moment in enumerate(moments):
        recorder.put(make(number, began + moment))
        script.now = began + moment
        until = time.monotonic() + LONG
        while _waiting(recorder) > 4 and time.monotonic() < until:
            time.sleep(0.001)  # a camera gives the encoder its time, too
    script.now += 1 / 30
    return recorder.stop(LONG)


def _waiting(recorder: Recorder) -> int:
    stages = [file.stage for file in recorder._files.values() if file.stage is not None]
    return max((len(stage.inbox) for stage in stages), default=0)


def probe(path: Path) -> dict[str, Any]:
    """What ffprobe says of it: a program that is not ours."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    done = subprocess.run(
        [
            "ffprobe",
            *("-v", "error", "-show_streams", "-show_format", "-of", "json"),
            *("-show_entries", "packet=pts_time,stream_index"),
            str(path),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def video_times(told: dict[str, Any]) -> list[float]:
    video = next(s["index"] for s in told["streams"] if s["codec_type"] == "video")
    return sorted(float(p["pts_time"]) for p in told["packets"] if p["stream_index"] == video)


def pictures_of(
    path: Path, pixels: str, size: tuple[int, int] = SIZE, *decoder: str
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Every picture as ffmpeg decodes it: uint8 (frames, H, W[, channels])."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    done = subprocess.run(
        [
            *("ffmpeg", "-v", "error", *decoder, "-i", str(path), "-vsync", "passthrough"),
            *("-f", "rawvideo", "-pix_fmt", pixels, "-"),
        ],
        capture_output=True,
        check=True,
        timeout=60,
    )
    channels = {"gray": 1, "rgb24": 3, "rgba": 4}[pixels]
    raw = np.frombuffer(done.stdout, np.uint8).reshape(-1, size[1], size[0], channels)
    return raw[..., 0] if channels == 1 else raw


def sound_of(path: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The samples as a player plays them from second 0 on: int16 (n,)."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    done = subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-i", str(path)),
            *("-af", "aresample=async=1:first_pts=0"),
            *("-f", "s16le", "-ac", "1", "-ar", str(RATE), "-"),
        ],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return np.frombuffer(done.stdout, np.int16)


def every(rate: float, seconds: float) -> list[float]:
    return [float(Fraction(n) / Fraction(rate)) for n in range(round(seconds * rate))]
