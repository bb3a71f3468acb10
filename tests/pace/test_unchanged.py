"""Noise is no change, a finger is, and no matte grows old."""

from __future__ import annotations

import numpy as np
import pytest

from app.frames import Frame
from app.pace.unchanged import UnchangedPicture

SIZE = (640, 360)


def scene(*, finger_at: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(40, 200, (9, 16, 3)), np.ones((40, 40, 1))).astype(np.uint8)
    picture[100:130, finger_at : finger_at + 8] = (220, 180, 160)
    return picture


def frame(picture: np.ndarray, at: float) -> Frame:
    return Frame(np.ascontiguousarray(picture), round(at * 30), at)


def noisy(picture: np.ndarray, deviation: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def test_the_first_picture_is_new() -> None:
    assert not UnchangedPicture().is_unchanged(frame(scene(), 0.0))


def test_the_same_picture_is_unchanged() -> None:
    unchanged = UnchangedPicture()
    unchanged.is_unchanged(frame(scene(), 0.0))
    assert unchanged.is_unchanged(frame(scene(), 0.03))


@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
def test_the_noise_of_a_sensor_is_no_change(size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 120, np.uint8)
    unchanged = UnchangedPicture()
    unchanged.is_unchanged(frame(noisy(picture, 2.0, 0), 0.0))
    later = [frame(noisy(picture, 2.0, seed), 0.03 * seed) for seed in range(1, 6)]
    assert all(unchanged.is_unchanged(each) for each in later)


@pytest.mark.parametrize("pixels", [1, 2, 5])
def test_a_finger_that_moves_by_a_pixel_is_a_change(pixels: int) -> None:
    unchanged = UnchangedPicture()
    unchanged.is_unchanged(frame(scene(), 0.0))
    assert not unchanged.is_unchanged(frame(scene(finger_at=300 + pixels), 0.03))


def test_slow_changes_add_up() -> None:
    unchanged = UnchangedPicture()
    picture = np.full((360, 640, 3), 100, np.uint8)
    unchanged.is_unchanged(frame(picture, 0.0))
    answers = [
        unchanged.is_unchanged(frame(picture + level, 0.01 * level)) for level in range(1, 6)
    ]
    assert answers == [True, True, True, False, True]


def test_no_matte_serves_for_longer_than_a_quarter_of_a_second() -> None:
    unchanged = UnchangedPicture()
    answers = [unchanged.is_unchanged(frame(scene(), index / 30)) for index in range(30)]
    new = [index for index, answer in enumerate(answers) if not answer]
    assert new[0] == 0
    assert max(np.diff(new)) / 30 <= 0.25 + 1 / 30


def test_another_size_is_a_change_and_so_is_a_clock_that_goes_back() -> None:
    unchanged = UnchangedPicture()
    unchanged.is_unchanged(frame(scene(), 1.0))
    assert not unchanged.is_unchanged(frame(scene()[:180], 1.03))
    unchanged.is_unchanged(frame(scene(), 1.06))
    assert not unchanged.is_unchanged(frame(scene(), 0.5))


def test_after_a_gap_the_picture_is_new() -> None:
    unchanged = UnchangedPicture()
    unchanged.is_unchanged(frame(scene(), 0.0))
    unchanged.reset()
    assert not unchanged.is_unchanged(frame(scene(), 0.03))
