"""Painting regions, taking the clean plate, who is kept, and light, in the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QApplication, QWidget

from app.frames import Composite, Cutout, Frame
from app.gui.notice import Action
from app.gui.preview import Preview
from app.gui.region_painter import Brush
from app.gui.scene_options import LightRows, StepRows
from app.gui.scene_tools import Scene, SceneTools, folder

Make = Callable[..., Composite]


class Window:
    """What the tools see of the window."""

    def __init__(self) -> None:
        self.specs: tuple[str, ...] = ()
        self.said: list[str] = []
        self.mirrored = False

    def change(self, specs: tuple[str, ...]) -> bool:
        self.specs = specs
        return True

    def say(self, sentence: str, action: Action | None) -> None:
        self.said.append(sentence)


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def preview(qtbot: Any, make_composite: Make) -> Preview:
    shown = Preview()
    qtbot.addWidget(shown)
    shown.resize(640, 360)
    shown.show_composite(make_composite(size=(320, 180)))
    shown.show()
    qtbot.waitExposed(shown)
    return shown


@pytest.fixture
def tools(preview: Preview, window: Window) -> SceneTools:
    scene = Scene(lambda: window.specs, window.change, lambda: window.mirrored, window.say)
    return SceneTools(preview, scene)


def drag(qtbot: Any, widget: QWidget, start: tuple[int, int], end: tuple[int, int]) -> None:
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(widget, left, pos=QPoint(*start))
    qtbot.mouseMove(widget, pos=QPoint(*end))
    qtbot.mouseRelease(widget, left, pos=QPoint(*end))


def painted(window: Window, kind: str) -> np.ndarray[Any, Any]:
    (path,) = (s.partition(":")[2] for s in window.specs if s.startswith(kind))
    return np.asarray(Image.open(path).convert("L"))


def test_what_is_painted_becomes_a_file_and_a_setting(
    qtbot: Any, tools: SceneTools, window: Window
) -> None:
    tools.paint()
    assert tools.painter is not None
    drag(qtbot, tools.painter, (100, 80), (160, 80))
    tools.painter.brushes[Brush.DROP].setChecked(True)
    drag(qtbot, tools.painter, (500, 80), (540, 80))
    tools.painter.done_button.click()
    assert tools.painter is None
    keep, drop = painted(window, "keep-region"), painted(window, "drop-region")
    height, width = keep.shape
    assert width / height == pytest.approx(16 / 9, rel=0.01)
    assert keep[height * 80 // 360, width * 130 // 640] == 255
    assert keep[height * 80 // 360, width * 520 // 640] == 0
    assert drop[height * 80 // 360, width * 520 // 640] == 255


def test_in_a_mirror_the_painting_lies_where_the_frame_has_it(
    qtbot: Any, tools: SceneTools, window: Window
) -> None:
    window.mirrored = True
    tools.paint()
    assert tools.painter is not None
    drag(qtbot, tools.painter, (100, 80), (100, 81))
    tools.painter.done_button.click()
    keep = painted(window, "keep-region")
    height, width = keep.shape
    assert keep[height * 80 // 360, width * 540 // 640] == 255
    assert keep[height * 80 // 360, width * 100 // 640] == 0


def test_keep_and_drop_never_overlap_and_erasing_takes_both_away(
    qtbot: Any, tools: SceneTools, window: Window
) -> None:
    tools.paint()
    painter = tools.painter
    assert painter is not None
    drag(qtbot, painter, (100, 80), (200, 80))
    painter.brushes[Brush.DROP].setChecked(True)
    painter.size_slider.setValue(20)
    drag(qtbot, painter, (50, 80), (260, 80))
    assert painter.painting("keep") is None
    assert painter.painting("drop") is not None
    painter.brushes[Brush.ERASE].setChecked(True)
    painter.size_slider.setValue(40)
    drag(qtbot, painter, (0, 80), (400, 80))
    assert painter.painting("drop") is None
    painter.done_button.click()
    assert window.specs == ()


def test_a_stroke_can_be_taken_back_and_escape_changes_nothing(
    qtbot: Any, tools: SceneTools, window: Window
) -> None:
    window.specs = ("persons:1",)
    tools.paint()
    painter = tools.painter
    assert painter is not None
    drag(qtbot, painter, (100, 80), (200, 80))
    drag(qtbot, painter, (300, 80), (400, 80))
    two = painter.painting("keep")
    painter.undo_button.click()
    one = painter.painting("keep")
    assert one is not None
    assert one != two
    painter.undo_button.click()
    assert painter.painting("keep") is None
    assert not painter.undo_button.isEnabled()
    drag(qtbot, painter, (100, 80), (200, 80))
    painter.clear_button.click()
    assert painter.painting("keep") is None
    drag(qtbot, painter, (100, 80), (200, 80))
    qtbot.keyClick(painter, Qt.Key.Key_Escape)
    assert tools.painter is None
    assert window.specs == ("persons:1",)


def test_painting_goes_on_from_what_was_painted(
    qtbot: Any, tools: SceneTools, window: Window
) -> None:
    for start in (100, 400):
        tools.paint()
        assert tools.painter is not None
        drag(qtbot, tools.painter, (start, 80), (start + 20, 80))
        tools.painter.done_button.click()
    keep = painted(window, "keep-region")
    height, width = keep.shape
    for x in (110, 410):
        assert keep[height * 80 // 360, width * x // 640] > 200
    assert len(list(folder().glob("*.png"))) == 1


def test_nothing_can_be_painted_where_there_is_no_picture(
    tools: SceneTools, window: Window, preview: Preview
) -> None:
    preview.clear()
    tools.paint()
    assert tools.painter is None
    assert window.said == ["There is no picture yet to paint on."]


def empty_room(index: int, level: int, *, person: bool = False) -> Composite:
    rgb = np.full((90, 160, 3), level, np.uint8)
    alpha = np.zeros((90, 160), np.uint8)
    if person:
        alpha[30:, 40:80] = 255
    return Composite(Cutout(Frame(rgb, index, index / 30), alpha, rgb), rgb)


def take(tools: SceneTools, preview: Preview, *, person: bool = False) -> None:
    tools.take_plate()
    assert tools.is_counting
    for index in range(40):
        preview.show_composite(empty_room(index, 100 + index % 2, person=person))
        tools.tick()
        if not tools.is_counting:
            return
    raise AssertionError("it never ends")


def test_after_the_countdown_the_mean_of_some_frames_is_the_plate(
    tools: SceneTools, window: Window, preview: Preview
) -> None:
    window.specs = ("persons:1",)
    take(tools, preview)
    assert window.specs[1:] == ("persons:1",)
    plate = np.asarray(Image.open(window.specs[0].removeprefix("clean-plate:")))
    assert plate.shape == (90, 160, 3)
    assert set(np.unique(plate)) <= {100, 101}
    assert "is taken" in window.said[-1]
    assert not tools.card.isVisible()


def test_with_somebody_in_the_picture_no_plate_is_taken(
    tools: SceneTools, window: Window, preview: Preview
) -> None:
    take(tools, preview, person=True)
    assert window.specs == ()
    assert "Somebody was still in the picture" in window.said[-1]


def test_the_countdown_can_be_ended(tools: SceneTools, window: Window) -> None:
    tools.take_plate()
    assert "5" in tools.card.words
    tools.tick()
    assert "4" in tools.card.words
    tools.card.button.click()
    assert not tools.is_counting
    assert not tools.card.isVisible()
    assert window.specs == ()


def test_a_folder_that_cannot_be_written_is_told(
    tools: SceneTools, window: Window, preview: Preview, config: Path
) -> None:
    config.mkdir(parents=True, exist_ok=True)
    (config / "scene").write_text("a file where a folder should be")
    take(tools, preview)
    assert "cannot be written" in window.said[-1]
    assert window.specs == ()


def test_the_rows_ask_for_one_thing_and_leave_the_others(qapp: QApplication) -> None:
    rows = StepRows()
    asked: list[tuple[str, ...]] = []
    rows.changed.connect(asked.append)
    rows.show_specs(("clean-plate:/a.png", "persons:2", "keep-region:/b.png"))
    assert rows.people.value() == 2
    assert rows.regions.remove.isEnabled()
    rows.people.combo.activated.emit(1)
    rows.people.combo.activated.emit(0)
    rows.regions.remove.click()
    rows.plate.remove.click()
    assert asked == [
        ("clean-plate:/a.png", "keep-region:/b.png", "persons:1"),
        ("clean-plate:/a.png", "keep-region:/b.png"),
        ("clean-plate:/a.png", "persons:2"),
        ("persons:2", "keep-region:/b.png"),
    ]
    rows.show_specs(())
    assert rows.people.value() == 0
    assert not rows.plate.remove.isEnabled()


def test_light_is_switched_on_with_its_options_below(qapp: QApplication) -> None:
    rows = LightRows()
    rows.load()
    asked: list[tuple[str, ...]] = []
    rows.changed.connect(asked.append)
    rows.switches["wrap"].box.click()
    rows.show_specs(asked[-1])
    rows.switches["match"].box.click()
    rows.show_specs(asked[-1])
    assert asked == [("wrap",), ("wrap", "match")]
    rows.switches["wrap"].box.click()
    assert asked[-1] == ("match",)
    rows.deleteLater()
    qapp.processEvents()


def test_the_window_passes_it_on_to_the_running_pipeline(
    qtbot: Any, open_window: Callable[..., Any]
) -> None:
    shown = open_window()
    shown.side.matte.steps.people.combo.activated.emit(1)
    shown.side.background.light.switches["wrap"].box.click()
    assert shown.live.steps == ("persons:1",)
    assert shown.live.light == ("wrap",)
    before = shown.preview.composite
    qtbot.waitUntil(lambda: shown.preview.composite is not before, timeout=120_000)
    shown.side.matte.reset()
    shown.side.background.reset()
    assert shown.live.steps == ()
    assert shown.live.light == ()


def test_a_picture_that_stands_still_is_not_waited_for_for_ever(
    tools: SceneTools, window: Window
) -> None:
    tools.take_plate()
    for _ in range(400):
        if tools.is_counting:
            tools.tick()
    assert not tools.is_counting
    assert "stands still" in window.said[-1]
    assert window.specs == ()
