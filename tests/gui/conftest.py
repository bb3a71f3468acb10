"""A window on the demo clip, without a screen, a camera, weights or the user's own settings."""

from __future__ import annotations

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtWidgets import QApplication

from app.frames import Composite, Cutout, Frame
from app.gui.bridge import Bridge
from app.gui.main_window import MainWindow
from app.gui.theme import Theme
from app.settings import LiveSettings, live_settings_file
from app.sources.devices import CameraInfo

LONG = 120_000  # milliseconds that nothing here should ever take


class ScriptedWatch:
    """Cameras that come and go when the test says so."""

    def __init__(self, cameras: Sequence[CameraInfo] = ()) -> None:
        self.cameras = list(cameras)
        self._tell: Callable[[Sequence[CameraInfo]], None] = lambda _: None

    def start(self, tell: Callable[[Sequence[CameraInfo]], None]) -> ScriptedWatch:
        self._tell = tell
        tell(self.cameras)
        return self

    def plug_in(self, camera: CameraInfo) -> None:
        self.cameras.append(camera)
        self._tell(self.cameras)

    def stop(self, timeout: float = 5.0) -> bool:
        return True


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings of this test."""
    monkeypatch.setenv("MATTECAM_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def watch() -> ScriptedWatch:
    return ScriptedWatch()


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp)


@pytest.fixture
def save_settings(config: Path) -> Callable[..., None]:
    """Settings as an earlier run would have left them: no weights are needed for these."""

    def save(**changes: Any) -> None:
        plain = LiveSettings(engine="null", source="demo", background="color", temporal="off")
        live_settings_file().save(plain.but(**changes))

    save()
    return save


@pytest.fixture
def open_window(
    qtbot: Any,
    theme: Theme,
    watch: ScriptedWatch,
    save_settings: Callable[..., None],
    tmp_path: Path,
) -> Iterator[Callable[..., MainWindow]]:
    """Shows a window and, unless told otherwise, waits for its first composite."""
    opened: list[MainWindow] = []

    def open_(
        *, wait: bool = True, make_bridge: Callable[[LiveSettings], Bridge] = Bridge
    ) -> MainWindow:
        window = MainWindow(
            theme=theme,
            make_bridge=make_bridge,
            start_watch=watch.start,
            pictures=tmp_path / "Pictures",
        )
        opened.append(window)
        window.show()
        qtbot.waitExposed(window)
        window.begin()
        if wait:
            qtbot.waitUntil(lambda: window.preview.composite is not None, timeout=LONG)
        return window

    yield open_
    for window in opened:
        window.close()
        window.deleteLater()


def composite(
    *, size: tuple[int, int] = (64, 36), rgb: int | None = 200, alpha: int = 255
) -> Composite:
    """Left half darker than the right one, so that a mirror shows."""
    width, height = size
    picture = np.full((height, width, 3), 60, np.uint8)
    picture[:, width // 2 :] = 120
    mask = np.full((height, width), alpha, np.uint8)
    cutout = Cutout(Frame(picture, 0, 0.0), mask, picture)
    made = None if rgb is None else np.full((height, width, 3), rgb, np.uint8)
    if made is not None:
        made[:, width // 2 :] = 250
    return Composite(cutout, made)


@pytest.fixture
def make_composite() -> Callable[..., Composite]:
    return composite
