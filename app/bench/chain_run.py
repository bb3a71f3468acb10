"""This project's chain without threads of its own: as fast as it can, no frame lost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from app.alternation import Alternation
from app.bench.job import Feeder, Job, Turn, frames_of
from app.chain import Chain, open_chain
from app.flow import StageTimes, Step, run
from app.frames import Alpha, Frame, Matte
from app.matting import Matting
from app.modnet.preprocess import Grid, fit_frame

# Frames whose mattes are kept for measuring what is outside of the network.
_REPLAYED = 8
# And how many are shown, how often: the median is told, for a neighbour on the machine may take
# its cache away for a moment.
_OUTSIDE_FRAMES, _OUTSIDE_TIMES = 40, 5


def chain_turns(job: Job, feeder: Feeder) -> Iterator[Callable[[int], Turn]]:
    with open_chain(job.settings, frame_size=feeder.size) as chain:
        described = chain.describe(feeder.size)
        spent: list[float] = []
        shown = 0  # frames of all turns: as of one long clip

        def take_turn(count: int) -> Turn:
            nonlocal shown
            times = StageTimes()
            began, cpu = time.perf_counter(), time.process_time()
            for _ in run(frames_of(feeder, count, times, first=shown), chain.steps, times):
                pass
            shown += count
            turn = Turn(
                frames=count,
                seconds=time.perf_counter() - began,
                cpu=time.process_time() - cpu,
                stages=times.seconds,
                description=described,
            )
            if not spent:
                spent.append(outside_network(chain, feeder))
            turn.outside = spent[0]
            return turn

        yield take_turn


def outside_network(chain: Chain, feeder: Feeder) -> float:
    """Processor seconds for one frame of everything but the network, over all threads.

    The network's part is played back: the same mattes as it gave, after the same resizing of the
    frame to its grid. The composite is brought to I420 in the end, as for a virtual camera.
    """
    at = next(i for i, step in enumerate(chain.steps) if isinstance(step, Matting))
    before, matting = chain.steps[:at], chain.steps[at]
    assert isinstance(matting, Matting)
    alphas = [matte.alpha for matte in _mattes(frames_of(feeder, _REPLAYED), (*before, matting))]
    replay = _Replay(alphas, chain.grid(feeder.size), matting.alternate)
    steps = (*before, replay, *chain.steps[at + 1 :])
    for step in steps:
        step.reset()
    spent = []
    for _ in range(_OUTSIDE_TIMES):
        spent.append(_spent(feeder, steps))
        for step in steps:
            step.reset()
    return statistics.median(spent)


def _spent(feeder: Feeder, steps: Sequence[Step[Any, Any]]) -> float:
    """Processor seconds for one frame in the steps and for I420, without what decoding takes."""
    fed = 0.0

    def frames() -> Iterator[Frame]:
        nonlocal fed
        coming = frames_of(feeder, _OUTSIDE_FRAMES)
        while True:
            began = time.process_time()
            frame = next(coming, None)
            fed += time.process_time() - began
            if frame is None:
                return
            yield frame

    began = time.process_time()
    # One after the other, as they come: all at once they would keep their halves.
    for composite in run(frames(), steps):
        if composite.rgb is not None:
            height, width = composite.rgb.shape[:2]
            # It has one chroma for each 2x2 pixels: an odd last row or column stays behind.
            even = composite.rgb[: height // 2 * 2, : width // 2 * 2]
            cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420)
    return (time.process_time() - began - fed) / _OUTSIDE_FRAMES


def _mattes(frames: Iterable[Frame], steps: Sequence[Step[Any, Any]]) -> Iterator[Matte]:
    """What comes out of steps that end in the matting."""
    return run(frames, steps)  # type: ignore[return-value]


class _Replay:
    """In the matting step's place: all that it does but the network."""

    name = "matting"

    def __init__(self, alphas: list[Alpha], grid: Grid, alternate: bool) -> None:
        self._alphas = alphas
        self._alternate = alternate
        self._alternation = Alternation()
        self._grid = grid
        width, height = grid.padded
        self._input = np.zeros((height, width, 3), np.uint8)

    def push(self, item: Frame) -> Iterable[Matte]:
        shown = self._alternation.into(item, alternate=self._alternate)
        fit_frame(shown, self._grid, self._input)
        alpha = self._alphas[item.index % len(self._alphas)]
        if shown is not item:
            alpha = np.asarray(cv2.flip(alpha, 1), np.float32)
        return list(self._alternation.out_of((Matte(shown, alpha),)))

    def flush(self) -> Iterable[Matte]:
        return ()

    def reset(self) -> None:
        self._alternation.reset()
