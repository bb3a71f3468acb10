"""Climbs the ladder of network sizes by what is measured: down at once when it is too slow, up
slowly when there is room, and ever more slowly where climbing failed before.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# The mean must leave room for what else a machine does; single late frames wait in a mailbox.
_MEAN_SHARE, _P95_SHARE = 0.92, 1.2
# It is too slow when it was so for this long, in seconds; there is room when there was for that.
_TOO_SLOW_FOR = 1.5
_ROOM_FOR = 4.0
# A finer size must be expected to take at most this share of the time that there is.
_ROOM = 0.8
# Coming down, one that is expected to leave this much is taken.
_DOWN_TO = 0.9
# A climb that is taken back within this time, in seconds, has failed; the next one then waits
# twice as long, up to `_LONGEST_WAIT`.
_FAILED_WITHIN = 20.0
_LONGEST_WAIT = 300.0
# Fewer times than these say nothing, unless together they took this long, in seconds.
FEWEST = 5
_LONG = 2.0


@dataclass(frozen=True)
class Load:
    """What was measured since the last look.

    matting: seconds of each matte from going into the network to coming out. in_flight: how many
    are in it at once. composing: seconds of each frame in the thread that composes. rate: frames
    a second that are wanted: what the user wants, or what the source gives where that is less.
    set_aside: the share of the time that is kept for others, such as the encoder of a recording.
    """

    matting: Sequence[float]
    composing: Sequence[float]
    in_flight: int
    rate: float
    set_aside: float = 0.0

    def share(self) -> float | None:
        """Of the time that there is for a frame, how much is taken; above 1 it is too slow.

        None where too little was measured.
        """
        said = len(self.matting) >= FEWEST or sum(self.matting) >= _LONG
        if not said or self.rate <= 0:
            return None
        shares = [_share([time / self.in_flight for time in self.matting], self.rate)]
        if len(self.composing) >= FEWEST:
            shares.append(_share(self.composing, self.rate))
        return max(shares) / (1.0 - self.set_aside)


def _share(times: Sequence[float], rate: float) -> float:
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return max(statistics.fmean(ordered) / _MEAN_SHARE, p95 / _P95_SHARE) * rate


class Controller:
    """Chooses among sizes whose costs are given, the finest first.

    `look()` is called now and then with what was measured at the size in use; it gives the place
    of the size to use. Pure: the clock is handed in, so that it can be tested in no time. Where
    the size in use changes for another reason (a change takes a while, or fails), `settled()`
    says so.
    """

    def __init__(self, costs: Sequence[float], *, start: int = 0) -> None:
        if not costs or list(costs) != sorted(costs, reverse=True):
            raise ValueError("costs fall from the finest size on")
        self._costs = tuple(costs)
        self.place = start
        self._slow_since: float | None = None
        self._room_since: float | None = None
        self._climbed_at: float | None = None
        self._wait = _ROOM_FOR
        self._set_aside = 0.0

    def begin(self, load: Load) -> int:
        """What was tried out before the first frame, when nothing else was to be done.

        As for a climb, there must be room; nothing is waited for. Gives the place of the size to
        use.
        """
        share = load.share()
        if share is not None and share > _ROOM:
            self._come_down(share, now=0.0, to=_ROOM)
        return self.place

    def settled(self) -> None:
        """Another size is in use from now on: what was measured before says nothing about it."""
        self._slow_since = self._room_since = None

    def look(self, load: Load, now: float) -> int:
        """now: seconds on any clock that does not go back."""
        share = load.share()
        if share is None:
            return self.place
        # What is known to come is made room for before it costs a frame.
        more_to_come = load.set_aside > self._set_aside
        self._set_aside = load.set_aside
        if share > 1.0:
            self._room_since = None
            if self._slow_since is None:
                self._slow_since = now
            if more_to_come or now - self._slow_since >= _TOO_SLOW_FOR:
                self._come_down(share, now)
            return self.place
        self._slow_since = None
        if self.place == 0 or share * self._ratio(self.place - 1) > _ROOM:
            self._room_since = None
        elif self._room_since is None:
            self._room_since = now
        elif now - self._room_since >= self._wait:
            self._climb(now)
        return self.place

    def _ratio(self, place: int) -> float:
        """How many times the work of the size in use another one is."""
        return self._costs[place] / self._costs[self.place]

    def _come_down(self, share: float, now: float, *, to: float = _DOWN_TO) -> None:
        last = len(self._costs) - 1
        if self.place == last:
            return
        below = range(self.place + 1, last + 1)
        self.place = next((p for p in below if share * self._ratio(p) <= to), last)
        if self._climbed_at is not None and now - self._climbed_at < _FAILED_WITHIN:
            self._wait = min(2 * self._wait, _LONGEST_WAIT)
        self._climbed_at = None
        self.settled()

    def _climb(self, now: float) -> None:
        if self._climbed_at is not None and now - self._climbed_at >= _FAILED_WITHIN:
            self._wait = max(_ROOM_FOR, self._wait / 2)  # the last climb was a good one
        self.place -= 1
        self._climbed_at = now
        self.settled()
