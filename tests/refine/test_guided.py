"""The edge follows the picture, inside the band only."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.evaluation.metrics import from_uint8, grad, mad
from app.refine.band import Band
from app.refine.guided import lead
from app.refine.refine import enlarge

RNG = np.random.default_rng(3)


def person(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a head and strands of hair of known alpha: RGB, and uint8 alpha."""
    width, height = size
    alpha = np.zeros((height, width), np.uint8)
    centre = width // 2, height // 2
    cv2.ellipse(alpha, centre, (width // 6, height // 4), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for turn in np.linspace(0, 2 * np.pi, 40, endpoint=False):
        end = (
            int(centre[0] + width * 0.2 * np.cos(turn)),
            int(centre[1] + height * 0.3 * np.sin(turn)),
        )
        cv2.line(alpha, centre, end, 255, max(1, width // 400), cv2.LINE_AA)
    room = np.linspace(150, 230, width)[None, :, None] * np.array([1.0, 0.95, 0.9])
    skin = np.array([70.0, 45.0, 30.0])
    weight = alpha[..., None] / 255
    noise = RNG.normal(0, 2, (height, width, 3))
    return np.clip(weight * skin + (1 - weight) * room + noise, 0, 255).astype(np.uint8), alpha


@pytest.mark.parametrize("grid", [(512, 288), (384, 216), (320, 180)])
def test_it_beats_the_bilinear_one_on_fine_edges(grid: tuple[int, int]) -> None:
    picture, true = person((1280, 720))
    small = cv2.resize(true, grid, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    small = cv2.GaussianBlur(small, (0, 0), 1.0)  # the network is no camera
    plainly = enlarge(small, (1280, 720))
    led = lead(small, plainly, picture)
    truth = from_uint8(true)
    for metric in (mad, grad):
        assert metric(from_uint8(led), truth) < 0.95 * metric(from_uint8(plainly), truth)


def test_what_is_sure_is_left_alone() -> None:
    picture, true = person((640, 360))
    small = cv2.resize(true, (256, 144), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    plainly = enlarge(small, (640, 360))
    led = lead(small, plainly, picture)
    unsure = cv2.dilate(((small > 0.01) & (small < 0.99)).astype(np.uint8), np.ones((5, 5)))
    sure = cv2.resize(unsure, (640, 360), interpolation=cv2.INTER_LINEAR) == 0
    assert sure.any()
    assert np.array_equal(led[sure], plainly[sure])


def test_where_person_and_room_are_alike_nothing_is_invented() -> None:
    _, true = person((640, 360))
    grey = np.full((360, 640, 3), 128, np.uint8)
    small = cv2.resize(true, (256, 144), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    plainly = enlarge(small, (640, 360))
    difference = cv2.absdiff(lead(small, plainly, grey), plainly)
    assert difference.mean() < 4


def test_without_a_band_it_gives_back_what_it_got() -> None:
    picture = np.zeros((36, 64, 3), np.uint8)
    alpha = np.ones((9, 16), np.float32)
    plainly = enlarge(alpha, (64, 36))
    assert lead(alpha, plainly, picture) is plainly


def test_what_went_in_is_left_as_it_was() -> None:
    picture = RNG.integers(0, 255, (36, 64, 3), np.uint8)
    alpha = RNG.random((9, 16), np.float32)
    plainly = enlarge(alpha, (64, 36))
    before = plainly.copy(), picture.copy(), alpha.copy()
    lead(alpha, plainly, picture)
    for now, was in zip((plainly, picture, alpha), before, strict=True):
        assert np.array_equal(now, was)


@settings(max_examples=30)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 70)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_any_sizes_go_through(frame: tuple[int, int], grid: tuple[int, int]) -> None:
    picture = RNG.integers(0, 255, (frame[1], frame[0], 3), np.uint8)
    alpha = RNG.random((grid[1], grid[0]), np.float32)
    led = lead(alpha, enlarge(alpha, frame), picture)
    assert led.shape == (frame[1], frame[0])
    assert led.dtype == np.uint8


@settings(max_examples=20)
@given(st.integers(2, 300), st.integers(2, 200), st.integers(2, 40), st.integers(2, 30))
def test_a_sample_is_what_resize_gives(width: int, height: int, w: int, h: int) -> None:
    small = RNG.random((h, w, 3), np.float32)
    mask = RNG.random((height, width)) < 0.3
    # Up only: down, resize has its own idea of where it looks.
    if width < w or height < h:
        return
    whole = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    assert np.allclose(Band.of(mask).sample(small), whole[mask], atol=0.02)
