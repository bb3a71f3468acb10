"""What a live run tells: its state, its failures, what it runs on; and the thread that tells it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from app.engines.base import EngineInfo
from app.errors import MattecamError
from app.runtime.memory import find_trim
from app.runtime.stage import Work
from app.stats import Snapshot

log = logging.getLogger(__name__)

_STATS_EVERY = 1.0  # seconds
_WATCH_EVERY = 0.5
_TRIM_EVERY = 10.0


class State(Enum):
    STOPPED = "stopped"
    STARTING = "starting"  # no matte yet
    RUNNING = "running"
    PAUSED = "paused"  # the source is released
    RESTING = "resting"  # likewise, until somebody looks; see LiveSettings.on_demand
    FROZEN = "frozen"  # private outputs hold their picture
    CARD = "card"  # private outputs show "be right back"
    WAITING = "waiting for the source"  # it went away, and is tried again
    STALLED = "stalled"  # nothing new for a second
    FAILED = "failed"  # something is needed; see the failures, and `retry()`


@dataclass(frozen=True)
class Failure:
    """Something went wrong. The rest goes on as well as it can.

    where: "source", "engine" (it cannot be opened), "matting", "compose", "background", "card",
        "matte steps", or "output NAME".
    sentence: for the user. remedy: what to do, where the sentence does not say it.
    retried: it is tried again by itself; otherwise it stays off until the settings change or
        `retry()` is called.
    error: for those who branch on its type; None where nothing was raised.
    """

    where: str
    sentence: str
    remedy: str = ""
    retried: bool = False
    error: Exception | None = None

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()


@dataclass(frozen=True)
class Info:
    """What really runs, for the user's eyes; None and empty while it is not known."""

    source: str = ""
    source_rate: float | None = None
    frame_size: tuple[int, int] | None = None
    engine: EngineInfo | None = None
    weights: str = ""
    network_size: str = ""
    size_for_subject: bool = False  # smaller than it could be, because the person fills the picture
    delay_frames: int = 0
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Callbacks:
    """Called one at a time, in order, from a thread of the pipeline. They must not wait for it."""

    on_failure: Callable[[Failure], None] = lambda _: None
    on_state_changed: Callable[[State], None] = lambda _: None
    on_stats: Callable[[Snapshot], None] = lambda _: None


def failure_of(where: str, error: Exception, *, retried: bool = False) -> Failure:
    if isinstance(error, MattecamError):
        return Failure(where, str(error), retried=retried, error=error)
    return Failure(
        where,
        f"Something went wrong ({where}): {type(error).__name__}: {error}.",
        "" if retried else "Try again; the log says more.",
        retried=retried,
        error=error,
    )


class Teller(Work[Callable[[], None]]):
    """Calls back, one thing after the other, and keeps watch in between."""

    def __init__(self, watch: Callable[..., None]) -> None:
        self._watch = watch
        self._watch_at = time.monotonic() + _WATCH_EVERY
        self._stats_at = time.monotonic() + _STATS_EVERY
        self._trim = find_trim()
        self._trim_at = time.monotonic() + _TRIM_EVERY

    def due(self) -> float:
        return self._watch_at

    def handle(self, item: Callable[[], None]) -> None:
        self._safely(item)

    def tick(self) -> None:
        now = time.monotonic()
        if now < self._watch_at:
            return
        with_stats = now >= self._stats_at
        self._watch_at = now + _WATCH_EVERY
        if with_stats:
            self._stats_at = now + _STATS_EVERY
        self._safely(lambda: self._watch(with_stats=with_stats))
        if now >= self._trim_at:
            self._trim_at = now + _TRIM_EVERY
            self._trim()

    def _safely(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            # A listener's mistake is its own; the pipeline and the other listeners go on.
            log.exception("a callback of the pipeline failed")
