"""The thread of one recorded file: renders, codes, writes, and keeps the clip's length right."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.compositing import blend
from app.edge_colours import EdgeColours
from app.frames import Composite, Cutout, Frame
from app.outputs.base import Output, Picture
from app.recording.folder import TimedFolder
from app.recording.timeline import Timeline
from app.runtime.stage import Work
from app.views import View, show

# Where no picture comes for so long, in seconds, the last one is written again: the file grows,
# and what a crash costs stays below a second also while the camera is away.
_HOLD = 0.5
# A picture is on its way through the network for at least so long, and for this many times as long
# as the slowest of late.
_LATE, _LATER = 0.5, 1.5
_SHORT = 2.5  # pictures that may be missing at the end
_NICE = 5  # a call is worth more than its recording


@dataclass(frozen=True)
class Shot:
    """A composite, without the pictures that this file does not need."""

    composite: Composite
    captured_at: float


def shot_of(view: View, composite: Composite) -> Shot:
    """Takes no time: nothing is drawn here."""
    cutout, frame = composite.cutout, composite.cutout.frame
    rgb = composite.rgb if view is View.COMPOSITE else None
    if view in (View.COMPOSITE, View.FOREGROUND):
        # The frame's own picture is of no use to them, and may be all that keeps it in memory.
        colours = cutout.colours if rgb is None else rgb
        picture = colours.picture if isinstance(colours, EdgeColours) else colours
        frame = Frame(picture, frame.index, frame.captured_at)
    else:
        colours = frame.rgb
    return Shot(Composite(Cutout(frame, cutout.alpha, colours), rgb), frame.captured_at)


class FileWork(Work[Shot]):
    """One file. Its failure is raised, and ends this file only.

    make: gives the output, which is opened in this thread. waiting: how many shots wait for it.
    """

    def __init__(
        self,
        view: View,
        path: Path,
        *,
        timeline: Timeline,
        rate: float,
        make: Callable[[], Output],
        mirror: bool,
        waiting: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.written = 0
        self.held = 0  # written again, because nothing new came
        self.seconds = 0.0  # of the clip, that were written
        self._view = view
        self._timeline = timeline
        self._rate = rate
        self._make = make
        self._mirror = mirror
        self._waiting = waiting
        self._late = _LATE
        self._clock = clock
        self._stack = ExitStack()
        self._output: Output | None = None
        self._last: Picture | None = None
        self._last_time = -1.0
        self._finished = False

    @property
    def bytes(self) -> int:
        """What lies on the disk."""
        if isinstance(self._output, TimedFolder):
            return self._output.bytes
        try:
            return self.path.stat().st_size
        except OSError:
            return 0  # not made yet

    def sync(self) -> None:
        """Has the system put on the disk what was written. Called from another thread."""
        output = self._output
        if isinstance(output, TimedFolder):
            output.sync()
        elif output is not None:
            with contextlib.suppress(OSError), open(self.path, "r+b") as file:
                os.fsync(file.fileno())

    def open(self) -> None:
        if sys.platform.startswith("linux"):
            thread = threading.get_native_id()
            with contextlib.suppress(OSError):
                now = os.getpriority(os.PRIO_PROCESS, thread)
                os.setpriority(os.PRIO_PROCESS, thread, min(19, now + _NICE))
        self._output = self._stack.enter_context(self._make())

    def due(self) -> float | None:
        return time.monotonic() + _HOLD if self._last is not None else None

    def handle(self, item: Shot) -> None:
        at = self._timeline.clip_time(item.captured_at)
        if at is None or at <= self._last_time:
            return  # before the start, in a pause, after the end; or held beyond it
        delay = self._clock() - item.captured_at
        self._late = max(_LATE, _LATER * delay, 0.99 * self._late)
        self._write(self._rendered(item.composite), at)
        self.written += 1

    def tick(self) -> None:
        """The camera is away: goes on with the last picture."""
        if self._last is None or not self._timeline.runs or self._waiting():
            return
        until = self._timeline.length(self._clock()) - self._late
        if until - self._last_time >= _HOLD:
            self._hold(until)

    def finish(self) -> None:
        """The last picture stands until the end, so that all files and the sound are as long."""
        if self._last is not None:
            length = self._timeline.length(self._clock())
            if length - self._last_time > _SHORT / self._rate:
                self._hold(length - 1 / self._rate)
        self._finished = True

    def close(self) -> None:
        """Finishes the file; raises what the disk says to that."""
        if self._finished:
            self._stack.close()
            self.sync()
        else:
            # It broke off: what ended it is already on its way.
            error = sys.exc_info()
            self._stack.__exit__(*error)

    def _hold(self, at: float) -> None:
        assert self._last is not None
        self._write(self._last, at)
        self.held += 1

    def _write(self, picture: Picture, at: float) -> None:
        assert self._output is not None
        self._output.write(picture, index=self.written + self.held, captured_at=at)
        self._last, self._last_time = picture, at
        self.seconds = at + 1 / self._rate

    def _rendered(self, composite: Composite) -> Picture:
        assert self._output is not None
        picture = show(self._view, composite)
        if picture.ndim == 3 and picture.shape[2] == 4 and not self._output.accepts_alpha:
            cutout = composite.cutout
            picture = blend(cutout.colours, np.zeros_like(cutout.frame.rgb), cutout.alpha)
        if self._mirror:
            picture = np.asarray(cv2.flip(picture, 1), np.uint8)
        return picture
