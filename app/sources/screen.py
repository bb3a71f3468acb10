"""The screen as a source: a slide, a browser, a call that is watched. Taken by python-mss."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from app.errors import InputError, SourceLost
from app.frames import Frame
from app.pool import PicturePool
from app.registry import option
from app.sources.live_base import LiveSource, Silence, live_sources


def _remedy() -> str:
    """What to do where the system refuses the screen."""
    if sys.platform == "darwin":
        return (
            "Allow it in System Settings, Privacy & Security, Screen Recording; then start this "
            "program again."
        )
    if sys.platform == "win32":
        return "Sign in at this computer itself, and unlock it."
    if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("XDG_SESSION_TYPE") == "wayland":
        return "Under Wayland choose a session with Xorg, or let OBS share the screen as a camera."
    return "It needs a session with Xorg on this computer; choose a camera or a file otherwise."


class Shot(Protocol):
    """What a grab gives: rows of blue, green, red and one byte without meaning."""

    @property
    def bgra(self) -> bytes: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


class Grabber(Protocol):
    """mss.MSS: `monitors[0]` is all of them together, the others are one each."""

    @property
    def monitors(self) -> Sequence[dict[str, Any]]: ...

    def grab(self, monitor: dict[str, Any], /) -> Shot: ...

    def close(self) -> None: ...


def _open_with_mss() -> Grabber:
    from mss import MSS

    grabber: Grabber = MSS()
    return grabber


@live_sources.register("screen", title="Screen")
class Screen(LiveSource):
    """One monitor, or all of them as one picture."""

    silence = Silence(
        "The screen has given no picture for some seconds.",
        "It may be locked or asleep: wake it, or choose it again.",
    )

    @dataclass(frozen=True)
    class Options:
        monitor: int = option(
            1, "Monitor", "Counted from 1; 0 is all of them as one picture", minimum=0, maximum=16
        )
        fps: float = option(
            30.0,
            "Pictures a second",
            "How often the screen is looked at; each time costs some milliseconds",
            minimum=1,
            maximum=120,
        )

    def __init__(
        self, options: Options, *, open_grabber: Callable[[], Grabber] = _open_with_mss
    ) -> None:
        self._options = options
        self._open_grabber = open_grabber
        self._grabber: Grabber | None = None
        self._area: dict[str, Any] = {}
        self._pool = PicturePool()
        self._changed = threading.Condition()
        self._interrupted = False
        self._index = 0
        self._due = 0.0

    @property
    def description(self) -> str:
        name = f"screen {self._options.monitor}" if self._options.monitor else "all screens"
        if not self._area:
            return name
        size = f"{self._area['width']}x{self._area['height']}"
        return f"{name}, {size}, {self._options.fps:.4g} fps"

    @property
    def rate(self) -> float:
        return self._options.fps

    def open(self) -> None:
        self.close()
        with self._changed:
            self._interrupted = False
        try:
            self._grabber = self._open_grabber()
            monitors = self._grabber.monitors
        except Exception as error:  # a library over three systems: it raises what it likes
            raise InputError(f"The screen cannot be taken here ({error}). {_remedy()}") from error
        if self._options.monitor >= len(monitors):
            raise InputError(
                f"There is no monitor {self._options.monitor}; choose one from 0 to "
                f"{len(monitors) - 1}."
            )
        self._area = monitors[self._options.monitor]
        self._index = 0
        self._due = time.monotonic()

    def read(self) -> Frame | None:
        if self._grabber is None:
            raise RuntimeError("read() was called before open()")
        with self._changed:
            wait = self._due - time.monotonic()
            self._changed.wait_for(lambda: self._interrupted, max(0.0, wait))
            if self._interrupted:
                return None
        now = time.monotonic()
        try:
            shot = self._grabber.grab(self._area)
        except Exception as error:
            raise SourceLost(
                f"The screen gives no picture any more ({error}); wake or unlock it, or switch its "
                "monitor on again."
            ) from error
        # What is late is not made up for: a slow grab must not become a burst.
        self._due = max(self._due + 1 / self._options.fps, now)
        size = (shot.width, shot.height)
        rgb = self._pool.rgb(size)
        raw = np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4)
        cv2.cvtColor(raw, cv2.COLOR_BGRA2RGB, dst=rgb)
        frame = Frame(rgb, self._index, now)
        self._index += 1
        return frame

    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def close(self) -> None:
        grabber, self._grabber, self._area = self._grabber, None, {}
        if grabber is not None:
            grabber.close()
