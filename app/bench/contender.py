"""One contender in a process of its own, so that its memory is its own.

The parent sends how many frames to run and gets back what was measured. Contenders take turns, so
that all of them see the same noise of a shared machine.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.bench.job import COLOUR, Feeder, Job, StageTimer, Turn, frames_of, open_feeder
from app.errors import MattecamError
from app.system.program import ignore_terminal

if TYPE_CHECKING:
    from app.frames import RGB

# Measures a turn of so many frames.
TakeTurn = Callable[[int], Turn]
Contend = Callable[[Job, Feeder], Iterator[TakeTurn]]


def naive(job: Job, feeder: Feeder) -> Iterator[TakeTurn]:
    """The loop of every tutorial."""
    from app.bench.naive import NaiveLoop

    loop = NaiveLoop(_peers_file(job), job.settings.size, _background(feeder))
    yield _loop(feeder, loop.process, loop.describe(feeder.size))


def onnxruntime(job: Job, feeder: Feeder) -> Iterator[TakeTurn]:
    """The same loop with ONNX Runtime: what the better ones of this project's peers do."""
    from app.bench.onnx_loop import OnnxLoop

    loop = OnnxLoop(_peers_file(job), job.settings.size, _background(feeder))
    yield _loop(feeder, loop.process, loop.describe(feeder.size))


def mattecam(job: Job, feeder: Feeder) -> Iterator[TakeTurn]:
    """This project's chain: the steps that `convert` and `live` run."""
    if job.mode == "live":
        from app.bench.live_run import live_turns

        yield from live_turns(job, feeder)
    else:
        from app.bench.chain_run import chain_turns

        yield from chain_turns(job, feeder)


CONTENDERS: dict[str, Contend] = {
    "naive": naive,
    "onnxruntime": onnxruntime,
    "mattecam": mattecam,
}


def serve(connection: Connection, name: str, job: Job) -> None:
    """The body of a contender's process."""
    ignore_terminal()
    try:
        feeder = open_feeder(job)
        with contextmanager(CONTENDERS[name])(job, feeder) as take_turn:
            while count := connection.recv():
                turn = take_turn(count)
                turn.frame_size = feeder.size
                turn.peak_memory_mb = peak_memory_mb()
                connection.send(turn)
    except MattecamError as error:
        _tell(connection, str(error))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass  # the parent is gone or stops: so does this
    except Exception as error:  # noqa: BLE001 - the parent tells it to the user
        _tell(connection, f"{name} failed: {type(error).__name__}: {error}")


def _tell(connection: Connection, failure: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        connection.send(Turn(failure=failure))


def _peers_file(job: Job) -> Path:
    """What the loops beside run: the chosen weights where they are ONNX, else MODNet as released.

    It is the same network, and ONNX Runtime takes no other format.
    """
    from app.weights import store

    chosen = store.resolve(job.settings.weights).path
    return chosen if chosen.suffix == ".onnx" else store.resolve(store.PLAIN).path


def _background(feeder: Feeder) -> RGB:
    width, height = feeder.size
    return np.full((height, width, 3), COLOUR, np.uint8)


def _loop(
    feeder: Feeder, process: Callable[[RGB, StageTimer], RGB], description: dict[str, object]
) -> TakeTurn:
    def take_turn(count: int) -> Turn:
        timer = StageTimer()
        began, cpu = time.perf_counter(), time.process_time()
        for frame in frames_of(feeder, count, timer.times):
            process(frame.rgb, timer)
        return Turn(
            frames=count,
            seconds=time.perf_counter() - began,
            cpu=time.process_time() - cpu,
            stages=timer.times.seconds,
            outside=timer.cpu_without("matting", count),
            description=description,
        )

    return take_turn


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
