"""Shift, feather and contrast of the finished matte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import OptionError
from app.frames import Frame, Matte
from app.refine.edge import edge_tools, feathered, shifted
from app.refine.refine import Refine


def disc(radius: float, *, size: int = 81) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size // 2
    return np.where(np.hypot(x, y) <= radius, 255, 0).astype(np.uint8)


def radius_of(alpha: np.ndarray) -> float:
    return float(np.sqrt(alpha.astype(float).sum() / 255 / np.pi))


def apply(alpha: np.ndarray, **options: float) -> np.ndarray:
    return edge_tools.create("edge", **options).apply(alpha)


def test_by_default_nothing_is_changed() -> None:
    alpha = disc(20)
    assert apply(alpha) is alpha


@pytest.mark.parametrize("pixels", [-8.0, -2.5, -1.0, 0.5, 1.0, 3.0, 6.5])
def test_the_edge_moves_by_as_many_pixels_as_were_asked_for(pixels: float) -> None:
    moved = radius_of(shifted(disc(20), pixels)) - radius_of(disc(20))
    assert moved == pytest.approx(pixels, rel=0.2, abs=0.2)


def test_where_the_frame_cuts_the_person_there_is_no_edge() -> None:
    alpha = np.zeros((40, 40), np.uint8)
    alpha[:, :20] = 255
    assert (shifted(alpha, -3)[:, :16] == 255).all()
    assert (feathered(alpha, 5)[:, :10] == 255).all()


def test_feathering_softens_the_edge_and_keeps_its_place() -> None:
    alpha = np.zeros((20, 80), np.uint8)
    alpha[:, 40:] = 255
    soft = feathered(alpha, 6)[10].astype(int)
    assert (np.diff(soft) >= 0).all()
    assert soft[36] > 5
    assert soft[43] < 250
    assert abs(soft[39] + soft[40] - 255) <= 4
    assert feathered(alpha, 12)[10, 34] > soft[34]


def test_contrast_keeps_the_ends_and_the_middle() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    harder, softer = apply(ramp, contrast=60)[0], apply(ramp, contrast=-60)[0]
    for curve in (harder, softer):
        assert curve[0] == 0
        assert curve[255] == 255
        assert abs(int(curve[128]) - 128) <= 2
        assert (np.diff(curve.astype(int)) >= 0).all()
    assert harder[64] < 64 < softer[64]


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.floats(-20, 20),
    st.floats(0, 40),
    st.integers(-100, 100),
)
def test_any_size_and_any_options_go_through(
    size: tuple[int, int], shift: float, feather: float, contrast: int
) -> None:
    alpha = np.random.default_rng(1).integers(0, 256, size).astype(np.uint8)
    before = alpha.copy()
    out = apply(alpha, shift=shift, feather=feather, contrast=contrast)
    assert out.shape == alpha.shape
    assert out.dtype == np.uint8
    assert np.array_equal(alpha, before)
    for flat in (0, 255):
        whole = np.full(size, flat, np.uint8)
        assert (apply(whole, shift=shift, feather=feather, contrast=contrast) == flat).all()


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(OptionError, match="from -20"):
        edge_tools.create_from_spec("edge:shift=-30")


def test_refine_applies_it_to_the_matte_and_not_to_the_colours() -> None:
    picture = np.random.default_rng(2).integers(0, 255, (72, 128, 3), np.uint8)
    alpha = np.zeros((36, 64), np.float32)
    alpha[8:, 20:44] = 1
    matte = Matte(Frame(picture, 0, 0.0), alpha)
    (plainly,) = Refine(colours=True).push(matte)
    (smaller,) = Refine(colours=True, edge=edge_tools.create("edge", shift=-4)).push(matte)
    assert smaller.alpha.sum() < plainly.alpha.sum()
    assert np.array_equal(smaller.foreground, plainly.foreground)
