"""What is measured beside the network."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import pytest

from app.bench.chain_run import outside_network
from app.bench.job import Held
from app.chain import Chain, ChainSettings, open_chain
from app.frames import RGB, Composite, Frame


class Processor:
    """Its time passes only where a step says that it spends some."""

    def __init__(self) -> None:
        self.spent = 0.0

    def process_time(self) -> float:
        return self.spent


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Processor:
    made = Processor()
    monkeypatch.setattr("app.bench.chain_run.time", made)
    return made


class Counting:
    """A step at the end that notes how many frames are alive, and spends time of `processor`."""

    name = "counting"

    def __init__(self, processor: Processor | None = None, *, seconds: float = 0.0) -> None:
        self.alive: list[int] = []
        self._processor = processor
        self._seconds = seconds

    def push(self, item: Composite) -> Iterable[Composite]:
        self.alive.append(sum(issubclass(type(each), Frame) for each in gc.get_objects()))
        if self._processor is not None:
            self._processor.spent += self._seconds
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


@pytest.mark.parametrize("size", [(160, 90), (161, 91)], ids=["even", "odd"])
def test_what_a_step_costs_is_in_it(processor: Processor, size: tuple[int, int]) -> None:
    cost = measure(Counting(processor, seconds=0.01), size=size)
    assert cost == pytest.approx(0.01)


def test_what_decoding_costs_is_not_in_it(processor: Processor) -> None:
    class Decoder(Held):
        def pictures(self) -> Iterator[RGB]:
            for picture in super().pictures():
                processor.spent += 0.5
                yield picture

    with open_chain(SETTINGS) as chain:
        fed = Decoder([np.zeros((90, 160, 3), np.uint8)])
        assert outside_network(chain, fed) == pytest.approx(0)


def test_the_chain_has_opencv_work_in_its_own_thread() -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        with open_chain(SETTINGS):
            assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)
