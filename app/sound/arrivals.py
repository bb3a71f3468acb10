"""When a block of sound came, by what PortAudio tells."""

from __future__ import annotations

_KEPT = 5.0  # seconds, up to twice as long
# What a driver tells of itself in its first moments is often wrong by a tenth of a second.
_TRUSTED_AFTER = 2.5
_MOST_INSIDE = 0.5  # seconds; no card takes longer, so it is nonsense


class Lowest:
    """The lowest value of the last `_KEPT` seconds or so; infinite before the first."""

    def __init__(self) -> None:
        self._now = self._before = float("inf")
        self._turned: float | None = None

    def see(self, value: float, at: float) -> float:
        if self._turned is None:
            self._turned = at
        if at - self._turned > _KEPT:
            self._before, self._now, self._turned = self._now, float("inf"), at
        self._now = min(self._now, value)
        return min(self._now, self._before)


class Arrivals:
    """On time.monotonic()'s clock, from PortAudio's own.

    PortAudio notes the time before its callback is called; Python may run it much later, where
    another thread holds the interpreter. The least difference between the two clocks is the true
    one.
    """

    def __init__(self) -> None:
        self._offset = Lowest()
        self._age = Lowest()
        self._first: float | None = None

    def see(self, now: float, *, current: float, adc: float, length: float) -> tuple[float, float]:
        """(moment at which the block was whole, seconds that it had spent in the card by then).

        now: as the callback sees it. current, adc: PortAudio's clock, and on it the moment at which
        the block's first sample sounded; 0, or nonsense, where a driver does not know.
        length: of the block, in seconds.
        """
        if self._first is None:
            self._first = now
        arrived = now
        if current > 0:
            arrived = min(now, current + self._offset.see(now - current, now))
        age = current - adc
        if adc <= 0 or not 0 <= age < 10:
            return arrived, 0.0
        inside = self._age.see(age, now) - length
        if now - self._first < _TRUSTED_AFTER or not 0 < inside < _MOST_INSIDE:
            inside = 0.0
        return arrived, inside
