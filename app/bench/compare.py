"""Contenders side by side in one run."""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from app.bench import contender
from app.bench.contender import Job, Turn
from app.errors import MattecamError

_PROCESSES = {"naive": contender.naive, "mattecam": contender.mattecam}
# Frames of one turn; the naive loop is slow, and its turns are to take about as long.
_TURN = {"naive": 4, "mattecam": 16}


@dataclass
class _Seat:
    name: str
    process: BaseProcess
    connection: Connection
    turns: list[Turn]

    def take_turn(self, count: int) -> Turn:
        self.connection.send(count)
        try:
            turn: Turn = self.connection.recv()
        except EOFError:
            raise MattecamError(f"The process that measures {self.name} died.") from None
        if turn.failure:
            raise MattecamError(turn.failure)
        return turn


def compare(job: Job, *, rounds: int, progress: Callable[[int, int], None]) -> list[dict[str, Any]]:
    """Runs every contender `rounds` times in turn, after a warm-up turn that does not count.

    Gives one plain dictionary for each: name, fps (the median turn's), stages_ms (medians), and
    what it ran on.
    """
    # spawn: a forked child would share, and be charged with, the parent's memory.
    context = multiprocessing.get_context("spawn")
    seats: list[_Seat] = []
    try:
        for name, target in _PROCESSES.items():
            ours, theirs = context.Pipe()
            process = context.Process(target=target, args=(theirs, job))
            process.start()
            theirs.close()
            seats.append(_Seat(name, process, ours, []))
        for seat in seats:
            seat.take_turn(_TURN[seat.name])
        for turn in range(rounds):
            progress(turn, rounds)
            for seat in seats:
                seat.turns.append(seat.take_turn(_TURN[seat.name]))
        progress(rounds, rounds)
        return [_summary(seat, job) for seat in seats]
    finally:
        for seat in seats:
            seat.process.terminate()
            seat.process.join()
            seat.connection.close()


def _summary(seat: _Seat, job: Job) -> dict[str, Any]:
    last = seat.turns[-1]
    described = dict(last.description)
    if not described:
        from app.modnet.preprocess import grid_for

        grid = grid_for(last.frame_size, job.settings.size)
        described = {
            "engine": "torch",
            "device": "cpu",
            "precision": "float32",
            "network_size": str(grid),
        }
    stages: dict[str, list[float]] = {}
    for turn in seat.turns:
        for name, seconds in turn.stages.items():
            stages.setdefault(name, []).extend(seconds)
    return {
        "name": seat.name,
        "frame_size": f"{last.frame_size[0]}x{last.frame_size[1]}",
        **described,
        "fps": round(statistics.median(t.frames / t.seconds for t in seat.turns), 3),
        "stages_ms": {
            name: round(statistics.median(seconds) * 1e3, 3) for name, seconds in stages.items()
        },
        "peak_memory_mb": round(max(turn.peak_memory_mb for turn in seat.turns), 1),
    }
