"""Foreground colours: the old room must not shine through at the edge."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.halving import halved_to
from app.refine.band import Fringe
from app.refine.foreground import estimate_foreground
from app.runs import Runs


def _edge(width: int = 320, height: int = 180) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A brown person before a green wall: the mixture, the alpha, the true foreground."""
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :].repeat(height, 0)
    wobble = 0.03 * np.sin(np.arange(height, dtype=np.float32) / 7)[:, None]
    alpha = np.clip((x - 0.5 + wobble) * 20 + 0.5, 0, 1)
    shade = 20 * np.sin(np.arange(width) / 9)[None, :, None]
    foreground = np.clip(np.array([120, 80, 50]) + shade + np.zeros((height, 1, 1)), 0, 255)
    mixed = alpha[..., None] * foreground + (1 - alpha[..., None]) * np.array([0, 200, 40])
    return (
        mixed.round().astype(np.uint8),
        (alpha * 255).round().astype(np.uint8),
        foreground.round().astype(np.uint8),
    )


def test_it_takes_most_of_the_wall_out_of_the_edge() -> None:
    mixed, alpha, true = _edge()
    band = (alpha > 0) & (alpha < 255)
    weight = alpha[band][:, None] / 255
    before = (np.abs(mixed[band].astype(float) - true[band]) * weight).mean()
    estimated = estimate_foreground(Fringe.of(mixed, alpha), alpha)
    after = (np.abs(estimated[band].astype(float) - true[band]) * weight).mean()
    assert after < before / 2


def test_outside_of_the_band_nothing_changes() -> None:
    mixed, alpha, _ = _edge()
    sure = (alpha < 3) | (alpha > 252)
    assert (estimate_foreground(Fringe.of(mixed, alpha), alpha)[sure] == mixed[sure]).all()


def plainly(fringe: Fringe, alpha: np.ndarray) -> np.ndarray:
    """The same in float64, over the whole picture, as the formulas stand in the module."""
    picture = halved_to(fringe.small, 64).astype(float)
    a = halved_to(alpha, 64)[..., None] / 255.0
    f = b = picture
    for share in (1 / 16, 1 / 90):
        side = 2 * round(share * min(picture.shape[:2])) + 1

        def mean(values: np.ndarray, side: int = side) -> np.ndarray:
            return cv2.blur(values, (side, side)).reshape(values.shape)

        weight = mean(a)
        f = (mean(f * a) + 1e-3 * picture) / (weight + 1e-3)
        b = (mean(b * (1 - a)) + 1e-3 * picture) / (1 - weight + 1e-3)
        f = np.clip(f + a * (picture - a * f - (1 - a) * b), 0, 255)
    everywhere = Runs.of(np.ones(alpha.shape, bool))

    def sampled(small: np.ndarray) -> np.ndarray:
        four = np.dstack([small, small[..., 0]]).astype(np.float32)
        pieces = [piece.sample(four)[0] for piece in everywhere.pieces()]
        return np.concatenate(pieces, axis=1).reshape(*alpha.shape, 4)[..., :3]

    f, b, a = sampled(f), sampled(b), alpha[..., None] / 255.0
    estimated = np.clip(f + a * (fringe.rgb - a * f - (1 - a) * b), 0, 255)
    band = (fringe.alpha >= 3) & (fringe.alpha <= 252)
    return np.where(band[..., None], estimated, fringe.rgb)


@settings(max_examples=30)
@given(
    st.tuples(st.integers(1, 300), st.integers(1, 200)),
    st.integers(0, 2**32),
    st.sampled_from([0, 1, 30]),
)
def test_it_is_the_plain_estimation_of_any_sizes_and_pictures(
    size: tuple[int, int], seed: int, apart: int
) -> None:
    random = np.random.default_rng(seed)
    shape = size[1], size[0]
    rgb = cv2.resize(random.integers(0, 256, (9, 11, 3), np.uint8), size).reshape(*shape, 3)
    soft = cv2.resize(random.random((4, 5), np.float32), size).reshape(shape)
    first = np.clip(255 * (2 * soft - 0.5), 0, 255).astype(np.uint8)
    # What the guided filter makes of it, in the band and nowhere else.
    led = np.clip(first + random.integers(-apart, apart + 1, shape), 0, 255).astype(np.uint8)
    led = np.where((first < 3) | (first > 252), first, led)
    fringe = Fringe.of(rgb, first)
    assert np.abs(estimate_foreground(fringe, led) - plainly(fringe, led)).max() <= 0.6


@pytest.mark.parametrize("value", [0, 255])
def test_without_a_band_the_picture_itself_comes_back(value: int) -> None:
    mixed, alpha, _ = _edge()
    sure = np.full_like(alpha, value)
    assert estimate_foreground(Fringe.of(mixed, sure), sure) is mixed


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
        lambda shape: st.tuples(
            arrays(np.uint8, (*shape, 3)),
            arrays(np.uint8, shape),
        )
    )
)
def test_any_picture_and_alpha_give_a_picture_and_neither_is_written_to(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    rgb, alpha = pair
    before = rgb.copy(), alpha.copy()
    out = estimate_foreground(Fringe.of(rgb, alpha), alpha)
    assert out.dtype == np.uint8
    assert out.shape == rgb.shape
    assert (rgb == before[0]).all()
    assert (alpha == before[1]).all()


def test_a_band_of_many_pieces_is_estimated_whole() -> None:
    rgb = np.full((300, 400, 3), 90, np.uint8)
    alpha = np.full((300, 400), 128, np.uint8)
    fringe = Fringe.of(rgb, alpha)
    assert len(fringe.pieces) > 2
    assert (np.abs(estimate_foreground(fringe, alpha).astype(int) - 90) <= 1).all()
