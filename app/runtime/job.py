"""Long work beside the pipeline, with progress and cancel: fetching, compiling, converting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.runtime.stage import Worker

R = TypeVar("R")


class Cancelled(Exception):
    """The job was cancelled."""


@dataclass(frozen=True)
class Progress:
    """How far a job is. total: None while it is not known. text: what is done now, for a user."""

    done: float
    total: float | None = None
    text: str = ""


class Control:
    """What a job's work gets: it says how far it is, and hears that it shall end."""

    def __init__(self, on_progress: Callable[[Progress], None] | None) -> None:
        self._on_progress = on_progress
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raises Cancelled where the job was cancelled. Call it often."""
        if self._cancelled.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Waits, but not for one that was cancelled: raises Cancelled at once."""
        if self._cancelled.wait(seconds):
            raise Cancelled

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Says how far it is. Raises Cancelled like `check`."""
        self.check()
        if self._on_progress is not None:
            self._on_progress(Progress(done, total, text))

    def cancel(self) -> None:
        self._cancelled.set()


class Job(Generic[R]):
    """`work` in a thread of its own.

    on_progress and on_done are called from that thread; on_done exactly once, however it ends.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Control], R],
        *,
        on_progress: Callable[[Progress], None] | None = None,
        on_done: Callable[[Job[R]], None] | None = None,
    ) -> None:
        self.name = name
        self._work = work
        self._on_done = on_done
        self._control = Control(on_progress)
        self._result: R | None = None
        self._error: Exception | None = None
        self._worker = Worker(name, self._run, self._end)
        self._done = False
        self._ended = threading.Event()

    def start(self) -> None:
        self._worker.start()

    def cancel(self) -> None:
        """Asks the work to end; it does at its next `check`. May be called twice, and too late."""
        self._control.cancel()

    @property
    def done(self) -> bool:
        return self._done

    @property
    def error(self) -> Exception | None:
        """What ended it: Cancelled, or what the work raised. None while it runs and when it did."""
        return self._error

    def join(self, timeout: float | None = None) -> bool:
        """Waits for the end, `on_done` included; whether it came."""
        return self._ended.wait(timeout)

    def result(self) -> R:
        """What the work gave; raises what it raised. Only once it is done."""
        if not self._done:
            raise RuntimeError(f"the job {self.name} is not done")
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def _run(self) -> None:
        self._result = self._work(self._control)

    def _end(self, error: Exception | None) -> None:
        self._error = error
        self._done = True
        try:
            if self._on_done is not None:
                self._on_done(self)
        finally:
            self._ended.set()
