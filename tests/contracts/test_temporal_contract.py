"""What every registered temporal filter must do, a new one included on arrival."""

from __future__ import annotations

import numpy as np
import pytest

from app.frames import Matte
from app.temporal.base import TemporalFilter, temporal_filters
from tests.contracts.parts import mattes

NAMES = temporal_filters.names()


def _all(filter_: TemporalFilter, items: list[Matte]) -> list[Matte]:
    out = [matte for item in items for matte in filter_.push(item)]
    return [*out, *filter_.flush()]


@pytest.fixture(params=NAMES)
def filter_(request: pytest.FixtureRequest) -> TemporalFilter:
    return temporal_filters.create(request.param)


def test_each_matte_comes_out_once_in_order_with_its_own_frame(filter_: TemporalFilter) -> None:
    items = list(mattes(9))
    out = _all(filter_, items)
    assert [matte.frame for matte in out] == [item.frame for item in items]


def test_no_more_mattes_are_held_back_than_it_declares(filter_: TemporalFilter) -> None:
    came_out = 0
    for number, item in enumerate(mattes(9), start=1):
        came_out += len(list(filter_.push(item)))
        assert number - came_out <= filter_.delay_frames
    assert came_out + len(list(filter_.flush())) == 9


def test_alpha_stays_within_0_and_1_on_the_same_grid(filter_: TemporalFilter) -> None:
    for matte in _all(filter_, list(mattes(9))):
        assert matte.alpha.dtype == np.float32
        assert matte.alpha.shape == (24, 32)
        assert matte.alpha.min() >= 0.0
        assert matte.alpha.max() <= 1.0


def test_what_went_in_is_not_written_to(filter_: TemporalFilter) -> None:
    items = list(mattes(5))
    before = [item.alpha.copy() for item in items]
    _all(filter_, items)
    assert all(map(np.array_equal, before, (item.alpha for item in items)))


def test_after_a_reset_it_knows_nothing_of_before(filter_: TemporalFilter) -> None:
    items = list(mattes(6))
    first = _all(filter_, items)
    for item in mattes(4, first=50):
        filter_.push(item)
    filter_.reset()
    second = _all(filter_, items)
    assert all(
        np.array_equal(one.alpha, other.alpha) for one, other in zip(first, second, strict=True)
    )


def test_a_gap_in_time_loses_no_matte(filter_: TemporalFilter) -> None:
    items = [*mattes(3), *mattes(3, first=3, at=10.0)]
    assert [matte.frame for matte in _all(filter_, items)] == [item.frame for item in items]


def test_another_grid_in_the_middle_loses_no_matte(filter_: TemporalFilter) -> None:
    items = [*mattes(4), *mattes(4, shape=(12, 16), first=4, at=4 / 25)]
    out = _all(filter_, items)
    assert [matte.frame for matte in out] == [item.frame for item in items]
    assert out[-1].alpha.shape == (12, 16)


def test_a_flush_of_nothing_gives_nothing(filter_: TemporalFilter) -> None:
    assert not list(filter_.flush())
