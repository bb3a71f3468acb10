"""File names, devices' names and weights' metadata are plain text in the window."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PyQt6.QtCore import QEvent, QPoint, Qt
from PyQt6.QtGui import QHelpEvent, QStandardItem, QStandardItemModel, QTextDocument
from PyQt6.QtWidgets import (
    QApplication,
    QLabel,  # noqa: TID251
    QListView,
    QMenu,
    QToolTip,
    QWidget,
)

from app.gui.bars import Strip
from app.gui.folder_control import Folder
from app.gui.gallery import title_of
from app.gui.main_window import MainWindow
from app.gui.message_bar import Message
from app.gui.notice import Action
from app.gui.options_form import Choice, File
from app.gui.plain import Label, PlainToolTips, plain_tip, words_of
from app.sources.devices import CameraInfo

LONG = 120_000
GUI = Path(__file__).resolve().parents[2] / "app/gui"
# A file's name on every system but Windows: what Qt would take for a picture, and an `&`.
HOSTILE = "<img src=canary.png>&a\u202e\x1b[31m<b>b"
SEEN = "<img src=canary.png>&a��[31m<b>b"

Open = Callable[..., MainWindow]


def labels(widget: QWidget) -> list[QLabel]:
    return widget.findChildren(QLabel)


def test_every_label_of_every_page_shows_plain_text(qtbot: Any, open_window: Open) -> None:
    window = open_window()
    window.show_doctor()
    window.show_adapt()
    window.show_keys()
    for section in ("background", "performance"):
        window.show_section(section)
    qtbot.waitUntil(lambda: bool(window.side.doctor.texts), timeout=LONG)
    found = labels(window)
    assert len(found) > 60
    guessing = [label for label in found if label.textFormat() is not Qt.TextFormat.PlainText]
    assert [label.text() for label in guessing] == []


def test_no_other_module_makes_what_guesses_rich_text() -> None:
    banned = {"QLabel", "QMessageBox", "QTextBrowser", "QTextEdit", "QWhatsThis", "QErrorMessage"}
    for path in sorted(GUI.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert path.name == "plain.py" or not imported & banned, path.name


def test_a_file_whose_name_is_html_is_told_by_its_name(
    qtbot: Any, open_window: Open, tmp_path: Path
) -> None:
    Image.new("RGB", (640, 480), (255, 0, 0)).save(tmp_path / "canary.png")
    window = open_window()
    path = tmp_path / f"{HOSTILE}.jpg"
    path.write_bytes(b"no picture")
    window.add_backgrounds([path])
    qtbot.waitUntil(lambda: window.messages.has("background"), timeout=LONG)
    (told,) = [label for label in labels(window.messages) if "canary" in label.text()]
    assert SEEN in told.text()
    assert told.textFormat() is Qt.TextFormat.PlainText
    assert window.messages.height() < 200


def test_a_label_keeps_lines_and_replaces_what_acts(qtbot: Any) -> None:
    label = Label(f"{HOSTILE}\nmore")
    qtbot.addWidget(label)
    assert label.text() == f"{SEEN}\nmore"
    label.setText("x\x07")
    assert label.text() == "x�"


def test_in_buttons_and_menus_a_name_is_a_name(qtbot: Any) -> None:
    folder, file = Folder("Folder", "usual"), File()
    choice = Choice(((1, HOSTILE),))
    strip_words = words_of(SEEN)
    for widget in (folder, file, choice):
        qtbot.addWidget(widget)
    folder.set_value(f"/tmp/{HOSTILE}")
    file.set_value(Path(f"/tmp/{HOSTILE}"))
    assert folder.button.text() == file.button.text() == strip_words
    assert choice.combo.itemText(0) == SEEN
    assert title_of(f"image:/tmp/{HOSTILE}.jpg") == SEEN.capitalize()


def test_the_menu_of_sources_shows_a_cameras_name_as_it_is(
    open_window: Open, watch: Any, qtbot: Any
) -> None:
    window = open_window()
    watch.plug_in(CameraInfo(id="7", name=HOSTILE, path="/dev/video7"))
    (strip,) = window.findChildren(Strip)

    def listed() -> bool:
        return any(HOSTILE in words for _, words in window.cameras.choices()[0])

    qtbot.waitUntil(listed, timeout=LONG)
    strip._fill()
    assert any(words_of(SEEN) in action.text() for action in strip._menu.actions())
    strip.show_source(HOSTILE[:24], "")
    assert "&&" in strip.source_button.text()


def test_the_button_of_a_message_shows_an_ampersand(open_window: Open) -> None:
    window = open_window()
    window.messages.post(Message("x", "x", "bad", Action(HOSTILE, lambda: None)))
    assert window.messages.button.text() == words_of(SEEN)


# ---- tooltips --------------------------------------------------------------------------------


@pytest.fixture
def tips(qtbot: Any) -> PlainToolTips:
    made = PlainToolTips()
    made.install()
    yield made
    made.remove()
    QToolTip.hideText()


def hover(widget: QWidget, at: QPoint) -> str:
    """What is to be read in the tooltip there."""
    QToolTip.hideText()
    event = QHelpEvent(QEvent.Type.ToolTip, at, widget.mapToGlobal(at))
    QApplication.sendEvent(widget, event)
    page = QTextDocument()
    if "<" in QToolTip.text():
        page.setHtml(QToolTip.text())
    else:
        page.setPlainText(QToolTip.text())
    return page.toPlainText()


@pytest.mark.usefixtures("tips")
def test_the_tooltip_of_a_control_is_plain_text(qtbot: Any) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.resize(50, 50)
    widget.setToolTip(HOSTILE)
    widget.show()
    assert hover(widget, QPoint(5, 5)) == SEEN
    widget.setToolTip("plain & simple\nsecond line")
    assert hover(widget, QPoint(5, 5)) == "plain & simple\nsecond line"


@pytest.mark.usefixtures("tips")
def test_the_tooltip_of_an_item_in_a_list_is_plain_text(qtbot: Any) -> None:
    view, model = QListView(), QStandardItemModel()
    qtbot.addWidget(view)
    item = QStandardItem("x")
    item.setToolTip(HOSTILE)
    model.appendRow(item)
    view.setModel(model)
    view.show()
    viewport = view.viewport()
    assert viewport is not None
    assert hover(viewport, view.visualRect(model.index(0, 0)).center()) == SEEN


@pytest.mark.usefixtures("tips")
def test_the_tooltip_of_an_entry_of_a_menu_is_plain_text(qtbot: Any) -> None:
    menu = QMenu()
    qtbot.addWidget(menu)
    menu.setToolTipsVisible(True)
    entry = menu.addAction("x")
    assert entry is not None
    entry.setToolTip(HOSTILE)
    menu.popup(QPoint(0, 0))
    assert hover(menu, menu.actionGeometry(entry).center()) == SEEN
    menu.close()


def test_the_window_has_its_tooltips_plain(open_window: Open) -> None:
    window = open_window()
    window.outputs.setToolTip(HOSTILE)
    assert hover(window.outputs, QPoint(2, 2)) == SEEN
    QToolTip.hideText()


def test_a_tip_without_html_is_left_to_qt() -> None:
    assert plain_tip("Ends the clip.") == "Ends the clip."
