"""Contenders side by side in one run."""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from app.bench import contender
from app.bench.job import Job, Mode, Turn
from app.errors import MattecamError
from app.system.program import how_it_ended, start_worker

OURS = "mattecam"
BESIDE = ("naive", "onnxruntime")
# Frames of the turn that does not count; from it follows how many a turn takes.
_WARM_UP = 4
_FEWEST = 3
_ENDS_WITHIN = 5.0  # seconds, after its end of the pipe is closed


@dataclass
class _Seat:
    """A contender in its process. frames: of one turn."""

    name: str
    job: Job
    process: BaseProcess
    connection: Connection
    frames: int = _WARM_UP
    turns: list[Turn] = field(default_factory=list)

    def take_turn(self) -> Turn:
        """Raises MattecamError with what its process said, or with how it ended."""
        # Where it has ended, what it said before can still be received.
        with contextlib.suppress(OSError):
            self.connection.send(self.frames)
        try:
            turn: Turn = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(_ENDS_WITHIN)
            ended = how_it_ended(self.process.exitcode)
            raise MattecamError(
                f"The process that measures {self.name} {ended}; what it printed stands above. "
                "If nothing does, there may be too little memory."
            ) from None
        if turn.failure:
            raise MattecamError(turn.failure)
        return turn

    def warm_up(self, seconds: float) -> None:
        if self.job.mode == "live":
            self.frames = round(seconds * self.job.rate)
            self.take_turn()
            return
        turn = self.take_turn()
        self.frames = max(_FEWEST, round(seconds * turn.frames / turn.seconds))
        self.take_turn()  # ours is fitted to the scene only after it has lasted for a while

    def close(self) -> None:
        self.process.terminate()
        self.process.join()
        self.connection.close()


def compare(
    job: Job,
    *,
    beside: Sequence[str] = BESIDE,
    rounds: int,
    seconds: float = 2.0,
    progress: Callable[[int, int], None],
) -> list[dict[str, Any]]:
    """Runs every contender `rounds` times in turn, after a warm-up turn that does not count.

    beside: the names of those that are measured beside this project's chain. They have one mode,
    so in a live run they, too, go as fast as they can. seconds: about how long a turn takes.
    Gives one plain dictionary for each contender; see `_summary`. Of one beside that cannot run,
    `failure` is the reason and nothing was measured. Raises MattecamError where ours cannot run.
    """
    seats: list[_Seat] = []
    failures: dict[str, str] = {}
    try:
        for name in (*beside, OURS):
            mode: Mode = job.mode if name == OURS else "lossless"
            seats.append(_seated(name, replace(job, mode=mode)))
        for seat in seats:
            with _noted(seat, failures):
                seat.warm_up(seconds)
        for turn in range(rounds):
            progress(turn, rounds)
            for seat in seats:
                if seat.name not in failures:
                    with _noted(seat, failures):
                        seat.turns.append(seat.take_turn())
        progress(rounds, rounds)
        summaries = [
            _unmeasured(seat, failures[seat.name]) if seat.name in failures else _summary(seat)
            for seat in seats
        ]
    finally:
        for seat in seats:
            seat.close()
    if job.mode == "live":
        # Live the network runs beside everything else: what is outside is measured without it.
        summaries[-1]["cpu_ms_per_frame_outside_network"] = _outside(job)
    return summaries


@contextlib.contextmanager
def _noted(seat: _Seat, failures: dict[str, str]) -> Iterator[None]:
    """Who is measured beside may be unable to run; the rest is measured all the same."""
    try:
        yield
    except MattecamError as error:
        if seat.name == OURS:
            raise
        failures[seat.name] = str(error)


def _unmeasured(seat: _Seat, failure: str) -> dict[str, Any]:
    return {
        "name": seat.name,
        "mode": seat.job.mode,
        "feed": seat.job.feed,
        "failure": failure,
    }


def _seated(name: str, job: Job) -> _Seat:
    # spawn: a forked child would share, and be charged with, the parent's memory.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=contender.serve, args=(theirs, name, job), name=name)
    start_worker(process)
    theirs.close()
    return _Seat(name, job, process, ours)


def _outside(job: Job) -> float | None:
    seat = _seated(OURS, replace(job, mode="lossless"))
    try:
        return _milliseconds(seat.take_turn().outside)
    finally:
        seat.close()


def _summary(seat: _Seat) -> dict[str, Any]:
    """name, mode, feed, frame_size, what it ran on; fps: the median turn's; stages_ms: for each
    stage its median and p95; cpu_ms_per_frame: of all threads; and what is outside of the network;
    peak_memory_mb: of its process; live also latency_ms (capture to output) and dropped.
    """
    last, turns = seat.turns[-1], seat.turns
    frames = sum(turn.frames for turn in turns)
    summary = {
        "name": seat.name,
        "mode": seat.job.mode,
        "feed": seat.job.feed,
        "frame_size": f"{last.frame_size[0]}x{last.frame_size[1]}",
        **last.description,
        "fps": round(statistics.median(t.frames / t.seconds for t in turns), 3),
        "stages_ms": _stages(turns),
        "cpu_ms_per_frame": _milliseconds(sum(t.cpu for t in turns) / frames if frames else None),
        "cpu_ms_per_frame_outside_network": _milliseconds(last.outside),
        "peak_memory_mb": round(max(turn.peak_memory_mb for turn in turns), 1),
    }
    if seat.job.mode == "live":
        ages = [age * 1e3 for turn in turns for age in turn.latencies]
        summary["latency_ms"] = _spread(ages) if ages else None
        summary["rate_in"] = seat.job.rate
        summary["dropped"] = sum(turn.dropped for turn in turns)
    return summary


def _stages(turns: Sequence[Turn]) -> dict[str, dict[str, float]]:
    spreads = turns[-1].spreads
    if spreads:
        return {
            name: {"median": round(p50, 3), "p95": round(p95, 3)}
            for name, (p50, p95) in spreads.items()
        }
    stages: dict[str, list[float]] = {}
    for turn in turns:
        for name, seconds in turn.stages.items():
            stages.setdefault(name, []).extend(second * 1e3 for second in seconds)
    return {name: _spread(times) for name, times in stages.items()}


def _spread(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    at = min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))
    return {"median": round(statistics.median(ordered), 3), "p95": round(ordered[at], 3)}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)
