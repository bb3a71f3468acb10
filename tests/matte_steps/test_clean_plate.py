"""The clean plate: it decides what is unsure, and notices when it does not fit any more."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from app.errors import InputError
from app.frames import RGB, Alpha, Frame, Matte
from app.matte_steps.base import MatteSteps, open_matte_steps
from app.matte_steps.clean_plate import MOVED

HEIGHT, WIDTH = 144, 256
SHIRT = (180, 60, 50)


def room(seed: int = 3) -> RGB:
    """Shelves and shadows: structure at several sizes."""
    random = np.random.default_rng(seed)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for cells in (6, 20, 48):
        noise = random.uniform(20, 200, (cells, 2 * cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) / 3
    return np.clip(picture, 0, 255).astype(np.uint8)


def truth() -> Alpha:
    drawn = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(drawn, (128, 150), (60, 110), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 3), np.float32)


def shot(behind: RGB, *, noise: float = 2.0, gain: float = 1.0, seed: int = 0) -> RGB:
    """The person before `behind`, through a camera."""
    alpha = truth()[..., None]
    mixed = (alpha * np.float32(SHIRT) + (1 - alpha) * behind) * gain
    mixed += np.random.default_rng(seed).normal(0, noise, mixed.shape)
    return np.clip(mixed, 0, 255).astype(np.uint8)


def guessed() -> Alpha:
    """What a network might say: the person, a soft ghost of a chair, a blurred edge."""
    alpha = cv2.GaussianBlur(truth(), (0, 0), 5)
    alpha[90:130, 215:240] = 0.5
    return np.asarray(np.clip(alpha, 0, 1), np.float32)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    path = tmp_path / "plate.png"
    Image.fromarray(room()).save(path)
    return path


def run(plate: Path, shots: list[RGB], alpha: Alpha | None = None) -> tuple[list[Alpha], list[str]]:
    told: list[str] = []
    steps = MatteSteps(open_matte_steps([f"clean-plate:{plate}"]), on_notice=told.append)
    given = guessed() if alpha is None else alpha
    out = [
        matte.alpha
        for at, rgb in enumerate(shots)
        for matte in steps.push(Matte(Frame(rgb, at, at / 10), given))
    ]
    return out, told


def error(alpha: Alpha) -> float:
    return float(np.abs(alpha - truth()).mean())


@pytest.mark.parametrize("gain", [1.0, 0.85, 1.15])
def test_unsure_pixels_come_nearer_to_the_truth_in_any_light(plate: Path, gain: float) -> None:
    (out,), told = run(plate, [shot(room(), gain=gain)])
    assert error(out) < 0.6 * error(guessed())
    assert out[95:125, 220:235].max() < 0.2  # the ghost is gone
    assert not told


def test_what_the_network_is_sure_of_stands_whatever_the_colour(plate: Path) -> None:
    # The person wears the room: nothing differs from the plate.
    (out,), _ = run(plate, [room()])
    sure = (guessed() >= 0.95) | (guessed() <= 0.05)
    assert np.array_equal(out[sure], guessed()[sure])


def test_the_shape_and_the_bounds_stay(plate: Path) -> None:
    (out,), _ = run(plate, [shot(room(), noise=12)])
    assert out.shape == guessed().shape
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1


def test_a_camera_that_stays_is_never_accused(plate: Path) -> None:
    shots = [shot(room(), noise=6, gain=0.9 + 0.01 * at, seed=at) for at in range(25)]
    _, told = run(plate, shots)
    assert told == []


@pytest.mark.parametrize("shift", [2, 4, 10, 40])
def test_a_camera_that_was_moved_is_noticed_and_said_once(plate: Path, shift: int) -> None:
    moved = np.ascontiguousarray(np.roll(room(), shift, axis=1))
    outs, told = run(plate, [shot(moved, seed=at) for at in range(25)])
    assert told == [MOVED]
    assert np.array_equal(outs[-1], guessed())


def test_another_room_is_noticed(plate: Path) -> None:
    _, told = run(plate, [shot(room(seed=9), seed=at) for at in range(25)])
    assert told == [MOVED]


def test_a_short_disturbance_does_not_switch_it_off(plate: Path) -> None:
    other = shot(room(seed=9))
    shots = [shot(room())] * 3 + [other] * 5 + [shot(room())] * 3
    outs, told = run(plate, shots)
    assert told == []
    assert np.array_equal(outs[4], guessed())  # nothing is decided by it meanwhile
    assert error(outs[-1]) < 0.6 * error(guessed())


def test_somebody_who_fills_the_picture_is_left_alone(plate: Path) -> None:
    full = np.full((HEIGHT, WIDTH), 0.7, np.float32)
    (out,), told = run(plate, [shot(room())], full)
    assert np.array_equal(out, full)
    assert not told


def test_a_plate_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png"):
        open_matte_steps([f"clean-plate:{tmp_path / 'gone.png'}"])
