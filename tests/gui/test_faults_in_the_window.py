"""What goes wrong with a camera, as the user sees it: said, answered, and over when it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import Qt

from app.errors import SourceLost
from app.frames import Frame
from app.gui.bridge import Bridge
from app.gui.main_window import MainWindow
from app.gui.preview import Mode
from app.live import Callbacks, LivePipeline
from app.settings import LiveSettings
from app.sources.live_base import LiveSource, create_live_source

LONG = 120_000
UNPLUGGED = "The camera was unplugged; plug it in again."

Open = Callable[..., MainWindow]


class Camera(LiveSource):
    """A camera with which something is wrong while `fault` is set."""

    def __init__(self) -> None:
        self.fault = ""
        self.size = (320, 180)
        self.interval = 0.02
        self._changed = threading.Condition()
        self._interrupted = False
        self._index = 0

    @property
    def description(self) -> str:
        return "A camera"

    def set_fault(self, fault: str) -> None:
        with self._changed:
            self.fault = fault
            self._changed.notify_all()

    def open(self) -> None:
        self._interrupted = False
        self._raise()

    def read(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._interrupted, self.interval)
            if self.fault == "silent":
                self._changed.wait_for(lambda: self._interrupted or self.fault != "silent")
            while self.fault == "hangs":
                self._changed.wait()
            if self._interrupted:
                return None
        self._raise()
        self._index += 1
        at = 1.0 if self.fault == "stale" else time.monotonic()
        return Frame(np.full((self.size[1], self.size[0], 3), 90, np.uint8), self._index, at)

    def _raise(self) -> None:
        if self.fault == "unplugged":
            raise SourceLost(UNPLUGGED)
        if self.fault == "defect":
            raise ZeroDivisionError("a mistake of the driver")

    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def close(self) -> None: ...


@pytest.fixture
def camera() -> Iterator[Camera]:
    made = Camera()
    yield made
    made.set_fault("")


@pytest.fixture
def window(camera: Camera, open_window: Open, save_settings: Any) -> MainWindow:
    def make(settings: LiveSettings) -> Bridge:
        def pipeline(given: LiveSettings, callbacks: Callbacks) -> LivePipeline:
            def source(spec: str) -> LiveSource:
                return camera if spec == "screen" else create_live_source(spec)

            return LivePipeline(given, callbacks, create_source=source, backoff=(0.05,))

        return Bridge(settings, make_pipeline=pipeline)

    save_settings(source="screen")
    return open_window(make_bridge=make)


def answers(qtbot: Any, window: MainWindow) -> None:
    """A key does what it does."""
    window.preview.setFocus()
    qtbot.keyClick(window.preview, Qt.Key.Key_2)
    assert window.preview.mode is Mode.MATTE
    qtbot.keyClick(window.preview, Qt.Key.Key_1)
    assert window.preview.mode is Mode.COMPOSITE


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unplugged", UNPLUGGED),
        ("defect", "a mistake of the driver"),
        ("silent", "no picture for some seconds"),
        ("stale", "no picture for some seconds"),
    ],
)
def test_a_fault_of_the_camera_is_said_and_over_when_it_is_over(
    qtbot: Any, window: MainWindow, camera: Camera, fault: str, words: str
) -> None:
    camera.set_fault(fault)
    qtbot.waitUntil(lambda: words in window.messages.text, timeout=LONG)
    assert "Traceback" not in window.messages.text
    answers(qtbot, window)
    camera.set_fault("")
    qtbot.waitUntil(lambda: not window.messages.has("source"), timeout=LONG)
    before = window.preview.composite
    qtbot.waitUntil(lambda: window.preview.composite is not before, timeout=LONG)
    assert not window.notice.isVisible()


def test_another_size_in_mid_stream_is_simply_shown(
    qtbot: Any, window: MainWindow, camera: Camera
) -> None:
    camera.size = (240, 240)

    def shown() -> bool:
        composite = window.preview.composite
        return composite is not None and composite.cutout.frame.size == (240, 240)

    qtbot.waitUntil(shown, timeout=LONG)
    assert window.messages.text == ""


def test_frames_that_come_late_are_no_fault(qtbot: Any, window: MainWindow, camera: Camera) -> None:
    camera.interval = 0.4
    first = window.preview.composite
    qtbot.waitUntil(lambda: window.preview.composite is not first, timeout=LONG)
    second = window.preview.composite
    qtbot.waitUntil(lambda: window.preview.composite is not second, timeout=LONG)
    assert window.messages.text == ""


def test_a_read_that_never_returns_stops_neither_another_source_nor_the_end(
    qtbot: Any, window: MainWindow, camera: Camera
) -> None:
    camera.set_fault("hangs")
    qtbot.waitUntil(lambda: "no picture for some seconds" in window.messages.text, timeout=LONG)
    answers(qtbot, window)
    window.change(source="demo")
    qtbot.waitUntil(lambda: window.preview.composite is not None, timeout=LONG)
    assert not window.messages.has("source")
    window.close()  # comes back
    assert not window.isVisible()
