"""The part of the picture that is shown, and the pictures that stand for it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cards import be_right_back, neutral
from app.errors import InputError
from app.frames import Frame
from app.stages.output import letterbox
from app.zoom import zoomed


def frame(width: int, height: int) -> Frame:
    rows, columns = np.mgrid[0:height, 0:width]
    rgb = np.stack([columns % 256, rows % 256, (columns // 256) * 16 + rows // 256], axis=2)
    return Frame(np.ascontiguousarray(rgb, np.uint8), 7, 1.5)


def test_without_zoom_the_frame_is_the_same() -> None:
    whole = frame(64, 36)
    assert zoomed(whole, 1.0) is whole


@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    zoom=st.floats(1.0, 8.0),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
def test_a_zoomed_frame_is_a_part_of_the_frame(
    width: int, height: int, zoom: float, x: float, y: float
) -> None:
    whole = frame(width, height)
    part = zoomed(whole, zoom, (x, y))
    assert (part.index, part.captured_at) == (7, 1.5)
    assert part.rgb.flags.c_contiguous
    left = int(part.rgb[0, 0, 0]) + 256 * (int(part.rgb[0, 0, 2]) // 16)
    top = int(part.rgb[0, 0, 1]) + 256 * (int(part.rgb[0, 0, 2]) % 16)
    rows, columns = part.rgb.shape[:2]
    assert (part.rgb == whole.rgb[top : top + rows, left : left + columns]).all()
    for side, length in ((columns, width), (rows, height)):
        assert min(length, 2) <= side <= length
        assert abs(side - length / zoom) <= 2


def test_the_center_is_kept_inside() -> None:
    corner = zoomed(frame(100, 50), 2.0, (1.0, 1.0))
    assert corner.size == (50, 24)
    assert tuple(corner.rgb[-1, -1]) == (99, 49, 0)


@pytest.mark.parametrize("size", [(16, 16), (1280, 720), (720, 1280), (16, 2160)])
def test_cards_fit_any_size(size: tuple[int, int]) -> None:
    for card in (neutral(size), be_right_back(size)):
        assert card.shape == (size[1], size[0], 3)
        assert card.dtype == np.uint8
        assert card.flags.c_contiguous
    if size[0] >= 720:
        assert (neutral(size) != be_right_back(size)).any()


def test_the_users_own_card_is_shown_whole(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    cv2.imwrite(str(path), np.full((90, 160, 3), (0, 0, 255), np.uint8))
    assert (be_right_back((320, 180), path) == (255, 0, 0)).all()


def test_a_card_that_is_no_picture_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        be_right_back((320, 180), tmp_path / "none.png")


@given(
    size=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    into=st.tuples(st.integers(2, 200), st.integers(2, 200)),
    channels=st.sampled_from([3, 4]),
)
def test_a_letterboxed_picture_is_whole_and_centred(
    size: tuple[int, int], into: tuple[int, int], channels: int
) -> None:
    picture = np.full((size[1], size[0], channels), 200, np.uint8)
    boxed = letterbox(picture, into)
    assert boxed.shape == (into[1], into[0], channels)
    assert set(np.unique(boxed)) <= {0, 200}
    rows, columns = np.nonzero(boxed[:, :, 0])
    width, height = columns.max() - columns.min() + 1, rows.max() - rows.min() + 1
    scale = min(into[0] / size[0], into[1] / size[1])
    assert abs(width - max(1, size[0] * scale)) <= 1
    assert abs(height - max(1, size[1] * scale)) <= 1
    assert abs(int(columns.min()) - (into[0] - 1 - int(columns.max()))) <= 1
    assert abs(int(rows.min()) - (into[1] - 1 - int(rows.max()))) <= 1
