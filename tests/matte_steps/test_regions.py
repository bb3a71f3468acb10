"""Regions that the user painted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import InputError, OptionError
from app.frames import Alpha, Frame, Matte
from app.matte_steps.base import MatteSteps, open_matte_steps


@pytest.fixture
def left_half(tmp_path: Path) -> Path:
    painting = np.zeros((50, 80), np.uint8)
    painting[:, :40] = 255
    path = tmp_path / "left, half.png"
    Image.fromarray(painting).save(path)
    return path


def through(alpha: Alpha, *specs: str) -> Alpha:
    steps = MatteSteps(open_matte_steps(specs))
    (out,) = steps.push(Matte(Frame(np.zeros((90, 160, 3), np.uint8), 0, 0.0), alpha))
    return out.alpha


def grey(value: float) -> Alpha:
    return np.full((54, 96), value, np.float32)


def test_what_is_painted_is_kept_whatever_the_network_says(left_half: Path) -> None:
    out = through(grey(0.2), f"keep-region:{left_half}")
    assert (out[:, :38] > 0.999).all()
    assert np.allclose(out[:, 58:], 0.2)


def test_what_is_painted_is_dropped_whatever_the_network_says(left_half: Path) -> None:
    out = through(grey(0.9), f"drop-region:{left_half}")
    assert (out[:, :38] < 0.001).all()
    assert np.allclose(out[:, 58:], 0.9)


def test_the_edge_is_soft_and_as_hard_as_asked(left_half: Path) -> None:
    soft = through(grey(0), f"keep-region:{left_half}")[27]
    hard = through(grey(0), f"keep-region:{left_half},feather=0")[27]
    assert np.count_nonzero((soft > 0.02) & (soft < 0.98)) >= 2
    assert np.count_nonzero((hard > 0.02) & (hard < 0.98)) == 0
    assert (np.diff(soft) <= 1e-6).all()


def test_keeping_wins_over_dropping_in_whatever_order(left_half: Path) -> None:
    for specs in (("keep-region", "drop-region"), ("drop-region", "keep-region")):
        out = through(grey(0.5), *(f"{name}:{left_half}" for name in specs))
        assert (out[:, :38] > 0.99).all()


def test_the_painting_follows_the_grid(left_half: Path) -> None:
    steps = MatteSteps(open_matte_steps([f"keep-region:{left_half}"]))
    for at, shape in enumerate(((54, 96), (36, 64), (90, 160))):
        frame = Frame(np.zeros((90, 160, 3), np.uint8), at, at / 25)
        (out,) = steps.push(Matte(frame, np.zeros(shape, np.float32)))
        assert out.alpha.shape == shape
        assert out.alpha[:, 0].min() > 0.9999
        assert out.alpha[:, -1].max() < 0.0001


def test_a_painting_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png"):
        open_matte_steps([f"keep-region:{tmp_path / 'gone.png'}"])


def test_a_region_without_a_painting_is_refused() -> None:
    with pytest.raises(OptionError, match="needs a path"):
        open_matte_steps(["keep-region"])


def test_the_matte_that_came_is_not_written_to(left_half: Path) -> None:
    alpha = grey(0.4)
    through(alpha, f"keep-region:{left_half}", f"drop-region:{left_half}")
    assert (alpha == np.float32(0.4)).all()
