"""A video, a picture or a folder of pictures, played in real time and over and over."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import InputError
from app.frames import Frame
from app.pool import PicturePool
from app.registry import REQUIRED, option
from app.sources.live_base import LiveSource, Silence, live_sources
from app.sources.open import file_read, open_source
from app.sources.pipe import pipe_at
from app.system.files import expanded

if TYPE_CHECKING:
    from app.sources.base import Source

# A frame that is late by more than this moves the clock: a slow decoder must not make a burst.
_LATEST = 0.2


class _Played(LiveSource):
    """Any source of files as if it were a camera. `text` is what `open_source` takes."""

    def __init__(self, text: str, *, rate: float | None = None) -> None:
        self._text = text
        self._wanted_rate = rate
        self._stack = ExitStack()
        self._pool = PicturePool()
        self._source: Source | None = None
        self._frames: Iterator[Frame] = iter(())
        self._changed = threading.Condition()
        self._interrupted = False
        self._restart()

    def _restart(self) -> None:
        self._index = 0
        self._in_loop = 0  # frames given since the clip's beginning
        self._began = 0.0  # when the clip's first frame of this loop was due
        self._first = 0.0  # that frame's own time
        self._own = 0.0  # the last frame's own time
        self._due = 0.0  # and when it was due

    @property
    def description(self) -> str:
        if self._source is None:
            return self._text
        (width, height), rate = self._source.info.size, float(self._source.info.rate)
        return f"{self._text}, {width}x{height}, {rate:.4g} fps"

    @property
    def rate(self) -> float | None:
        return None if self._source is None else float(self._source.info.rate)

    def open(self) -> None:
        self.close()
        with self._changed:
            self._interrupted = False
        self._source = self._stack.enter_context(open_source(self._text, rate=self._wanted_rate))
        self._frames = iter(self._source)
        self._restart()

    def read(self) -> Frame | None:
        frame = self._next()
        now = time.monotonic()
        if self._index == 0:
            self._began, self._first = now, frame.captured_at
        elif self._in_loop == 0:
            # The last frame of the loop before is shown as long as the others are.
            self._began, self._first = self._due + self._last_interval(), frame.captured_at
        self._due = self._began + frame.captured_at - self._first
        self._own = frame.captured_at
        if now - self._due > _LATEST:
            self._began += now - self._due
            self._due = now
        with self._changed:
            self._changed.wait_for(lambda: self._interrupted, max(0.0, self._due - now))
            if self._interrupted:
                return None
        # The decoder's own memory goes back to it here, in the thread that took it.
        rgb = self._pool.copy(frame.rgb)
        played = Frame(rgb, self._index, time.monotonic(), rgba=frame.rgba)
        self._index += 1
        self._in_loop += 1
        return played

    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def close(self) -> None:
        self._frames = iter(())
        self._source = None
        self._stack.close()

    def _next(self) -> Frame:
        if self._source is None:
            raise RuntimeError("read() was called before open()")
        try:
            frame = next(self._frames, None)
            if frame is None:
                self._frames = iter(self._source)
                self._in_loop = 0
                frame = next(self._frames, None)
        except InputError as error:
            if pipe_at(file_read(self._text)) or os.path.exists(file_read(self._text)):
                raise
            raise InputError(
                f"{self._text} is no longer there; put it back, or choose another source."
            ) from error
        if frame is None:
            raise InputError(f"{self._text} has no frame that can be decoded.")
        return frame

    def _last_interval(self) -> float:
        """Seconds that the last frame is shown; as long as the others are, where it is not said."""
        assert self._source is not None
        info = self._source.info
        return float(1 / info.rate) if info.last_shown is None else info.last_shown


@live_sources.register("file", title="File")
class File(_Played):
    """A video, a picture or a folder of pictures, over and over."""

    silence = Silence(
        "The file has given no picture for some seconds.",
        "Its drive or network may be slow or gone: copy it to this computer, or choose another.",
    )

    @dataclass(frozen=True)
    class Options:
        path: Path = option(REQUIRED, "File", "A video, a picture or a folder of pictures")
        fps: float | None = option(
            None,
            "Pictures a second",
            "For a folder of pictures; 25 unless you say otherwise",
            minimum=0.1,
            maximum=240,
        )

    def __init__(self, options: Options) -> None:
        # "./demo" is the file, "demo" would be the clip that comes with the program.
        path = expanded(options.path)
        text = str(path)
        super().__init__(f"./{text}" if text == "demo" else text, rate=options.fps)
        self._path = path

    def check(self) -> None:
        if str(self._path) != "-" and not os.path.exists(self._path):
            raise InputError(f"There is no file {self._path}; check the name.")


@live_sources.register("demo", title="Demo clip")
class Demo(_Played):
    """The clip that comes with the program."""

    silence = Silence(
        "The demo clip has given no picture for some seconds.",
        "The computer is busy with something else: close other programs, or choose it again.",
    )

    def __init__(self) -> None:
        super().__init__("demo")
