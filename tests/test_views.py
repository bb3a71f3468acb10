"""What of a composite is shown."""

from __future__ import annotations

import numpy as np
import pytest

from app.frames import Composite, Cutout, Frame
from app.views import View, channels, checkerboard, output_size, show


def composite(*, transparent: bool = False, size: tuple[int, int] = (60, 40)) -> Composite:
    """A person in the left half, soft in one column; red in a green room, on blue."""
    width, height = size
    alpha = np.zeros((height, width), np.uint8)
    alpha[:, : width // 2] = 255
    alpha[:, width // 2] = 128
    room = np.full((height, width, 3), (0, 200, 0), np.uint8)
    foreground = np.full((height, width, 3), (200, 0, 0), np.uint8)
    behind = None if transparent else np.full((height, width, 3), (0, 0, 200), np.uint8)
    return Composite(Cutout(Frame(room, 0, 0.0), alpha, foreground), behind)


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("size", [(60, 40), (1, 1), (7, 1), (1, 7)])
def test_a_picture_has_the_size_and_channels_that_were_announced(
    view: View, transparent: bool, size: tuple[int, int]
) -> None:
    picture = show(view, composite(transparent=transparent, size=size))
    width, height = output_size(view, size)
    depth = {"grey": (), "rgb": (3,), "rgba": (4,)}[channels(view, transparent=transparent)]
    assert picture.shape == (height, width, *depth)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous


def test_only_what_must_be_is_transparent() -> None:
    see_through = {view for view in View if channels(view, transparent=True) == "rgba"}
    assert see_through == {View.COMPOSITE, View.FOREGROUND}
    assert {view for view in View if channels(view, transparent=False) == "rgba"} == {
        View.FOREGROUND
    }


def test_the_composite_is_the_blended_picture() -> None:
    item = composite()
    assert show(View.COMPOSITE, item) is item.rgb


def test_the_matte_is_the_alpha_at_full_range() -> None:
    item = composite()
    assert np.array_equal(show(View.MATTE, item), item.cutout.alpha)


def test_the_foreground_is_straight_alpha_without_the_room() -> None:
    item = composite()
    rgba = show(View.FOREGROUND, item)
    assert np.array_equal(rgba[..., 3], item.cutout.alpha)
    person = item.cutout.alpha > 0
    # Straight: the colour is whole also where the alpha is half.
    assert (rgba[person][:, :3] == (200, 0, 0)).all()
    assert (rgba[:, 40:] == 0).all()
    assert np.array_equal(rgba, show(View.COMPOSITE, composite(transparent=True)))


def test_side_by_side_has_the_original_on_the_left() -> None:
    item = composite()
    both = show(View.SIDE_BY_SIDE, item)
    assert item.rgb is not None
    assert np.array_equal(both[:, :60], item.cutout.frame.rgb)
    assert np.array_equal(both[:, 60:], item.rgb)


def test_side_by_side_shows_a_checkerboard_where_there_is_nothing() -> None:
    right = show(View.SIDE_BY_SIDE, composite(transparent=True))[:, 60:]
    assert (right[:, :30] == (200, 0, 0)).all()
    assert np.array_equal(right[:, 31:], checkerboard((60, 40))[:, 31:])
    assert len(np.unique(right[:, 31:])) == 2


def test_the_original_is_the_frame() -> None:
    item = composite()
    assert show(View.ORIGINAL, item) is item.cutout.frame.rgb


def test_showing_changes_nothing() -> None:
    item = composite(transparent=True)
    before = (item.cutout.alpha.copy(), item.cutout.foreground.copy(), item.cutout.frame.rgb.copy())
    for view in View:
        show(view, item)
    after = (item.cutout.alpha, item.cutout.foreground, item.cutout.frame.rgb)
    assert all(map(np.array_equal, before, after))


def test_the_names_are_those_of_the_command_line() -> None:
    names = ["composite", "matte", "foreground", "side-by-side", "original"]
    assert [view.value for view in View] == names
