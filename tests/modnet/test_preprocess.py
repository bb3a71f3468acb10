"""The grid of 32s that a picture of any shape becomes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import UsageError
from app.frames import Frame
from app.modnet.preprocess import (
    AUTO,
    AUTO_LONG_SIDE,
    LARGEST_SIDE,
    MULTIPLE,
    NetworkSize,
    crop,
    fit,
    fit_frame,
    grid_for,
)

sides = st.integers(1, 8192)
boxes = st.integers(MULTIPLE, LARGEST_SIDE)


@given(sides, sides)
def test_auto_gives_multiples_of_32_that_hold_the_picture(width: int, height: int) -> None:
    grid = grid_for((width, height), AUTO)
    assert grid.padded[0] % MULTIPLE == grid.padded[1] % MULTIPLE == 0
    assert all(0 < c <= p < c + MULTIPLE for c, p in zip(grid.content, grid.padded, strict=True))
    assert max(grid.content) <= AUTO_LONG_SIDE


@given(sides, sides, boxes, boxes)
def test_a_box_keeps_the_aspect_and_is_filled_in_one_direction(
    width: int, height: int, box_width: int, box_height: int
) -> None:
    grid = grid_for((width, height), NetworkSize((box_width, box_height)))
    rounded = [max(32, round(side / 32) * 32) for side in (box_width, box_height)]
    assert grid.padded[0] <= rounded[0]
    assert grid.padded[1] <= rounded[1]
    assert grid.content[0] == rounded[0] or grid.content[1] == rounded[1]
    scale = min(rounded[0] / width, rounded[1] / height)
    for content, side in zip(grid.content, (width, height), strict=True):
        assert content == 1 or abs(content - side * scale) <= 0.5 + 1e-6


@pytest.mark.parametrize(
    ("frame", "size", "content", "padded"),
    [
        ((1280, 720), "auto", (512, 288), (512, 288)),
        ((1920, 1080), "512x288", (512, 288), (512, 288)),
        ((1080, 720), "auto", (432, 288), (448, 288)),
        ((720, 1280), "auto", (288, 512), (288, 512)),
        ((720, 1280), "512x288", (162, 288), (192, 288)),
        ((1, 1000), "auto", (1, 1152), (32, 1152)),
        ((1, 1), "auto", (288, 288), (288, 288)),
        ((7680, 4320), "320x192", (320, 180), (320, 192)),
        ((1280, 720), "500x300", (512, 288), (512, 288)),
    ],
)
def test_known_sizes(
    frame: tuple[int, int], size: str, content: tuple[int, int], padded: tuple[int, int]
) -> None:
    grid = grid_for(frame, NetworkSize.parse(size))
    assert (grid.content, grid.padded) == (content, padded)


def test_only_stretch_ignores_the_aspect() -> None:
    grid = grid_for((1000, 100), NetworkSize((512, 288), stretch=True))
    assert grid.content == grid.padded == (512, 288)


@pytest.mark.parametrize("text", ["", "big", "512", "512x", "x288", "-5x5", "16x16", "9999x32"])
def test_a_size_that_makes_no_sense_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError, match="--size"):
        NetworkSize.parse(text)


@pytest.mark.parametrize("shape", [(1, 1), (1000, 1), (1, 1000), (47, 333), (720, 1280)])
def test_the_padding_repeats_the_last_row_and_column(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    grid = grid_for((shape[1], shape[0]), NetworkSize((160, 96)))
    out = np.full((grid.padded[1], grid.padded[0], 3), 77, np.uint8)
    fit(rgb, grid, out)
    width, height = grid.content
    assert (out[height:, :width] == out[height - 1 : height, :width]).all()
    assert (out[:, width:] == out[:, width - 1 : width]).all()


@settings(max_examples=60)
@given(st.integers(1, 700), st.integers(1, 500), st.sampled_from(["auto", "64x64", "160x96"]))
def test_a_mirrored_frame_is_fitted_as_its_flipped_picture_is(
    width: int, height: int, size: str
) -> None:
    random = np.random.default_rng(width)
    rgb = cv2.resize(random.integers(0, 256, (9, 13, 3), np.uint8), (width, height))
    grid = grid_for((width, height), NetworkSize.parse(size))
    mirrored, flipped = (np.zeros((*grid.padded[::-1], 3), np.uint8) for _ in range(2))
    frame = Frame(rgb, 0, 0.0, mirrored=True)
    fit_frame(frame, grid, mirrored)
    fit(np.ascontiguousarray(rgb[:, ::-1]), grid, flipped)
    # Sampling rounds a little otherwise from the other side.
    assert np.abs(mirrored.astype(int) - flipped).max() <= 2
    assert np.array_equal(frame.rgb, rgb)


def test_cropping_gives_a_copy_of_the_content_within_0_and_1() -> None:
    grid = grid_for((1080, 720), AUTO)
    raw = np.full((grid.padded[1], grid.padded[0]), 1.5, np.float32)
    raw[0, 0] = -0.5
    alpha = crop(raw, grid)
    assert alpha.shape == (288, 432)
    assert alpha.dtype == np.float32
    assert alpha.min() == 0.0
    assert alpha.max() == 1.0
    assert not np.shares_memory(alpha, raw)


def test_what_is_no_number_shows_the_background_not_the_room() -> None:
    raw = np.full((32, 64), 0.5, np.float32)
    raw[3, 5], raw[4, 6], raw[5, 7] = np.nan, np.inf, -np.inf
    alpha = crop(raw, grid_for((64, 32), NetworkSize((64, 32))))
    assert (alpha[3, 5], alpha[4, 6], alpha[5, 7]) == (0, 1, 0)
    assert np.isnan(raw[3, 5])
