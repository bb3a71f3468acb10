"""Progress as sentences, for a log file or a pipe: one every ten seconds, where no bar is drawn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY = 10.0  # seconds


class ProgressLog:
    """What is done and what is left, in a sentence. `update` and `line` may be in two threads."""

    def __init__(
        self, title: str, *, unit: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """unit: what is counted, as in "frames"; "" where `done` is a share of `total`."""
        self._title = title
        self._unit = unit
        self._clock = clock
        self._began = clock()
        self._counted_since: float | None = None
        self._done = 0.0
        self._total: float | None = None
        self._left: float | None = None

    def retitle(self, title: str) -> None:
        self._title = title

    def update(
        self, done: float, total: float | None, *, seconds_left: float | None = None
    ) -> None:
        """seconds_left: where it is known better than from the pace so far."""
        if self._counted_since is None:
            self._counted_since = self._clock()
        self._done, self._total, self._left = done, total, seconds_left

    def line(self) -> str:
        passed = _duration(self._clock() - self._began)
        if self._counted_since is None or not self._done:
            return f"{self._title}: getting ready, {passed} so far."
        if self._total is None:
            return f"{self._title}: {self._done:.0f} {self._unit} done, {passed} so far."
        left = self._left if self._left is not None else self._estimate(self._total)
        ends = "" if left is None else f", about {_duration(left)} left"
        if not self._unit:
            return f"{self._title}: {100 * self._done / self._total:.0f}% done{ends}."
        return f"{self._title}: {self._done:.0f} of {self._total:.0f} {self._unit} done{ends}."

    def _estimate(self, total: float) -> float | None:
        passed = self._clock() - (self._counted_since or self._began)
        if passed <= 0:
            return None
        return passed / self._done * max(0.0, total - self._done)


@contextmanager
def spoken(
    log: ProgressLog,
    write: Callable[[str], None],
    *,
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
) -> Iterator[None]:
    """Writes the log's line every ten seconds while the body runs, also where that is silent.

    Args:
        write: is called in a thread of its own.
        wait: waits for the event, so many seconds at most; whether it came.
    """
    over = threading.Event()

    def speak() -> None:
        while not wait(over, EVERY):
            write(log.line())

    speaker = threading.Thread(target=speak, name="progress", daemon=True)
    speaker.start()
    try:
        yield
    finally:
        over.set()
        speaker.join()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds <= 90 else f"{seconds / 60:.0f} min"
