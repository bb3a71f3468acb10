"""What is measured beside the network."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable

import cv2
import numpy as np

from app.bench.chain_run import outside_network
from app.bench.job import Held
from app.chain import Chain, ChainSettings, open_chain
from app.frames import Composite, Frame


class Counting:
    """A step at the end that notes how many frames are alive, and spends time of the processor."""

    name = "counting"

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.alive: list[int] = []
        self._seconds = seconds

    def push(self, item: Composite) -> Iterable[Composite]:
        self.alive.append(sum(issubclass(type(each), Frame) for each in gc.get_objects()))
        until = time.process_time() + self._seconds
        while time.process_time() < until:
            pass
        return (item,)

    def flush(self) -> Iterable[Composite]:
        return ()

    def reset(self) -> None: ...


SETTINGS = ChainSettings(engine="null", background="color")


def measure(counting: Counting, *, size: tuple[int, int] = (160, 90)) -> float:
    with open_chain(SETTINGS) as opened:
        chain = Chain((*opened.steps, counting), opened.engine, "none", SETTINGS, 1)
        return outside_network(chain, Held([np.zeros((size[1], size[0], 3), np.uint8)]))


def test_frames_come_one_by_one_so_that_none_is_kept() -> None:
    before = sum(issubclass(type(each), Frame) for each in gc.get_objects())
    counting = Counting()
    measure(counting)
    assert len(counting.alive) == 5 * 40
    assert max(counting.alive) - before <= 6


def test_what_every_step_costs_is_in_it() -> None:
    assert 0.01 <= measure(Counting(seconds=0.01)) < 0.1


def test_frames_of_odd_sizes_can_be_measured() -> None:
    assert measure(Counting(), size=(161, 91)) > 0


def test_the_chain_has_opencv_work_in_its_own_thread() -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        with open_chain(SETTINGS):
            assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)
