"""The room out of focus, and the person not in it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.backgrounds import create_background
from app.frames import RGB, Alpha8, Cutout, Frame


def room(width: int, height: int, *, seed: int = 0, shift: int = 0) -> RGB:
    """Structure of every scale, in colours from 40 to 215; `shift` pixels of it to the left."""
    generator = np.random.default_rng(seed)
    wide = width + 64
    planes = np.zeros((height, wide, 3), np.float32)
    for cells in (3, 9, 27, 81):
        coarse = generator.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
        planes += cv2.resize(coarse, (wide, height), interpolation=cv2.INTER_NEAREST)
    levels = np.clip(127 + planes * 22, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels[:, shift : shift + width])


def ellipse(width: int, height: int, *, softness: float = 2.0) -> Alpha8:
    alpha = np.zeros((height, width), np.uint8)
    centre, axes = (width // 2, height * 6 // 10), (width // 6, height * 4 // 10)
    cv2.ellipse(alpha, centre, axes, 0, 0, 360, 255, -1)
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), softness), np.uint8)


def with_person(behind: RGB, alpha: Alpha8, color: tuple[int, int, int]) -> Cutout:
    share = alpha[..., None] / 255
    rgb = np.round(share * np.array(color) + (1 - share) * behind).astype(np.uint8)
    return Cutout(Frame(rgb, 0, 0.0), alpha, rgb)


def blurred(cutout: Cutout, radius: int) -> np.ndarray:
    picture = create_background(f"blur:{radius}").render(cutout)
    assert picture is not None
    return picture.astype(np.int16)


def nobody(behind: RGB) -> Cutout:
    return Cutout(Frame(behind, 0, 0.0), np.zeros(behind.shape[:2], np.uint8), behind)


@pytest.mark.parametrize("radius", [5, 10, 21, 25, 60, 99])
def test_an_empty_room_is_blurred_like_a_gaussian_does_it(radius: int) -> None:
    behind = room(1280, 720)
    sigma = 0.7 * radius
    true = cv2.GaussianBlur(
        behind.astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
    )
    edge = round(3 * sigma)
    error = np.abs(blurred(nobody(behind), radius) - true)[edge:-edge, edge:-edge]
    assert error.mean() < 1
    assert np.percentile(error, 99.9) < 6


@pytest.mark.parametrize("radius", [3, 21, 60])
def test_the_persons_colours_do_not_bleed_into_the_room(radius: int) -> None:
    behind, alpha = room(640, 360), ellipse(640, 360)
    bright, dark = (
        blurred(with_person(behind, alpha, color), radius) for color in ((255, 0, 255), (0, 255, 0))
    )
    visible = (255 - alpha[..., None].astype(float)) / 255
    # The same room behind a magenta and behind a green person is the same blurred room.
    # (Where the matte itself is next to nothing, 5 of 255, the frame is taken as it is.)
    assert (np.abs(bright - dark) * visible).max() <= 5
    assert (np.abs(bright - dark) * visible).mean() < 0.05
    naive = [
        cv2.GaussianBlur(with_person(behind, alpha, color).frame.rgb, (0, 0), 0.35 * radius + 1)
        for color in ((255, 0, 255), (0, 255, 0))
    ]
    assert (np.abs(naive[0].astype(int) - naive[1]) * visible).max() > 50


def test_a_plain_wall_stays_plain_around_a_person() -> None:
    wall = np.full((360, 640, 3), (200, 170, 120), np.uint8)
    alpha = ellipse(640, 360, softness=4)
    picture = blurred(with_person(wall, alpha, (10, 10, 60)), 21)
    assert np.abs(picture - wall.astype(int))[alpha < 250].max() <= 2


def test_the_room_beside_the_person_keeps_its_own_colours() -> None:
    """A red left and a blue right: the place between them is filled from both, smoothly."""
    behind = np.zeros((360, 640, 3), np.uint8)
    behind[:, :320], behind[:, 320:] = (200, 30, 30), (30, 30, 200)
    alpha = ellipse(640, 360)
    picture = blurred(with_person(behind, alpha, (0, 255, 0)), 21)
    assert (picture[:, :150, 0] > 190).all()
    assert (picture[:, -150:, 2] > 190).all()
    assert picture[..., 1].max() <= 35
    across = picture[200, :, 0]
    assert np.abs(np.diff(across)).max() <= 8


@pytest.mark.parametrize("radius", [10, 21, 50])
def test_the_small_grid_does_not_flicker_when_the_camera_moves(radius: int) -> None:
    pictures = [blurred(nobody(room(640, 360, shift=shift)), radius) for shift in range(9)]
    edge = 60
    for shift, picture in enumerate(pictures):
        still = pictures[0][:, shift:][:, edge:-edge]
        moved = picture[:, : 640 - shift][:, edge:-edge]
        difference = np.abs(still - moved)
        assert difference.mean() < 0.8
        assert np.percentile(difference, 99.9) <= 6


def test_a_matte_that_trembles_does_not_make_the_room_flicker() -> None:
    behind = room(640, 360)
    alpha = ellipse(640, 360)
    shifted = np.roll(alpha, 1, axis=1)
    first = blurred(with_person(behind, alpha, (30, 30, 30)), 21)
    second = blurred(with_person(behind, shifted, (30, 30, 30)), 21)
    outside = cv2.dilate(alpha, np.ones((9, 9), np.uint8)) == 0
    difference = np.abs(first - second)[outside]
    assert difference.max() <= 4
    assert difference.mean() < 0.3


def test_the_look_is_the_same_at_every_frame_size() -> None:
    large = room(1280, 720)
    small = np.asarray(cv2.resize(large, (640, 360), interpolation=cv2.INTER_AREA), np.uint8)
    reduced = cv2.resize(
        blurred(nobody(large), 30).astype(np.uint8), (640, 360), interpolation=cv2.INTER_AREA
    )
    error = np.abs(reduced.astype(int) - blurred(nobody(small), 30))
    assert error[20:-20, 20:-20].mean() < 1


def test_more_radius_is_less_structure() -> None:
    behind = nobody(room(640, 360))
    contrast = [blurred(behind, radius).std() for radius in (1, 3, 7, 12, 21, 25, 40, 60, 99)]
    assert contrast == sorted(contrast, reverse=True)
    assert contrast[-1] < contrast[0] / 1.5


def test_smooth_slopes_are_free_of_steps() -> None:
    slope = np.linspace(60, 90, 1280)[None, :, None].repeat(720, 0).repeat(3, 2)
    noisy = slope + np.random.default_rng(0).normal(0, 6, slope.shape)
    picture = blurred(nobody(np.round(noisy).astype(np.uint8)), 40)
    assert np.abs(np.diff(picture, axis=1)).max() <= 1
    assert np.abs(picture - slope)[:, 200:-200].max() < 1.5


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_frame_that_is_all_person_or_half_of_one_is_still_a_picture(level: int) -> None:
    behind = room(320, 180)
    item = Cutout(Frame(behind, 0, 0.0), np.full((180, 320), level, np.uint8), behind)
    picture = blurred(item, 21)
    assert np.abs(picture.mean(axis=(0, 1)) - behind.mean(axis=(0, 1))).max() < 6
