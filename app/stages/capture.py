"""The capture thread: opens, reads and releases the source, and tries again when it went away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from app.errors import MattecamError, SourceLost
from app.frames import Frame
from app.sources.live_base import LiveSource

log = logging.getLogger(__name__)

# Seconds before the source is opened again, from one failure to the next; the last one stays.
BACKOFF = (0.25, 0.5, 1.0, 2.0, 4.0)
# A source that gave pictures for this long, in seconds, was really there: the pauses start over.
_SETTLED = 2.0


class CaptureEvents(Protocol):
    """What capture tells. Called from its thread."""

    def opened(self, source: LiveSource) -> None: ...

    def frame(self, frame: Frame) -> None: ...

    def stale(self) -> None:
        """A frame that is not newer than the one before it was thrown away."""

    def lost(self, error: Exception) -> None:
        """The source is closed and will be tried again."""


class Capture:
    """Runs in one thread until `stop()`. Raises what ends it for good; see LiveSource.

    held_back: begins only after `go()`, when the capture before it has released the device.
    """

    def __init__(
        self,
        create: Callable[[], LiveSource],
        events: CaptureEvents,
        *,
        backoff: Sequence[float] = BACKOFF,
        paused: bool = False,
        held_back: float = 0.0,
    ) -> None:
        self._create = create
        self._events = events
        self._backoff = tuple(backoff)
        self._changed = threading.Condition()
        self._stopping = False
        self._paused = paused
        self._held_back = held_back
        self._source: LiveSource | None = None
        self._hurry = False
        self._failures = 0

    def run(self) -> None:
        """The thread's body."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or not self._held_back, self._held_back)
        while self._may_open():
            try:
                self._play()
            except Exception as error:
                if isinstance(error, MattecamError) and not isinstance(error, SourceLost):
                    raise
                with self._changed:
                    if self._stopping or self._paused:
                        continue  # it was interrupted, and says so in its own way
                log.info("the source is lost: %r", error)
                self._events.lost(error)
                self._wait_before_retry()

    def stop(self) -> None:
        self._change(stopping=True)

    def pause(self) -> None:
        """Releases the source until `resume()`."""
        self._change(paused=True)

    def resume(self) -> None:
        self._change(paused=False)

    def go(self) -> None:
        """The device is free now; see `held_back`."""
        with self._changed:
            self._held_back = 0.0
            self._changed.notify_all()

    def retry_now(self) -> None:
        """Ends a pause between two tries: something was plugged in."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()

    def _change(self, *, stopping: bool | None = None, paused: bool | None = None) -> None:
        with self._changed:
            if stopping is not None:
                self._stopping = stopping
            if paused is not None:
                self._paused = paused
            self._changed.notify_all()
            source = self._source if self._stopping or self._paused else None
        if source is not None:
            source.interrupt()

    def _may_open(self) -> bool:
        """Waits while paused; False when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or not self._paused)
            return not self._stopping

    def _play(self) -> None:
        """From open to close, once. Ends when interrupted."""
        source = self._create()
        try:
            source.open()
            with self._changed:
                # From here on `interrupt` reaches it; what was asked before is seen here.
                self._source = source
                if self._stopping or self._paused:
                    return
            self._events.opened(source)
            self._read(source)
        finally:
            with self._changed:
                self._source = None
            source.close()

    def _read(self, source: LiveSource) -> None:
        began = time.monotonic()
        newest = float("-inf")
        while True:
            frame = source.read()
            with self._changed:
                if frame is None or self._stopping or self._paused:
                    return
            if frame.captured_at <= newest:
                self._events.stale()
                continue
            newest = frame.captured_at
            if newest - began > _SETTLED:
                self._failures = 0
            self._events.frame(frame)

    def _wait_before_retry(self) -> None:
        seconds = self._backoff[min(self._failures, len(self._backoff) - 1)]
        self._failures += 1
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._paused or self._hurry, seconds)
            self._hurry = False
