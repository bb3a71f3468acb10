"""The screen as a camera: scripted here, and real where a display can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from app.errors import InputError, SourceLost
from app.sources.live_base import create_live_source
from app.sources.screen import Screen


@dataclass
class Shot:
    bgra: bytes
    width: int
    height: int


class Grabber:
    def __init__(self) -> None:
        self.monitors = [
            {"left": 0, "top": 0, "width": 12, "height": 4},
            {"left": 0, "top": 0, "width": 8, "height": 4},
        ]
        self.closed = 0
        self.fails: Exception | None = None

    def grab(self, monitor: Any, /) -> Shot:
        if self.fails is not None:
            raise self.fails
        pixels = np.zeros((monitor["height"], monitor["width"], 4), np.uint8)
        pixels[...] = (10, 20, 200, 0)  # blue, green, red
        return Shot(pixels.tobytes(), monitor["width"], monitor["height"])

    def close(self) -> None:
        self.closed += 1


def screen(grabber: Grabber, **options: Any) -> Screen:
    return Screen(Screen.Options(**{"fps": 120.0, **options}), open_grabber=lambda: grabber)


def test_frames_are_rgb_and_their_times_grow() -> None:
    source = screen(Grabber())
    source.open()
    frames = [source.read() for _ in range(3)]
    source.close()
    assert [frame.index for frame in frames if frame] == [0, 1, 2]
    assert all(frame is not None and frame.size == (8, 4) for frame in frames)
    assert all((frame.rgb == (200, 20, 10)).all() for frame in frames if frame)
    times = [frame.captured_at for frame in frames if frame]
    assert times == sorted(set(times))


def test_all_monitors_make_one_picture() -> None:
    source = screen(Grabber(), monitor=0)
    source.open()
    frame = source.read()
    assert frame is not None
    assert frame.size == (12, 4)
    assert source.description == "all screens, 12x4, 120 fps"


def test_a_monitor_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no monitor 2; choose one from 0 to 1"):
        screen(Grabber(), monitor=2).open()


@pytest.mark.parametrize(
    ("system", "wayland", "said"),
    [
        ("linux", True, "Under Wayland choose a session with Xorg"),
        ("linux", False, "a session with Xorg on this computer; choose a camera"),
        ("darwin", False, "Screen Recording"),
        ("win32", False, "unlock it"),
    ],
)
def test_a_screen_that_is_refused_says_so_in_the_systems_words(
    monkeypatch: pytest.MonkeyPatch, system: str, wayland: bool, said: str
) -> None:
    def refuse() -> Grabber:
        raise OSError("Unable to open display")

    monkeypatch.setattr("sys.platform", system)
    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if wayland:
        monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    source = Screen(Screen.Options(), open_grabber=refuse)
    with pytest.raises(InputError, match=f"cannot be taken here.*{said}"):
        source.open()


def test_a_display_that_goes_away_is_lost_for_now() -> None:
    grabber = Grabber()
    source = screen(grabber)
    source.open()
    grabber.fails = RuntimeError("XGetImage() failed")
    with pytest.raises(SourceLost, match="any more"):
        source.read()


def test_interrupting_ends_a_wait() -> None:
    source = screen(Grabber(), fps=1.0)
    source.open()
    source.read()
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.append(source.read()))
    reader.start()
    source.interrupt()
    reader.join(120)
    assert got == [None]


def test_closing_gives_the_display_back_and_it_may_be_opened_again() -> None:
    grabber = Grabber()
    source = screen(grabber)
    source.open()
    source.close()
    source.close()
    assert grabber.closed == 1
    source.open()
    assert source.read() is not None


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no Xvfb here (apt-get install xvfb)")
    ours, theirs = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "320x200x24"],
        pass_fds=(theirs,),
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    try:
        with os.fdopen(ours) as number:
            monkeypatch.setenv("DISPLAY", f":{number.readline().strip()}")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        yield
    finally:
        server.terminate()
        server.wait(120)


@pytest.mark.usefixtures("display")
def test_a_real_screen_is_read() -> None:
    source = create_live_source("screen:1,fps=60")
    source.open()
    try:
        frame = source.read()
        assert frame is not None
        assert frame.size == (320, 200)
        assert source.description == "screen 1, 320x200, 60 fps"
    finally:
        source.close()
