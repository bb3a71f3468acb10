"""This project's live pipeline, with all its threads, on frames from memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from app.bench.job import Feeder, Job, Turn
from app.bench.running import running
from app.frames import Frame
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput
from app.sources.live_base import LiveSource


class Paced(LiveSource):
    """The feeder's pictures at a camera's pace."""

    def __init__(self, feeder: Feeder, rate: float) -> None:
        self._feeder = feeder
        self._rate = rate
        self._changed = threading.Condition()
        self._interrupted = False
        self.given = 0  # pictures

    @property
    def description(self) -> str:
        width, height = self._feeder.size
        return f"memory, {width}x{height}, {self._rate:g} fps"

    @property
    def rate(self) -> float:
        return self._rate

    def open(self) -> None:
        with self._changed:
            self._interrupted = False
        self._pictures = self._feeder.pictures()
        self._index = 0
        self._due = time.monotonic()

    def read(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._interrupted, max(0.0, self._due - time.monotonic())
            )
            if self._interrupted:
                return None
        taken = time.monotonic()
        self._due = max(self._due + 1 / self._rate, taken)
        frame = Frame(next(self._pictures), self._index, taken)
        self._index += 1
        self.given += 1
        return frame

    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()


class _Counting(LiveOutput):
    """Takes every composite, and notes how old it is."""

    private = False
    fixed_size = False
    paced = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ages: list[float] = []

    @property
    def description(self) -> str:
        return "nowhere"

    def open(self, form: LiveFormat) -> None: ...

    def write(self, picture: Picture, captured_at: float) -> None:
        with self._lock:
            self._ages.append(time.monotonic() - captured_at)

    def take(self) -> list[float]:
        """The ages of what came since the last call, in seconds."""
        with self._lock:
            ages, self._ages = self._ages, []
            return ages


def live_turns(job: Job, feeder: Feeder) -> Iterator[Callable[[int], Turn]]:
    """A turn of `count` frames lasts as long as the source takes to give them."""
    chain, counting = job.settings, _Counting()
    with running(job, Paced(feeder, job.rate), counting) as run:
        pipeline = run.pipeline

        def take_turn(count: int) -> Turn:
            counting.take()
            drops = sum(pipeline.stats.whole().dropped.values())
            began, cpu = time.perf_counter(), time.process_time()
            threading.Event().wait(count / job.rate)
            ages = counting.take()
            seconds, spent = time.perf_counter() - began, time.process_time() - cpu
            if run.failures:
                return Turn(failure=str(run.failures[0]))
            recent = pipeline.stats.recent()
            info = pipeline.info
            described: dict[str, object] = {
                "weights": info.weights,
                "network_size": info.network_size,
                "temporal": chain.temporal,
                "refine": chain.refine,
                "steps": ["matting", "temporal", "refine", "composite"],
            }
            if info.engine is not None:
                described |= {
                    "engine": info.engine.engine,
                    "device": info.engine.device,
                    "device_name": info.engine.device_name,
                    "precision": info.engine.precision,
                    "norms": info.engine.norms,
                    "note": info.engine.note,
                }
            return Turn(
                frames=len(ages),
                seconds=seconds,
                cpu=spent,
                spreads={
                    name: (spread.p50, spread.p95) for name, spread in recent.stages_ms.items()
                },
                latencies=ages,
                dropped=sum(recent.dropped.values()) - drops,
                description=described,
            )

        yield take_turn
