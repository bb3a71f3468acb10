"""The message bar, the gallery, the theme, icons, the log file, the snapshot, the performance."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QMimeData, QSize, Qt, QUrl
from PyQt6.QtGui import QColor, QIcon, QPalette
from PyQt6.QtWidgets import QApplication, QMainWindow, QToolButton

from app import doctor, places
from app.errors import OutputError
from app.frames import Composite
from app.gui.actions import make_actions
from app.gui.bars import BottomBar
from app.gui.doctor_page import DoctorPage
from app.gui.gallery import SPEC, Gallery, local_files, resolved, samples, title_of
from app.gui.icons import icon
from app.gui.log_file import close_log, log_path, open_log
from app.gui.message_bar import Message, MessageBar
from app.gui.notice import Action
from app.gui.performance import PerformancePanel
from app.gui.plain import Label
from app.gui.snapshot import save
from app.gui.theme import DARK, LIGHT, Colors, Theme
from app.gui.thumbnails import SIZE, render
from app.stats import OutputStats, Snapshot, Spread
from app.views import View

# ---- the message bar ------------------------------------------------------------------------


@pytest.fixture
def bar(qtbot: Any) -> MessageBar:
    made = MessageBar()
    qtbot.addWidget(made)
    return made


def test_the_gravest_message_is_shown_and_the_others_wait(bar: MessageBar) -> None:
    bar.post(Message("a", "A note.", "info"))
    bar.post(Message("b", "It broke.", "bad"))
    bar.post(Message("c", "Another note.", "info"))
    assert bar.text == "It broke."
    bar.settle("b")
    assert bar.text == "Another note."
    bar.settle("c")
    bar.settle("a")
    assert bar.text == ""
    assert not bar.isVisible()


def test_a_newer_message_on_the_same_thing_takes_its_place(bar: MessageBar) -> None:
    bar.post(Message("source", "The camera is busy.", "warn"))
    bar.post(Message("source", "The camera is gone.", "warn"))
    assert bar.text == "The camera is gone."
    bar.settle("source")
    assert bar.text == ""


def test_the_button_does_what_it_says_and_may_post_again(bar: MessageBar) -> None:
    def again() -> None:
        bar.post(Message("source", "Still gone.", "warn"))

    bar.post(Message("source", "Gone.", "warn", Action("Try again", again)))
    assert bar.button.text() == "Try again"
    bar.button.click()
    assert bar.text == "Still gone."
    assert not bar.button.isVisibleTo(bar)


def test_a_message_can_be_hidden(bar: MessageBar) -> None:
    bar.post(Message("a", "A note.", "info"))
    bar.close_button.click()
    assert bar.text == ""


def test_an_answer_comes_first_and_goes_by_itself(qtbot: Any, bar: MessageBar) -> None:
    bar.post(Message("a", "It broke.", "bad"))
    bar.post(Message("b", "Saved.", "info", passing=True))
    assert bar.text == "Saved."
    bar.end_passing()
    assert bar.text == "It broke."


def test_in_full_screen_only_what_is_wrong_is_shown(bar: MessageBar) -> None:
    bar.post(Message("a", "A note.", "info"))
    bar.set_quiet(True)
    assert bar.text == ""
    bar.post(Message("b", "It broke.", "bad"))
    assert bar.text == "It broke."
    bar.settle("b")
    bar.set_quiet(False)
    assert bar.text == "A note."


def test_a_button_goes_through_all_messages(bar: MessageBar) -> None:
    for name, level in (("a", "bad"), ("b", "info"), ("c", "warn")):
        bar.post(Message(name, name, level))  # type: ignore[arg-type]
    seen = [bar.text]
    for _ in range(3):
        bar.more.click()
        seen.append(bar.text)
    assert seen == ["a", "c", "b", "a"]
    bar.post(Message("d", "d", "info"))
    assert bar.text == "a"  # the gravest again


# ---- the bar at the bottom --------------------------------------------------------------------


def test_the_buttons_words_come_and_go_without_flickering(qtbot: Any) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    bar = BottomBar(make_actions(window))
    window.setCentralWidget(bar)
    window.show()
    styles = set()
    for width in [*range(600, 1100, 9), *range(1100, 600, -9)]:
        window.resize(width, 80)
        seen = []
        for _ in range(8):
            QApplication.processEvents()
            seen.append(bar.words_shown)
        assert len(set(seen[4:])) == 1
        assert bar.layout().minimumSize().width() <= bar.width()  # type: ignore[union-attr]
        styles.add(bar.words_shown)
    assert styles == {True, False}


# ---- the doctor's page ------------------------------------------------------------------------


def test_the_doctor_offers_a_button_for_commands_and_pages_only(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [
        doctor.Check("Cameras", "Cameras", "warn", "None.", "Plug one in.", by_hand=True),
        doctor.Check("Virtual cameras", "loop", "missing", "Not there.", "sudo modprobe loop"),
        doctor.Check("Virtual cameras", "OBS", "missing", "Not there.", "https://obsproject.com"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: checks)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    page = DoctorPage()
    qtbot.addWidget(page)
    page.look()
    qtbot.waitUntil(lambda: len(page.texts) == 3, timeout=120_000)
    assert [b.text() for b in page.findChildren(QToolButton) if b.text()] == ["Copy", "Open"]
    names = {label.accessibleName() for label in page.findChildren(Label)}
    assert "Zoom, v4l2loopback: yes" in names
    assert "Zoom, PipeWire: no" in names
    assert not any("UnityCapture" in name for name in names)  # of another system


# ---- the gallery ----------------------------------------------------------------------------


@pytest.fixture
def gallery(qtbot: Any) -> Gallery:
    made = Gallery()
    qtbot.addWidget(made)
    for name in ("a", "b", "c"):
        made.add(f"image:/{name}.jpg")
    made.resize(340, 200)
    made.show()
    return made


def test_keys_choose_move_and_remove(qtbot: Any, gallery: Gallery) -> None:
    gallery.select("image:/a.jpg")
    gallery.setFocus()
    qtbot.waitUntil(gallery.hasFocus)
    with qtbot.waitSignal(gallery.chosen) as told:
        qtbot.keyClick(gallery, Qt.Key.Key_Right)
    assert told.args == ["image:/b.jpg"]
    with qtbot.waitSignal(gallery.changed):
        qtbot.keyClick(gallery, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert gallery.specs() == ["image:/a.jpg", "image:/c.jpg", "image:/b.jpg"]
    with qtbot.waitSignal(gallery.changed):
        qtbot.keyClick(gallery, Qt.Key.Key_Delete)
    assert gallery.specs() == ["image:/a.jpg", "image:/c.jpg"]


def test_the_ends_hold(gallery: Gallery) -> None:
    gallery.select("image:/a.jpg")
    gallery.move_current(-1)
    assert gallery.specs()[0] == "image:/a.jpg"
    gallery.select(None)
    gallery.remove_current() if gallery.currentIndex().isValid() is False else None
    assert len(gallery.specs()) == 3


def test_the_next_one_comes_round(gallery: Gallery) -> None:
    assert gallery.next_after("image:/a.jpg") == "image:/b.jpg"
    assert gallery.next_after("image:/c.jpg") == "image:/a.jpg"
    assert gallery.next_after("blur") == "image:/a.jpg"


def test_nothing_is_there_twice(gallery: Gallery) -> None:
    gallery.add("image:/a.jpg")
    assert len(gallery.specs()) == 3


def test_what_cannot_be_used_stays_and_says_why(gallery: Gallery) -> None:
    gallery.set_broken("image:/b.jpg", "The disk is gone.")
    model = gallery.model()
    assert model is not None
    index = model.index(1, 0)
    assert index.data(SPEC) == "image:/b.jpg"
    assert index.data(Qt.ItemDataRole.ToolTipRole) == "The disk is gone."
    gallery.grab()  # it can be painted, too


def test_the_samples_are_there_and_are_pictures() -> None:
    found = samples()
    assert len(found) >= 4
    for spec in found:
        thumbnail = render(resolved(spec))
        assert thumbnail is not None
        assert thumbnail.shape == (SIZE[1], SIZE[0], 3)
        assert thumbnail.std() > 5
    assert title_of("sample/1-room.jpg") == "1 room"
    assert sum(p.stat().st_size for p in (places.assets() / "backgrounds").glob("*")) < 600_000


def test_only_files_of_this_machine_are_taken() -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/a.jpg"), QUrl("https://example.org/b.jpg")])
    assert local_files(mime) == [Path("/a.jpg")]
    assert local_files(None) == []


# ---- looks ----------------------------------------------------------------------------------


def luminance(color: str) -> float:
    """WCAG 2.1, relative luminance."""
    channels = QColor(color).redF(), QColor(color).greenF(), QColor(color).blueF()
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, contrast ratio."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_words_can_be_read(colors: Colors) -> None:
    for surface in (colors.surface, colors.raised, colors.hover):
        assert contrast(colors.text, surface) >= 7
        assert contrast(colors.muted, surface) >= 4.5
    assert contrast(colors.on_accent, colors.accent) >= 4.5
    assert contrast(colors.warn, colors.warn_surface) >= 4.5
    for surface in (colors.info_surface, colors.warn_surface, colors.bad_surface):
        assert contrast(colors.text, surface) >= 7


def test_the_theme_follows_what_was_chosen(qtbot: Any, theme: Theme) -> None:
    for choice, colors in (("dark", DARK), ("light", LIGHT)):
        with qtbot.waitSignal(theme.changed):
            theme.choose(choice)
        window = QApplication.palette().color(QPalette.ColorRole.Window)
        assert window.name() == colors.surface
        assert theme.colors is colors


def test_icons_take_the_colour_of_the_text_and_are_crisp_at_2x(qtbot: Any, theme: Theme) -> None:
    for choice, colors in (("dark", DARK), ("light", LIGHT)):
        theme.choose(choice)
        pixmap = icon("plus").pixmap(QSize(24, 24), 2.0)
        assert (pixmap.width(), pixmap.devicePixelRatio()) == (48, 2.0)
        assert QColor(pixmap.toImage().pixel(24, 24)).name() == colors.text


def test_a_disabled_icon_is_paler(qtbot: Any, theme: Theme) -> None:
    theme.choose("light")
    made = icon("plus")
    normal = made.pixmap(QSize(24, 24), QIcon.Mode.Normal).toImage().pixelColor(12, 12)
    faded = made.pixmap(QSize(24, 24), QIcon.Mode.Disabled).toImage().pixelColor(12, 12)
    assert faded.lightness() > normal.lightness()


# ---- files ----------------------------------------------------------------------------------


def test_the_log_goes_to_a_file_and_says_when(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "mattecam.log"
    before = logging.getLogger().level
    handler = open_log(path)
    try:
        logging.getLogger("app.gui").info("hello %s", "log")
    finally:
        close_log(handler)
        logging.getLogger().setLevel(before)
    assert "app.gui: hello log" in path.read_text()
    assert log_path().is_relative_to(places.config())


def test_a_snapshot_of_the_cut_out_is_transparent(
    tmp_path: Path, make_composite: Callable[..., Composite]
) -> None:
    made = make_composite(alpha=0)
    path = save(made, View.FOREGROUND, mirror=False, folder=tmp_path / "Pictures")
    with Image.open(path) as image:
        assert image.mode == "RGBA"
        assert np.asarray(image)[..., 3].max() == 0


def test_a_snapshot_is_mirrored_as_it_is_seen_and_never_overwrites(
    tmp_path: Path, make_composite: Callable[..., Composite]
) -> None:
    paths = {save(make_composite(), View.COMPOSITE, mirror=True, folder=tmp_path) for _ in range(3)}
    assert len(paths) == 3
    with Image.open(paths.pop()) as image:
        pixels = np.asarray(image)
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (250, 200)


def test_a_folder_that_is_a_file_is_said_with_a_remedy(
    tmp_path: Path, make_composite: Callable[..., Composite]
) -> None:
    folder = tmp_path / "Pictures"
    folder.write_text("")
    with pytest.raises(OutputError, match="make it writable"):
        save(make_composite(), View.COMPOSITE, mirror=False, folder=folder)


# ---- performance ----------------------------------------------------------------------------


def test_the_performance_panel_says_what_was_measured(qtbot: Any) -> None:
    panel = PerformancePanel()
    qtbot.addWidget(panel)
    stats = Snapshot(
        seconds=5,
        fps_in=30,
        fps_matte=24,
        fps_reused=0,
        fps_out=23.5,
        fps_resent=6.5,
        latency_ms=Spread(61, 80),
        stages_ms={"matting": Spread(30, 40), "composite": Spread(4, 5)},
        dropped={"matting": 12, "compose": 0},
        outputs={"preview": OutputStats()},
        memory_mb=321,
    )
    for _ in range(70):
        panel.show_stats(stats, preview_fps=24, frame_ms=(1.5, 3.0))
    panel.show()
    panel.grab()
    assert panel.text("rates") == "30.0 in, 24.0 mattes, 23.5 out"
    assert panel.text("delay") == "61 ms, 95% below 80 ms"
    assert panel.text("dropped") == "12 before matting"
    assert panel.text("resent") == "6.5 a second"
    assert panel.text("memory") == "321 MB"
    assert panel.text("paint") == "24 frames a second, 1.5 ms each, at worst 3.0 ms"
    assert panel.bar.accessibleDescription() == "Matting 30.0 ms, Composite 4.0 ms"
    assert panel.plot.accessibleDescription() == "Camera 30.0, Matte 24.0, Output 23.5"
