"""From the network's grid to the frame's size."""

import numpy as np
import pytest

from app.frames import Frame, Matte
from app.refine.refine import Refine, enlarge


def test_enlarging_keeps_the_ends_of_the_scale() -> None:
    assert (enlarge(np.ones((9, 16), np.float32), (64, 36)) == 255).all()
    assert (enlarge(np.zeros((9, 16), np.float32), (64, 36)) == 0).all()


def test_a_half_is_rounded_not_cut() -> None:
    assert enlarge(np.full((2, 2), 0.999, np.float32), (2, 2))[0, 0] == 255


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (640, 360), (16, 9)])
def test_the_cutout_has_the_frames_size(size: tuple[int, int]) -> None:
    frame = Frame(np.zeros((size[1], size[0], 3), np.uint8), 0, 0.0)
    alpha = np.random.default_rng(0).random((9, 16), np.float32)
    (cutout,) = Refine(colours=True).push(Matte(frame, alpha))
    assert cutout.alpha.shape == (size[1], size[0])
    assert cutout.alpha.dtype == np.uint8
    assert cutout.foreground.shape == frame.rgb.shape
    assert cutout.frame is frame


def test_without_colours_the_frames_own_pixels_are_taken() -> None:
    frame = Frame(np.zeros((36, 64, 3), np.uint8), 0, 0.0)
    matte = Matte(frame, np.full((9, 16), 0.5, np.float32))
    (cutout,) = Refine(colours=False).push(matte)
    assert cutout.foreground is frame.rgb
