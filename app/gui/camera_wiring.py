"""Which cameras there are, while the window runs, and the demo clip where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.gui.bridge import Bridge
from app.registry import name_in
from app.settings import LiveSettings

if TYPE_CHECKING:
    from app.gui.main_window import MainWindow
    from app.sources.devices import CameraInfo

DEMO = "demo"
_AT_LATEST = 3000  # milliseconds until it goes on without the list of cameras


class Watch(Protocol):
    """What tells of cameras: devices.CameraWatch."""

    def stop(self, timeout: float = ...) -> bool: ...


StartWatch = Callable[[Callable[[Sequence["CameraInfo"]], None]], Watch]


def watch_cameras(on_change: Callable[[Sequence[CameraInfo]], None]) -> Watch:
    """The system's own."""
    from app.sources.devices import watch

    return watch(on_change)


class CameraWiring(QObject):
    """Between the watch, the panel and the pipeline.

    known: whether there is a camera is known now; once. stand_in: the demo clip runs because there
    is none; what the user has set is kept.
    """

    known = pyqtSignal()
    _changed = pyqtSignal(object)

    def __init__(self, window: MainWindow, bridge: Bridge, start_watch: StartWatch) -> None:
        super().__init__(window)
        self.stand_in = False
        self._window = window
        self._bridge = bridge
        self._panel = window.side.camera
        self._start_watch = start_watch
        self._watch: Watch | None = None
        self._is_known = False
        self._cameras: Sequence[CameraInfo] = ()
        self._changed.connect(self._show)

    def begin(self) -> None:
        """Looks beside Qt's thread, for it may take a second; `known` follows."""
        self._watch = self._start_watch(self._changed.emit)
        if self._wanted:
            QTimer.singleShot(_AT_LATEST, self._decided)
        else:
            self._decided()

    def end(self) -> None:
        if self._watch is not None:
            self._watch.stop(1.0)

    def effective(self, settings: LiveSettings) -> LiveSettings:
        """What the pipeline gets: the demo clip where it stands in for a camera."""
        return settings.but(source=DEMO) if self.stand_in else settings

    def choices(self) -> tuple[Sequence[tuple[str, str]], str]:
        """(spec, words) of all that can be chosen, and the spec in use."""
        return self._panel.choices(), self.effective(self._window.live).source

    def choose(self, spec: str) -> None:
        """One of the choices."""
        if self.stand_in and spec == self._window.live.source:
            self._use()
        else:
            self._panel.choose(spec)

    @property
    def _wanted(self) -> bool:
        return name_in(self._window.live.source) == "camera"

    @property
    def _real(self) -> Sequence[CameraInfo]:
        """Those that no program makes."""
        return [camera for camera in self._cameras if not camera.virtual]

    def _decided(self) -> None:
        if not self._is_known:
            self._is_known = True
            self.known.emit()

    def _show(self, cameras: Sequence[CameraInfo]) -> None:
        """Now, and whenever one came or went."""
        self._cameras = tuple(cameras)
        self._panel.set_cameras(self._cameras)
        if not self._wanted:
            return
        window = self._window
        if not self._is_known:
            missing = self._panel.camera_of(window.live.source) is None
            self.stand_in = missing and not self._real
            if self.stand_in:
                words = self.tr("No camera is connected, so you see the demo clip.")
                window.say("camera", words, "info", self.tr("Doctor"), window.show_doctor)
            self._decided()
        elif self.stand_in and self._real:
            # Asked, not done: the room is never shown by surprise.
            words = self.tr("{0} is connected.").format(self._real[0].name)
            window.say("camera", words, "info", self.tr("Use it"), self._use)
        else:
            self._bridge.retry()

    def _use(self) -> None:
        """The first camera, in place of the demo clip."""
        if not self._real:
            return
        wanted = f"camera:{self._real[0].id}"
        window = self._window
        if window.live.source == wanted:
            self.stand_in = False
            window.preview.clear()
            self._bridge.apply(window.live)
        else:
            window.change(source=wanted)
