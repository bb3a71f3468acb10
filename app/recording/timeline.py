"""From the clock of the pictures and the sound to the time in a clip, with the pauses cut out."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Stretch:
    """A piece without a pause: [begins, ends) on time.monotonic()'s clock, at `at` in the clip.

    ends: None while it goes on. All in seconds.
    """

    begins: float
    at: float
    ends: float | None = None


class Timeline:
    """Shared by all files of a recording, so that they are in time with each other.

    Called from any thread. It grows with the number of pauses only.

    limit: seconds after which the clip ends by itself.
    """

    def __init__(self, limit: float | None = None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._stretches: list[Stretch] = []

    def begin(self, now: float) -> None:
        """The recording starts, or goes on after a pause. Nothing happens where it runs."""
        with self._lock:
            if not self._runs:
                self._stretches.append(Stretch(now, self._length(now)))

    def end(self, now: float) -> None:
        """A pause, or the end. Nothing happens where it stands already."""
        with self._lock:
            if self._runs:
                last = self._stretches[-1]
                self._stretches[-1] = Stretch(last.begins, last.at, max(last.begins, now))

    @property
    def runs(self) -> bool:
        with self._lock:
            return self._runs

    def clip_time(self, moment: float) -> float | None:
        """Where `moment` is in the clip; None before the start, in a pause and after the end."""
        with self._lock:
            for stretch in reversed(self._stretches):
                if moment >= stretch.begins:
                    if stretch.ends is not None and moment >= stretch.ends:
                        return None
                    at = stretch.at + moment - stretch.begins
                    return None if self._limit is not None and at >= self._limit else at
        return None

    def length(self, now: float) -> float:
        """Seconds of the clip until `now`, without the pauses."""
        with self._lock:
            return self._length(now)

    def moments(self, begins: float, ends: float) -> list[tuple[float, float]]:
        """The pieces of the clock that the clip's [begins, ends) was taken from, in order."""
        with self._lock:
            pieces = []
            for stretch in self._stretches:
                left = max(begins, stretch.at)
                right = ends
                if stretch.ends is not None:
                    right = min(right, stretch.at + stretch.ends - stretch.begins)
                if right > left:
                    shift = stretch.begins - stretch.at
                    pieces.append((left + shift, right + shift))
            return pieces

    @property
    def _runs(self) -> bool:
        return bool(self._stretches) and self._stretches[-1].ends is None

    def _length(self, now: float) -> float:
        if not self._stretches:
            return 0.0
        last = self._stretches[-1]
        ends = now if last.ends is None else last.ends
        length = last.at + max(0.0, ends - last.begins)
        return length if self._limit is None else min(length, self._limit)
