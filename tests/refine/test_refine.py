"""From the network's grid to the frame's size."""

import numpy as np
import pytest

from app.backgrounds import create_background
from app.compositing import Compositing
from app.edge_colours import EdgeColours
from app.frames import Cutout, Frame, Matte
from app.light.base import create_light
from app.refine.edge import edge_tools
from app.refine.refine import Refine, enlarge
from app.views import View, show


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


def soft(shift: float = 0.0) -> tuple[Frame, np.ndarray]:
    """Somebody grey before a wall of another colour, and alpha with a soft edge."""
    rgb = np.full((72, 128, 3), (40, 160, 60), np.uint8)
    rgb[:, 60:] = 90
    across = np.clip((np.arange(32, dtype=np.float32) - 12 - shift) / 6, 0, 1)
    return Frame(rgb, 0, 0.0), np.tile(across, (18, 1))


def test_along_the_edge_the_colours_are_others_than_the_frames() -> None:
    frame, alpha = soft()
    (cutout,) = Refine(colours=True).push(Matte(frame, alpha))
    assert isinstance(cutout.colours, EdgeColours)
    differs = (cutout.foreground != frame.rgb).any(axis=2)
    assert differs.any()
    assert ((cutout.alpha > 0) & (cutout.alpha < 255))[differs].all()


@pytest.mark.parametrize("light", [(), ("wrap:0.6",)])
@pytest.mark.parametrize("edge", ["edge", "edge:shift=3", "edge:feather=4", "edge:contrast=60"])
def test_what_is_blended_is_what_the_whole_foreground_gives(
    edge: str, light: tuple[str, ...]
) -> None:
    frame, alpha = soft()
    refine = Refine(colours=True, edge=edge_tools.create_from_spec(edge))
    (cutout,) = refine.push(Matte(frame, alpha))
    plain = Cutout(frame, cutout.alpha, cutout.foreground.copy())
    pictures = []
    for shown in (cutout, plain):
        background = create_background("color:#c02020")
        with Compositing(background, light=create_light(light)) as compositing:
            (composite,) = compositing.push(shown)
        assert composite.rgb is not None
        pictures.append((composite.rgb, show(View.FOREGROUND, composite)))
    for one, other in zip(*pictures, strict=True):
        assert np.array_equal(one, other)


def test_without_colours_the_frames_own_pixels_are_taken() -> None:
    frame = Frame(np.zeros((36, 64, 3), np.uint8), 0, 0.0)
    matte = Matte(frame, np.full((9, 16), 0.5, np.float32))
    (cutout,) = Refine(colours=False).push(matte)
    assert cutout.foreground is frame.rgb


def test_alpha_outside_0_and_1_is_clipped_where_it_becomes_8_bits() -> None:
    alpha = np.array([[-0.2, 1.3, np.inf, -np.inf, 1e30, 0.5]], np.float32)
    assert enlarge(alpha, (6, 1)).tolist() == [[0, 255, 255, 0, 255, 128]]
