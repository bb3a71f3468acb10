"""A user's copy of the program, with the files that the documents' command lines name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.bare_environment import ROOT, user_environment

# Runs one command line after the other in one process, for most of a short command is its start.
# A live run is ended by Ctrl-C after some pictures, however long they take to come.
_DRIVER = """
import _thread, contextlib, io, itertools, json, os, runpy, signal, sys
sys.path.insert(0, os.getcwd())
from app.cli import main
from app.live import LivePipeline
signal.signal(signal.SIGINT, signal.default_int_handler)
start = LivePipeline.start
def start_and_count(pipeline):
    shown = itertools.count(1)
    pipeline.add_tap(lambda composite: next(shown) == 40 and _thread.interrupt_main())
    start(pipeline)
LivePipeline.start = start_and_count
for line in sys.stdin:
    words = json.loads(line)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            if words[0] == "main.py":
                code = main(words[1:])
            else:
                sys.argv = words
                runpy.run_path(words[0], run_name="__main__")
                code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) or stop.code is None else 1
    told = {"code": code or 0, "out": out.getvalue(), "err": err.getvalue()}
    print(json.dumps(told), flush=True)
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Place:
    """A folder with the program, its weights and inputs, where its own Python runs lines."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder / "mattecam"
        self.environment = {**user_environment(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
        self.python = python
        self._driver: subprocess.Popen[str] | None = None
        _copy_program(self.folder)
        _make_inputs(self.folder)

    def run(self, words: list[str]) -> Done:
        """words: without the Python, as in ["main.py", "devices"]."""
        if self._driver is None:
            self._driver = subprocess.Popen(
                [self.python, "-W", "ignore", "-c", _DRIVER],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        driver = self._driver
        assert driver.stdin is not None
        assert driver.stdout is not None
        driver.stdin.write(json.dumps(words) + "\n")
        driver.stdin.flush()
        answer = driver.stdout.readline()
        assert answer, f"{words} ended the process: {driver.wait()}"
        told: dict[str, Any] = json.loads(answer)
        return Done(**told)

    def close(self) -> None:
        if self._driver is not None:
            assert self._driver.stdin is not None
            self._driver.stdin.close()
            self._driver.wait()
            assert self._driver.stdout is not None
            self._driver.stdout.close()


def _copy_program(folder: Path) -> None:
    """As `git clone` and `make run` leave it; what is large is linked."""
    folder.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("app", "scripts", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("main.py", "README.md", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "assets").symlink_to(ROOT / "assets")
    (folder / "weights").mkdir()
    for file in (ROOT / "weights").iterdir():
        if file.is_file():
            _link(file, folder / "weights" / file.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy(source, target)


def _make_inputs(folder: Path) -> None:
    people = _demo_frames(24)
    write_clip(folder / "talk.mp4", people[:12])
    write_clip(folder / "me.mp4", people)
    write_clip(folder / "waves.mp4", [np.roll(people[0], 8 * shift, 1) for shift in range(8)])
    Image.fromarray(people[0]).save(folder / "me.jpg")
    Image.fromarray(people[0][::-1]).save(folder / "beach.jpg")
    alpha = np.zeros(people[0].shape[:2], np.uint8)
    alpha[40:, 100:220] = 255
    for name, count in (("frames", 20), ("FOLDER", 2)):
        (folder / name).mkdir()
        for index, rgb in enumerate(people[:count]):
            Image.fromarray(rgb).save(folder / name / f"{index}.png")
    for name in ("people", "rooms", "DIR/image", "DIR/alpha", "CLIPS/one/com", "CLIPS/one/pha"):
        (folder / name).mkdir(parents=True)
    for index, rgb in enumerate(people[:6]):
        Image.fromarray(rgb).save(folder / f"CLIPS/one/com/{index}.png")
        Image.fromarray(alpha).save(folder / f"CLIPS/one/pha/{index}.png")
    Image.fromarray(people[0]).save(folder / "DIR/image/a.png")
    Image.fromarray(alpha).save(folder / "DIR/alpha/a.png")
    Image.fromarray(np.dstack([people[0], alpha])).save(folder / "people/a.png")
    Image.fromarray(people[0][::-1]).save(folder / "rooms/a.png")
    own = ROOT / "weights" / "mattecam-webcam.safetensors"
    _link(own, folder / "FILE.safetensors")
    _link(own, folder / "weights" / "me.safetensors")
    (folder / "CONFIG.toml").write_text(
        'out = "output/finetune"\nsteps = 2\nbatch = 1\nsizes = [[96, 64]]\n'
        'precision = "float32"\ntensorboard = false\nheads = 0\n'
        '[supervised]\ncutouts = ["people"]\nrooms = ["rooms"]\n'
    )


def _demo_frames(count: int) -> list[npt.NDArray[np.uint8]]:
    with av.open(str(ROOT / "assets" / "demo.mp4")) as container:
        frames = zip(container.decode(video=0), range(count), strict=False)
        return [frame.to_ndarray(format="rgb24")[::4, ::4] for frame, _ in frames]


def write_clip(path: Path, frames: list[npt.NDArray[np.uint8]]) -> None:
    """25 frames a second, uint8 RGB, with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        for index, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        tone = np.sin(np.arange(48_000 * len(frames) // 25) / 20, dtype=np.float32)[None]
        track = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        track.sample_rate, track.pts = 48_000, 0
        container.mux(sound.encode(track))
        container.mux(sound.encode(None))
