"""Pixels found, taken and put back in runs: against the plain way with a mask."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runs import Runs

_SIDES = st.integers(1, 70)


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(_SIDES), draw(_SIDES)
    return generator.random(shape) < draw(st.sampled_from([0.0, 0.01, 0.3, 1.0]))


def covered(runs: Runs) -> np.ndarray:
    """bool (H, W): every pixel of the runs."""
    width, height = runs.size
    flat = np.zeros((height * width // runs.length, runs.length), bool)
    flat[runs.at] = True
    return flat.reshape(height, width)


@given(masks())
def test_the_runs_hold_the_mask_and_each_a_pixel_of_it(mask: np.ndarray) -> None:
    runs = Runs.of(mask)
    held = covered(runs)
    assert held[mask].all()
    assert mask.reshape(-1, runs.length)[runs.at].any(axis=1).all()
    assert runs.length == math.gcd(mask.shape[1], 8)
    assert runs.is_empty == (not mask.any())
    assert runs.pixels == np.count_nonzero(held)


@given(masks(), masks())
def test_between_are_the_runs_that_are_of_neither_end(mask: np.ndarray, other: np.ndarray) -> None:
    alpha = np.where(mask, np.uint8(255), np.uint8(0))
    alpha[: other.shape[0], : other.shape[1]] ^= other[: mask.shape[0], : mask.shape[1]]
    runs = Runs.between(alpha)
    words = alpha.reshape(-1, runs.length)
    assert runs.length == math.gcd(mask.shape[1], 8)
    ends = (words == 0).all(axis=1) | (words == 255).all(axis=1)
    assert np.array_equal(runs.at, np.flatnonzero(~ends))


@given(masks())
def test_what_is_taken_are_the_pixels_in_reading_order(mask: np.ndarray) -> None:
    generator = np.random.default_rng(mask.size)
    runs = Runs.of(mask)
    held = covered(runs)
    for shape in (mask.shape, (*mask.shape, 3)):
        picture = generator.integers(0, 256, shape, np.uint8)
        taken = runs.take(picture)
        assert taken.shape == (1, runs.pixels, *shape[2:])
        assert np.array_equal(taken[0], picture[held])
        sliced = np.repeat(picture, 2, axis=1)[:, ::2]
        assert np.array_equal(runs.take(sliced), taken)


@given(masks())
def test_what_is_put_back_changes_these_pixels_and_no_other(mask: np.ndarray) -> None:
    generator = np.random.default_rng(mask.size)
    runs = Runs.of(mask)
    held = covered(runs)
    for shape in (mask.shape, (*mask.shape, 3)):
        picture = generator.integers(0, 256, shape, np.uint8)
        wanted = picture.copy()
        wanted[held] = 255 - wanted[held]
        runs.put(picture, 255 - runs.take(picture))
        assert np.array_equal(picture, wanted)


def test_nothing_is_put_into_a_picture_where_it_would_be_lost() -> None:
    picture = np.zeros((4, 16), np.uint8)[:, ::2]
    with pytest.raises(ValueError, match="C-contiguous"):
        Runs.of(np.ones((4, 8), bool)).put(picture, np.zeros((1, 32), np.uint8))


@pytest.mark.parametrize("width", [1280, 1366, 853])
def test_the_pieces_are_all_of_it_and_none_is_large(width: int) -> None:
    runs = Runs.of(np.random.default_rng(1).random((300, width)) < 0.4)
    pieces = list(runs.pieces())
    assert len(pieces) > 2
    assert np.array_equal(np.concatenate([piece.at for piece in pieces]), runs.at)
    sizes = [piece.pixels for piece in pieces]
    assert max(sizes) < 32767  # remap takes no more in a row
    assert max(sizes) - min(sizes) <= runs.length
    assert list(Runs.of(np.zeros((3, width), bool)).pieces()) == []


@given(masks(), st.tuples(_SIDES, _SIDES), st.sampled_from([1, 3, 4]))
def test_a_sample_is_what_resize_gives(
    mask: np.ndarray, size: tuple[int, int], channels: int
) -> None:
    height, width = mask.shape
    size = min(size[0], width), min(size[1], height)  # down, resize looks elsewhere
    small = np.random.default_rng(3).random((size[1], size[0], channels), np.float32)
    runs = Runs.of(mask)
    for piece in runs.pieces():
        (sampled,) = piece.sample(small)
        whole = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        whole = whole.reshape(height, width, channels)[covered(runs)]
        # remap looks where it looks to 1/32 of a pixel.
        assert np.allclose(sampled.reshape(-1, channels), whole, atol=2 / 32)


@given(masks(), st.tuples(_SIDES, _SIDES))
def test_a_part_that_holds_the_box_gives_the_same_samples(
    mask: np.ndarray, size: tuple[int, int]
) -> None:
    small = np.random.default_rng(3).random((size[1], size[0], 4), np.float32)
    runs = Runs.of(mask)
    if runs.is_empty:
        return
    left, top, right, bottom = runs.box_on(size, margin=0)
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]
    for piece in runs.pieces():
        (whole,) = piece.sample(small)
        first, second = piece.sample(
            np.ascontiguousarray(small[top:bottom, left:right]),
            np.ascontiguousarray(small[top:bottom, left:right] + 1),
            of=size,
            at=(left, top),
        )
        assert np.allclose(first, whole, atol=1e-3)
        assert np.allclose(second, whole + 1, atol=1e-3)
