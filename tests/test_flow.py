"""The loop that loses no frame."""

from collections.abc import Iterable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.flow import StageTimes, run
from app.frames import Frame


class Hold:
    """Gives each item `delay` pushes later."""

    def __init__(self, delay: int, name: str = "hold") -> None:
        self.name = name
        self._delay = delay
        self._held: list[Frame] = []

    def push(self, item: Frame) -> Iterable[Frame]:
        self._held.append(item)
        return [self._held.pop(0)] if len(self._held) > self._delay else []

    def flush(self) -> Iterable[Frame]:
        held, self._held = self._held, []
        return held

    def reset(self) -> None:
        self._held = []


def frames(count: int) -> list[Frame]:
    rgb = np.zeros((1, 1, 3), np.uint8)
    return [Frame(rgb, index, index / 30) for index in range(count)]


@given(st.integers(0, 20), st.lists(st.integers(0, 5), max_size=4))
def test_as_many_come_out_as_went_in_in_order_however_long_steps_hold_them(
    count: int, delays: list[int]
) -> None:
    items = frames(count)
    assert list(run(items, [Hold(delay) for delay in delays])) == items


def test_nothing_is_read_ahead() -> None:
    read: list[int] = []

    def source() -> Iterable[Frame]:
        for frame in frames(10):
            read.append(frame.index)
            yield frame

    for out in run(source(), [Hold(2)]):
        if out.index == 1:
            break
    assert read == [0, 1, 2, 3]


def test_the_steps_can_be_used_again_after_the_end() -> None:
    step = Hold(3)
    assert len(list(run(frames(4), [step]))) == 4
    assert len(list(run(frames(4), [step]))) == 4


def test_the_time_of_each_step_is_kept_by_its_name() -> None:
    times = StageTimes()
    list(run(frames(5), [Hold(1, "first"), Hold(1, "second")], times))
    assert {name: len(seconds) for name, seconds in times.seconds.items()} == {
        "first": 6,
        "second": 6,
    }
