from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtCore import QPoint, QSize, Qt
from PyQt6.QtGui import QColor, QImage

from app.frames import Composite, Frame
from app.gui.preview import Mode, Preview, letterbox, to_image

Make = Callable[..., Composite]


@pytest.fixture
def preview(qtbot: Any) -> Preview:
    made = Preview()
    qtbot.addWidget(made)
    made.resize(640, 400)
    made.show()
    return made


def grey_at(preview: Preview, x: float, y: float = 0.5) -> int:
    """The grey value at a place of the picture, both as shares."""
    rect = preview.picture_rect()
    image = preview.grab().toImage()
    at = QPoint(rect.left() + int(rect.width() * x), rect.top() + int(rect.height() * y))
    return QColor(image.pixel(at)).red()


@given(
    outer=st.tuples(st.integers(16, 4000), st.integers(16, 4000)),
    picture=st.tuples(st.integers(16, 4096), st.integers(16, 4096)),
)
def test_the_picture_is_whole_centred_and_never_stretched(
    outer: tuple[int, int], picture: tuple[int, int]
) -> None:
    rect = letterbox(QSize(*outer), picture)
    assert rect.left() >= 0
    assert rect.top() >= 0
    assert rect.right() < outer[0]
    assert rect.bottom() < outer[1]
    assert rect.width() in (outer[0], outer[0] - 1) or rect.height() in (outer[1], outer[1] - 1)
    scale = min(outer[0] / picture[0], outer[1] / picture[1])
    assert abs(rect.width() - picture[0] * scale) <= 1
    assert abs(rect.height() - picture[1] * scale) <= 1


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("width", [7, 64])
def test_every_pixel_arrives_in_its_own_colour(channels: int, width: int) -> None:
    rng = np.random.default_rng(0)
    shape = (5, width) if channels == 1 else (5, width, channels)
    picture = rng.integers(0, 256, shape, dtype=np.uint8)
    if channels == 4:
        picture[..., 3] = 255
    picture.flags.writeable = False
    image = to_image(picture)
    assert image.format() in (
        QImage.Format.Format_RGB32,
        QImage.Format.Format_ARGB32_Premultiplied,
    )
    for row, column in ((0, 0), (4, width - 1), (2, 3)):
        color = QColor(image.pixel(column, row))
        seen = (color.red(), color.green(), color.blue())
        wanted = picture[row, column]
        expected = (int(wanted),) * 3 if channels == 1 else tuple(int(v) for v in wanted[:3])
        assert seen == expected


@pytest.mark.parametrize(
    ("mode", "left", "right"),
    [
        (Mode.COMPOSITE, 200, 250),
        (Mode.MATTE, 255, 255),
        (Mode.ORIGINAL, 60, 120),
        (Mode.CUTOUT, 60, 120),
        (Mode.SPLIT, 60, 250),
    ],
)
def test_each_mode_shows_its_own_picture(
    preview: Preview, make_composite: Make, mode: Mode, left: int, right: int
) -> None:
    preview.set_mode(mode)
    preview.show_composite(make_composite())
    assert grey_at(preview, 0.2) == left
    assert grey_at(preview, 0.8) == right


@pytest.mark.parametrize("mode", [Mode.COMPOSITE, Mode.CUTOUT])
def test_nothing_is_shown_as_a_checkerboard(
    preview: Preview, make_composite: Make, mode: Mode
) -> None:
    preview.set_mode(mode)
    preview.show_composite(make_composite(rgb=None, alpha=0))
    rect = preview.picture_rect()
    image = preview.grab().toImage()
    seen = {QColor(image.pixel(rect.left() + x, rect.top() + 100)).red() for x in range(100, 148)}
    assert seen == {204, 153}


def test_the_mirror_turns_the_picture(preview: Preview, make_composite: Make) -> None:
    preview.show_composite(make_composite())
    preview.set_mirror(True)
    assert (grey_at(preview, 0.2), grey_at(preview, 0.8)) == (250, 200)
    preview.show_frame(Frame(make_composite().cutout.frame.rgb, 0, 0.0))
    assert (grey_at(preview, 0.2), grey_at(preview, 0.8)) == (120, 60)


def test_the_divider_can_be_dragged(qtbot: Any, preview: Preview, make_composite: Make) -> None:
    preview.set_mode(Mode.SPLIT)
    preview.show_composite(make_composite())
    rect = preview.picture_rect()
    start = QPoint(rect.center().x(), rect.center().y() + 60)
    end = QPoint(rect.left() + rect.width() * 3 // 4, start.y())
    qtbot.mousePress(preview, Qt.MouseButton.LeftButton, pos=start)
    with qtbot.waitSignal(preview.split_moved) as told:
        qtbot.mouseMove(preview, end)
    qtbot.mouseRelease(preview, Qt.MouseButton.LeftButton, pos=end)
    assert told.args == [pytest.approx(0.75, abs=0.01)]
    assert grey_at(preview, 0.6) == 120  # the original, up to the divider


def test_the_divider_follows_the_arrow_keys_and_stays_in_the_picture(
    qtbot: Any, preview: Preview, make_composite: Make
) -> None:
    preview.set_mode(Mode.SPLIT)
    preview.show_composite(make_composite())
    qtbot.keyClick(preview, Qt.Key.Key_Right)
    assert preview.split == pytest.approx(0.52)
    for _ in range(60):
        qtbot.keyClick(preview, Qt.Key.Key_Left)
    assert preview.split == 0.0


def test_a_picture_that_is_not_painted_is_replaced_not_queued(
    preview: Preview, make_composite: Make
) -> None:
    preview.grab()
    for value in (10, 20, 30):
        preview.show_composite(make_composite(rgb=value))
    assert grey_at(preview, 0.2) == 30


def test_an_empty_preview_shows_nothing_of_the_frame_before(
    preview: Preview, make_composite: Make
) -> None:
    preview.show_composite(make_composite())
    preview.set_stage("#010203")
    preview.clear()
    assert preview.is_empty
    image = preview.grab().toImage()
    assert QColor(image.pixel(320, 200)).name() == "#010203"


def test_a_composite_counts_as_shown_once_it_is_painted(
    qtbot: Any, preview: Preview, make_composite: Make
) -> None:
    painted: list[Composite] = []
    preview.painted.connect(painted.append)
    first, second = make_composite(), make_composite()
    preview.show_composite(first)
    preview.show_composite(second)
    assert painted == []
    preview.grab()
    preview.grab()
    assert painted == [second]


def test_a_bare_frame_says_that_nobody_else_sees_it(preview: Preview, make_composite: Make) -> None:
    frame = make_composite(size=(640, 360)).cutout.frame
    preview.show_picture(frame.rgb)
    plain = preview.grab().toImage()
    preview.show_frame(frame)
    assert preview.grab().toImage() != plain
