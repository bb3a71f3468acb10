"""A frame is halved once, whoever asks."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.frames import Frame
from app.halving import half_of, halved, halved_frame
from app.modnet.preprocess import NetworkSize, fit, fit_frame, grid_for

RNG = np.random.default_rng(5)


@given(st.integers(1, 90), st.integers(1, 70), st.integers(1, 40))
def test_halves_of_a_frame_are_those_of_its_picture(width: int, height: int, side: int) -> None:
    frame = Frame(RNG.integers(0, 256, (height, width, 3), np.uint8), 0, 0.0)
    picture = frame.rgb
    while min(picture.shape[:2]) >= 2 * side:
        picture = halved(picture)
    assert np.array_equal(halved_frame(frame, side), picture)


def test_a_half_is_made_once_and_the_frames_own_picture_is_no_copy() -> None:
    frame = Frame(RNG.integers(0, 256, (80, 120, 3), np.uint8), 0, 0.0)
    assert half_of(frame, 0) is frame.rgb
    assert half_of(frame, 2) is halved_frame(frame, 20)
    assert set(frame.halves) == {1, 2}


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (3840, 2160)])
def test_the_network_takes_the_halves_and_sees_what_area_averaging_shows(
    size: tuple[int, int],
) -> None:
    soft = cv2.resize(RNG.integers(0, 256, (36, 64, 3), np.uint8), size)
    frame = Frame(soft, 0, 0.0)
    grid = grid_for(size, NetworkSize((512, 288)))
    out = np.zeros((288, 512, 3), np.uint8)
    fit_frame(frame, grid, out)
    assert frame.halves
    averaged = cv2.resize(soft, (512, 288), interpolation=cv2.INTER_AREA)
    assert np.abs(out.astype(int) - averaged).max() <= 4
    again = np.zeros_like(out)
    fit(soft, grid, again)
    assert np.array_equal(out, again)
