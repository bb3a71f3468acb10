"""A clip from a file, over and over."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.backgrounds.base import Background, backgrounds
from app.backgrounds.fit import FILL_TOOLTIP, FIT_TOOLTIP, Fill, Fit, fit_picture
from app.errors import InputError
from app.frames import RGB, Cutout, Frame
from app.registry import REQUIRED, option
from app.sources.pictures import looks_like_picture
from app.sources.pipe import pipe_at

if TYPE_CHECKING:
    from app.sources.base import Source

_log = logging.getLogger(__name__)

SUFFIXES = frozenset(
    (
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".wmv",
        ".ogv",
        ".gif",
        ".apng",
    )
)
# Containers round their times, to milliseconds often: a frame this close ahead, in seconds, is due.
_TOLERANCE = 2e-3


@backgrounds.register("video", title="Video")
class Video(Background):
    """A clip from a file, looped, in time with the person's own frames."""

    @dataclass(frozen=True)
    class Options:
        path: Path = option(REQUIRED, "Clip", "A video or an animation; its sound is not used")
        fit: Fit = option("cover", "Fit", FIT_TOOLTIP)
        fill: Fill = option("blur", "Surround", FILL_TOOLTIP)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stack = ExitStack()
        self._clip: _Loop | None = None
        self._began: float | None = None
        self._fitted: tuple[Frame, RGB] | None = None

    @classmethod
    def reads(cls, path: Path) -> bool:
        if pipe_at(path):
            return True  # so that `open()` says why it cannot be
        # Not Path.is_file(), which raises for a name that is too long.
        if os.path.isfile(path):
            return not looks_like_picture(path)
        return path.suffix.lower() in SUFFIXES

    def open(self) -> None:
        """Raises InputError: missing, not a video, no frame that can be decoded."""
        from app.sources.open import open_file

        if pipe_at(self._options.path):
            raise InputError(
                f"{self._options.path} can be read only once, and a background is played over and "
                "over; save it as a file first."
            )
        source = self._stack.enter_context(open_file(self._options.path))
        self._clip = _Loop(source)
        self._began = None

    def close(self) -> None:
        self._clip = None
        self._fitted = None
        self._stack.close()

    def reset(self) -> None:
        self._began = None

    def render(self, cutout: Cutout) -> RGB:
        """The clip's frame for the seconds since the first render, modulo the clip's length."""
        if self._clip is None:
            raise RuntimeError("Video.render() was called before open()")
        now = cutout.frame.captured_at
        if self._began is None or now < self._began:
            self._began = now
            self._clip.rewind()
        frame = self._clip.at(now - self._began)
        if (
            self._fitted is None
            or self._fitted[0] is not frame
            or self._fitted[1].shape != cutout.frame.rgb.shape
        ):
            picture = fit_picture(
                frame.rgb, cutout.frame.size, fit=self._options.fit, fill=self._options.fill
            )
            self._fitted = frame, picture
        return self._fitted[1]


class _Loop:
    """An open clip as an endless one. Decodes forward, one frame ahead, and holds no more."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._warned = False
        self._length: float | None = None  # seconds; known once the end was reached
        self._frames = iter(source)
        self._current = next(self._frames)  # an open source has at least one frame
        self._first: float = self._current.captured_at
        self._began = 0.0
        self._decoded = 1
        self._next = self._read()

    def rewind(self) -> None:
        """To the clip's beginning, which becomes second 0."""
        if self._decoded > 2 or self._began > 0:
            self._start()

    def at(self, seconds: float) -> Frame:
        """The frame to be seen `seconds` after the clip's beginning, as if it had no end."""
        if seconds + _TOLERANCE < self._began + self._current.captured_at - self._first:
            self._start()
        while True:
            due = seconds + _TOLERANCE - self._began
            while self._next is not None and self._next.captured_at - self._first <= due:
                self._current, self._next = self._next, self._read()
            if self._next is not None:
                return self._current
            if self._length is None:
                self._length = self._measure()
            if due < self._length:
                return self._current
            # A long gap is many loops; only the last one has to be decoded.
            self._start(self._began + due // self._length * self._length)

    def _start(self, began: float = 0.0) -> None:
        """Reads the first frame, seen at second `began`. What cannot be read is held instead."""
        self._began = began
        self._decoded = 0
        self._frames = iter(self._source)
        first = self._read()
        if first is not None:
            self._current = first
            self._first = first.captured_at
        self._next = self._read() if first is not None else None

    def _read(self) -> Frame | None:
        try:
            frame = next(self._frames, None)
        except InputError as error:
            if not self._warned:
                _log.warning("The background clip stops early: %s", error)
                self._warned = True
            return None
        self._decoded += frame is not None
        return frame

    def _measure(self) -> float:
        """Seconds from the first frame to where the last one ends, at the end of the clip."""
        shown = self._current.captured_at - self._first
        interval = shown / (self._decoded - 1) if self._decoded > 1 else 0.0
        if self._source.info.last_shown is not None:
            interval = self._source.info.last_shown
        elif interval <= 0:
            interval = float(1 / self._source.info.rate)
        return shown + interval
