"""One-Frame Delay: what it changes, what it keeps, and that mattes stay with their frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.frames import Frame, Matte
from app.temporal.base import temporal_filters
from app.temporal.one_frame_delay import OneFrameDelay, replace_flicker


def matte(value: float, index: int, *, shape: tuple[int, int] = (2, 3), at: float | None = None):
    frame = Frame(np.zeros((4, 6, 3), np.uint8), index, index / 30 if at is None else at)
    return Matte(frame, np.full(shape, value, np.float32))


def through(filter_: OneFrameDelay, mattes: list[Matte]) -> list[Matte]:
    out = [m for item in mattes for m in filter_.push(item)]
    return [*out, *filter_.flush()]


def filtered(values: list[float], **options: object) -> list[float]:
    step = temporal_filters.create("ofd", **options)
    out = through(step, [matte(value, index) for index, value in enumerate(values)])
    return [round(float(m.alpha[0, 0]), 4) for m in out]


def test_a_flicker_is_replaced_by_the_mean_of_its_neighbours() -> None:
    assert filtered([1.0, 0.2, 0.94, 1.0]) == [1.0, 0.97, 0.94, 1.0]


def test_the_other_rule_puts_the_previous_one() -> None:
    assert filtered([1.0, 0.2, 0.94, 1.0], replace_by="previous") == [1.0, 1.0, 0.94, 1.0]


def test_a_change_that_stays_is_no_flicker() -> None:
    assert filtered([0.0, 1.0, 1.0, 0.0, 0.0]) == [0.0, 1.0, 1.0, 0.0, 0.0]


def test_a_jump_within_the_threshold_is_no_flicker() -> None:
    assert filtered([0.5, 0.59, 0.5]) == [0.5, 0.59, 0.5]


def test_neighbours_are_taken_before_filtering() -> None:
    # At t=1 a flicker; were its replacement used at t=2, that one would look like a change.
    assert filtered([0.0, 1.0, 0.0, 1.0, 0.0]) == [0.0, 0.0, 1.0, 0.0, 0.0]


def test_only_the_pixels_that_flicker_change() -> None:
    before, after = np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32)
    now = np.array([[0.05, 0.5, 0.0]], np.float32)
    out = replace_flicker(before, now, after, xi=0.1)
    assert np.allclose(out, [[0.05, 0.0, 0.0]])


@given(st.lists(st.floats(0, 1, width=32), min_size=0, max_size=12))
def test_as_many_mattes_come_out_as_went_in_each_with_its_own_frame(values: list[float]) -> None:
    mattes = [matte(value, index) for index, value in enumerate(values)]
    out = through(temporal_filters.create("ofd"), mattes)
    assert [m.frame for m in out] == [m.frame for m in mattes]


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), st.floats(0, 1))
def test_it_agrees_with_the_formula_of_the_paper(values: list[float], xi: float) -> None:
    before, now, after = (np.full((1, 1), v, np.float32) for v in values)
    b, n, a = (np.float32(v) for v in values)
    flicker = abs(b - a) <= xi and abs(n - b) > xi and abs(n - a) > xi
    out = replace_flicker(before, now, after, xi=xi)
    assert out[0, 0] == pytest.approx((b + a) / 2 if flicker else n, abs=1e-6)


def test_another_network_size_under_way_is_bridged() -> None:
    mattes = [
        matte(1.0, 0),
        matte(0.0, 1),
        matte(1.0, 2, shape=(3, 3)),
        matte(0.0, 3, shape=(3, 3)),
    ]
    out = through(temporal_filters.create("ofd"), mattes)
    assert [float(m.alpha[0, 0]) for m in out] == [1.0, 1.0, 0.0, 0.0]


def test_a_gap_in_time_starts_anew_and_loses_nothing() -> None:
    mattes = [matte(1.0, 0, at=0.0), matte(0.0, 1, at=0.03), matte(1.0, 2, at=9.0)]
    out = through(temporal_filters.create("ofd"), mattes)
    assert [float(m.alpha[0, 0]) for m in out] == [1.0, 0.0, 1.0]


def test_frames_too_far_apart_to_be_neighbours_are_left_alone() -> None:
    mattes = [matte(v, i, at=i * 0.5) for i, v in enumerate([1.0, 1.0, 0.0, 1.0])]
    out = through(temporal_filters.create("ofd"), mattes)
    assert [float(m.alpha[0, 0]) for m in out] == [1.0, 1.0, 0.0, 1.0]


def test_reset_forgets_without_giving() -> None:
    step = temporal_filters.create("ofd")
    assert list(step.push(matte(1.0, 0))) == []
    step.reset()
    assert list(step.flush()) == []


def test_the_mattes_that_went_in_are_not_written_to() -> None:
    mattes = [matte(v, i) for i, v in enumerate([1.0, 0.0, 1.0])]
    copies = [m.alpha.copy() for m in mattes]
    through(temporal_filters.create("ofd"), mattes)
    assert all((m.alpha == c).all() for m, c in zip(mattes, copies, strict=True))
