"""One contender in a process of its own, so that its memory is its own.

The parent sends how many frames to run and gets back what was measured. Contenders take turns, so
that all of them see the same noise of a shared machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.chain import ChainSettings, open_chain
from app.errors import MattecamError
from app.flow import StageTimes, run
from app.frames import RGB, Frame
from app.sources.open import open_source
from app.weights import store

COLOUR = (0, 177, 64)


@dataclass(frozen=True)
class Job:
    """What a contender is to do. input: what `open_source` takes; frames: how many to hold."""

    input: str
    frames: int
    settings: ChainSettings


@dataclass
class Turn:
    """One turn's measurement, or why there is none."""

    frames: int = 0
    seconds: float = 0.0
    stages: dict[str, list[float]] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=dict)
    frame_size: tuple[int, int] = (0, 0)
    peak_memory_mb: float = 0.0
    failure: str = ""


class StageTimer:
    """`with timer("matting"): ...` gathers seconds by name."""

    def __init__(self) -> None:
        self.times = StageTimes()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.times.add(name, time.perf_counter() - began)


def _held_frames(job: Job) -> list[Frame]:
    """The clip's first frames in memory: what is measured is the chain, not the decoder."""
    with open_source(job.input) as source:
        return list(islice(source, job.frames))


def _endless(frames: Sequence[Frame], count: int) -> Iterator[Frame]:
    """`count` frames with times that go on, though the pictures come again."""
    for index, frame in enumerate(islice(cycle(frames), count)):
        yield Frame(frame.rgb, index, index / 30)


def naive(connection: Connection, job: Job) -> None:
    """The process of the naive loop."""

    def contend(frames: list[Frame]) -> Iterator[Callable[[int], Turn]]:
        import numpy as np

        from app.bench.naive import NaiveLoop

        width, height = frames[0].size
        background: RGB = np.full((height, width, 3), COLOUR, np.uint8)
        loop = NaiveLoop(store.resolve(job.settings.weights).path, job.settings.size, background)

        def turn(count: int) -> Turn:
            timer = StageTimer()
            began = time.perf_counter()
            for frame in _endless(frames, count):
                loop.process(frame.rgb, timer)
            seconds = time.perf_counter() - began
            return Turn(count, seconds, timer.times.seconds)

        yield turn

    _serve(connection, job, contend)


def mattecam(connection: Connection, job: Job) -> None:
    """The process of this project's chain."""

    def contend(frames: list[Frame]) -> Iterator[Callable[[int], Turn]]:
        size = frames[0].size
        with open_chain(job.settings, frame_size=size) as chain:

            def turn(count: int) -> Turn:
                times = StageTimes()
                began = time.perf_counter()
                for _ in run(_endless(frames, count), chain.steps, times):
                    pass
                seconds = time.perf_counter() - began
                return Turn(count, seconds, times.seconds, chain.describe(size))

            yield turn

    _serve(connection, job, contend)


def _serve(
    connection: Connection,
    job: Job,
    contend: Callable[[list[Frame]], Iterator[Callable[[int], Turn]]],
) -> None:
    try:
        frames = _held_frames(job)
        with contextmanager(contend)(frames) as turn:
            while count := connection.recv():
                measured = turn(count)
                measured.frame_size = frames[0].size
                measured.peak_memory_mb = peak_memory_mb()
                connection.send(measured)
    except MattecamError as error:
        connection.send(Turn(failure=str(error)))
    except (EOFError, KeyboardInterrupt):
        pass  # the parent is gone or stops: so does this


def peak_memory_mb() -> float:
    """The most memory this process ever held, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: its figure survives an exec, so it may be that of the parent.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import psutil

    memory = psutil.Process().memory_info()
    return float(getattr(memory, "peak_wset", memory.rss)) / 2**20
