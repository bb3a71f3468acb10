"""What the live pipeline measures of itself: rates, times, delay, drops.

Counted from every thread. Nothing grows with time: the last seconds are kept one by one, the whole
run only in sums and histograms.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_WINDOW = 5.0  # seconds
# The whole run's times: bins of 0.1 ms, what is longer than 10 s falls into the last.
_BIN = 1e-4
_BINS = 100_000


@dataclass(frozen=True)
class Spread:
    """Milliseconds: the median and what 95 of 100 stay below."""

    p50: float
    p95: float


@dataclass(frozen=True)
class OutputStats:
    """fps: new composites a second; resent: pictures a second that were sent again.

    new: how many composites so far. latency_ms: from capture to written, None before the first.
    """

    fps: float = 0.0
    resent: float = 0.0
    new: int = 0
    latency_ms: Spread | None = None


@dataclass(frozen=True)
class Snapshot:
    """The state of things over `seconds`: the last few, or the whole run.

    fps_in: frames captured. fps_matte: mattes; fps_reused: those of them that an unchanged picture
    took over from the one before, without the network. fps_out, fps_resent and latency_ms: those
    of the first output that was added.
    stages_ms: by stage. dropped: how many were dropped since the start, by place.
    memory_mb: of the process, now.
    """

    seconds: float
    fps_in: float
    fps_matte: float
    fps_reused: float
    fps_out: float
    fps_resent: float
    latency_ms: Spread | None
    stages_ms: Mapping[str, Spread]
    dropped: Mapping[str, int]
    outputs: Mapping[str, OutputStats]
    memory_mb: float


class _Rate:
    """Events a second."""

    def __init__(self) -> None:
        self.count = 0
        self._first = 0.0
        self._times: deque[float] = deque()

    def add(self, now: float) -> None:
        if self.count == 0:
            self._first = now
        self.count += 1
        self._times.append(now)
        self._trim(now)

    def recent(self, now: float) -> float:
        self._trim(now)
        # Intervals, not events: what just began has had less than the window to count in.
        if now - self._first >= _WINDOW:
            return len(self._times) / _WINDOW
        return self.whole(now)

    def whole(self, now: float) -> float:
        if self.count < 2 or now <= self._first:
            return 0.0
        return (self.count - 1) / (now - self._first)

    def _trim(self, now: float) -> None:
        while self._times and self._times[0] < now - _WINDOW:
            self._times.popleft()


class _Times:
    """Seconds that something took."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()
        self._bins: defaultdict[int, int] = defaultdict(int)
        self._count = 0

    def add(self, now: float, seconds: float) -> None:
        self._recent.append((now, seconds))
        self._trim(now)
        self._bins[min(_BINS - 1, max(0, int(seconds / _BIN)))] += 1
        self._count += 1

    def recent(self, now: float) -> Spread | None:
        self._trim(now)
        ordered = sorted(seconds for _, seconds in self._recent)
        if not ordered:
            return None
        return Spread(_rank(ordered, 0.5) * 1e3, _rank(ordered, 0.95) * 1e3)

    def whole(self) -> Spread | None:
        return Spread(self._quantile(0.5), self._quantile(0.95)) if self._count else None

    def _quantile(self, share: float) -> float:
        """Milliseconds, in the middle of the bin."""
        left = math.ceil(share * self._count)
        for place in sorted(self._bins):
            left -= self._bins[place]
            if left <= 0:
                return (place + 0.5) * _BIN * 1e3
        raise AssertionError("unreachable: the bins hold every time")

    def since(self, when: float) -> list[float]:
        return [seconds for at, seconds in self._recent if at >= when]

    def _trim(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - _WINDOW:
            self._recent.popleft()


def _rank(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass
class _Output:
    new: _Rate = field(default_factory=_Rate)
    resent: _Rate = field(default_factory=_Rate)
    latency: _Times = field(default_factory=_Times)


class Stats:
    """Counts, from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._captured = _Rate()
        self._mattes = _Rate()
        self._reused = _Rate()
        self._stages: defaultdict[str, _Times] = defaultdict(_Times)
        self._drops: defaultdict[str, int] = defaultdict(int)
        self._outputs: dict[str, _Output] = {}

    def captured(self) -> None:
        with self._lock:
            self._captured.add(self._clock())

    def matted(self, *, reused: bool = False) -> None:
        """reused: the matte of the picture before serves again."""
        with self._lock:
            now = self._clock()
            self._mattes.add(now)
            if reused:
                self._reused.add(now)

    def took(self, stage: str, seconds: float) -> None:
        with self._lock:
            self._stages[stage].add(self._clock(), seconds)

    def times_since(self, stage: str, when: float) -> list[float]:
        """The stage's times in seconds since then, of the last few seconds at most."""
        with self._lock:
            return self._stages[stage].since(when) if stage in self._stages else []

    def dropped(self, place: str) -> None:
        with self._lock:
            self._drops[place] += 1

    def add_output(self, name: str) -> None:
        """Makes the output known, in the order that `Snapshot.outputs` shows."""
        with self._lock:
            self._outputs.setdefault(name, _Output())

    def wrote(self, output: str, captured_at: float) -> None:
        """A new composite has arrived at the output."""
        with self._lock:
            now = self._clock()
            counted = self._outputs.setdefault(output, _Output())
            counted.new.add(now)
            counted.latency.add(now, now - captured_at)

    def resent(self, output: str) -> None:
        with self._lock:
            self._outputs.setdefault(output, _Output()).resent.add(self._clock())

    def recent(self) -> Snapshot:
        """Over the last seconds."""
        with self._lock:
            now = self._clock()
            stages = {name: times.recent(now) for name, times in self._stages.items()}
            return self._snapshot(
                min(_WINDOW, now - self._began),
                self._captured.recent(now),
                self._mattes.recent(now),
                self._reused.recent(now),
                stages,
                {
                    name: OutputStats(
                        counted.new.recent(now),
                        counted.resent.recent(now),
                        counted.new.count,
                        counted.latency.recent(now),
                    )
                    for name, counted in self._outputs.items()
                },
            )

    def whole(self) -> Snapshot:
        """Since the start; each rate from its own first event on."""
        with self._lock:
            now = self._clock()
            return self._snapshot(
                now - self._began,
                self._captured.whole(now),
                self._mattes.whole(now),
                self._reused.whole(now),
                {name: times.whole() for name, times in self._stages.items()},
                {
                    name: OutputStats(
                        counted.new.whole(now),
                        counted.resent.whole(now),
                        counted.new.count,
                        counted.latency.whole(),
                    )
                    for name, counted in self._outputs.items()
                },
            )

    def _snapshot(
        self,
        seconds: float,
        fps_in: float,
        fps_matte: float,
        fps_reused: float,
        stages: Mapping[str, Spread | None],
        outputs: Mapping[str, OutputStats],
    ) -> Snapshot:
        import psutil

        first = next(iter(outputs.values()), OutputStats())
        return Snapshot(
            seconds=seconds,
            fps_in=fps_in,
            fps_matte=fps_matte,
            fps_reused=fps_reused,
            fps_out=first.fps,
            fps_resent=first.resent,
            latency_ms=first.latency_ms,
            stages_ms={name: spread for name, spread in stages.items() if spread is not None},
            dropped=dict(self._drops),
            outputs=outputs,
            memory_mb=psutil.Process().memory_info().rss / 2**20,
        )
