"""Foreground colours: the old room must not shine through at the edge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.refine.band import Fringe
from app.refine.foreground import estimate_foreground


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


def test_a_band_larger_than_a_map_may_be_long_is_sampled_whole() -> None:
    rgb = np.full((300, 400, 3), 90, np.uint8)
    alpha = np.full((300, 400), 128, np.uint8)
    out = estimate_foreground(Fringe.of(rgb, alpha), alpha)
    assert (np.abs(out.astype(int) - 90) <= 1).all()
