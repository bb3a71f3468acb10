"""Foreground colours: the old room must not shine through at the edge."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.edge_colours import EdgeColours
from app.frames import Frame
from app.refine.band import Fringe
from app.refine.guided import Guide
from app.refine.refine import enlarge
from app.temporal.motion import small_picture
from tests.refine import plainly


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


def _refined(
    picture: np.ndarray, alpha: np.ndarray, enlarged: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The alpha that was led, and the person's colours for it."""
    small = small_picture(Frame(picture, 0, 0.0))
    led, found = Guide().lead(alpha, enlarged, picture, small=small, at=0.0)
    return led, found.whole if isinstance(found, EdgeColours) else found


def _estimated(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The colours where the network's grid is as fine as the picture. alpha: uint8 (H, W)."""
    return _refined(picture, alpha.astype(np.float32) / 255, alpha)[1]


def test_it_takes_most_of_the_wall_out_of_the_edge() -> None:
    mixed, alpha, true = _edge()
    band = (alpha > 0) & (alpha < 255)
    weight = alpha[band][:, None] / 255
    before = (np.abs(mixed[band].astype(float) - true[band]) * weight).mean()
    after = (np.abs(_estimated(mixed, alpha)[band].astype(float) - true[band]) * weight).mean()
    assert after < before / 2


def test_outside_of_the_band_nothing_changes() -> None:
    mixed, alpha, _ = _edge()
    sure = (alpha < 3) | (alpha > 252)
    assert (_estimated(mixed, alpha)[sure] == mixed[sure]).all()


@settings(max_examples=30)
@given(
    st.tuples(st.integers(1, 300), st.integers(1, 200)),
    st.tuples(st.integers(1, 60), st.integers(1, 40)),
    st.integers(0, 2**32),
)
def test_it_is_the_plain_estimation_of_any_sizes_and_pictures(
    size: tuple[int, int], grid: tuple[int, int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    rgb = cv2.resize(random.integers(0, 256, (9, 11, 3), np.uint8), size)
    rgb = rgb.reshape(size[1], size[0], 3)
    soft = cv2.resize(random.random((4, 5), np.float32), grid).reshape(grid[::-1])
    alpha = np.clip(2 * soft - 0.5, 0, 1)
    enlarged = enlarge(alpha, size)
    led, found = _refined(rgb, alpha, enlarged)
    assert np.abs(found - plainly.colours(alpha, enlarged, led, rgb)).max() <= 0.6


@pytest.mark.parametrize("value", [0, 255])
def test_without_a_band_the_picture_itself_comes_back(value: int) -> None:
    mixed, alpha, _ = _edge()
    assert _estimated(mixed, np.full_like(alpha, value)) is mixed


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
    out = _estimated(rgb, alpha)
    assert out.dtype == np.uint8
    assert out.shape == rgb.shape
    assert (rgb == before[0]).all()
    assert (alpha == before[1]).all()


def test_a_band_of_many_pieces_is_estimated_whole() -> None:
    random = np.random.default_rng(8)
    rgb = random.integers(0, 256, (300, 400, 3), np.uint8)
    alpha = random.uniform(0.1, 0.9, (30, 40)).astype(np.float32)
    enlarged = enlarge(alpha, (400, 300))
    assert len(list(Fringe.of(rgb, enlarged).pieces())) > 2
    led, found = _refined(rgb, alpha, enlarged)
    assert np.abs(found - plainly.colours(alpha, enlarged, led, rgb)).max() <= 0.6


@pytest.mark.parametrize("size", [(1280, 720), (853, 481), (638, 358)])
@pytest.mark.parametrize("centre", [(0, 0), (0.3, 0.5), (1, 1)])
def test_somewhere_in_a_large_picture_it_is_the_plain_estimation(
    size: tuple[int, int], centre: tuple[float, float]
) -> None:
    """Only what the band sees is looked at, on a grid coarser than the network's."""
    random = np.random.default_rng(9)
    rgb = cv2.resize(random.integers(0, 256, (90, 160, 3), np.uint8), size)
    alpha = np.zeros((288, 512), np.float32)
    place = round(511 * centre[0]), round(287 * centre[1])
    cv2.circle(alpha, place, 40, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2.0)
    rgb = np.where(cv2.resize(alpha, size)[..., None] > 0.5, rgb // 4, 128 + rgb // 2).astype(
        np.uint8
    )
    enlarged = enlarge(alpha, size)
    led, found = _refined(rgb, alpha, enlarged)
    assert np.abs(led - plainly.Plainly().led(alpha, enlarged, rgb)).max() <= 0.9
    assert np.abs(found - plainly.colours(alpha, enlarged, led, rgb)).max() <= 0.6
    assert (led != enlarged).any()
