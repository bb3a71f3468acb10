"""The window's recording: begins, pauses and ends it, and tells how it goes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject, QStandardPaths, QTimer, pyqtSignal

from app.errors import MattecamError
from app.gui.bridge import Bridge
from app.runtime.job import Job
from app.settings import RecordingSettings
from app.system.files import expanded

if TYPE_CHECKING:
    from app.recording.recorder import Figures
    from app.recording.session import Session

log = logging.getLogger(__name__)

_TELL_EVERY = 200  # milliseconds
_FINISH = 10.0  # seconds that the window's end waits for a file


def videos_folder() -> Path:
    found = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
    return Path(found) if found else Path.home()


class Recording(QObject):
    """One recording at a time. Everything here is called from, and told in, Qt's thread.

    told: Figures, several times a second while it runs, and None when it is over. level: peak and
    rms of the microphone in dB. failed, noted: a sentence. done: Figures, when all files are
    closed.
    """

    told = pyqtSignal(object)
    level = pyqtSignal(float, float)
    failed = pyqtSignal(str)
    noted = pyqtSignal(str)
    done = pyqtSignal(object)
    _opened = pyqtSignal(object)
    _ended = pyqtSignal(object)

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._session: Session | None = None
        self._job: Job[Session] | None = None
        self._stop_when_open = False
        self._timer = QTimer(self)
        self._timer.setInterval(_TELL_EVERY)
        self._timer.timeout.connect(self._tell)
        self._opened.connect(self._take)
        self._ended.connect(self._finished)

    @property
    def runs(self) -> bool:
        """Also while it is being started, and until its files are closed."""
        return self._session is not None or self._job is not None

    def start(self, settings: RecordingSettings, *, mirror: bool = False) -> None:
        if self.runs:
            return
        folder = expanded(settings.folder) if settings.folder else videos_folder()
        self._stop_when_open = False

        def work(_: object) -> Session:
            from app.recording.session import Session, plan_of

            plan = plan_of(settings, folder, mirror=mirror)
            session = Session(
                plan,
                settings,
                rate=lambda: self._bridge.source_rate,
                on_done=self._ended.emit,
            )
            session.open()
            return session

        self._job = Job("start recording", work, on_done=self._opened.emit)
        self._job.start()

    def stop(self) -> None:
        if self._session is not None:
            self._session.recorder.finish()
        else:
            self._stop_when_open = self._job is not None

    def pause(self, paused: bool) -> None:
        if self._session is not None:
            if paused:
                self._session.recorder.pause()
            else:
                self._session.recorder.resume()

    def mute(self, muted: bool) -> None:
        if self._session is not None and self._session.microphone is not None:
            self._session.microphone.muted = muted

    def end(self) -> None:
        """The window closes: the files are finished first."""
        if self._job is not None:
            self._job.join(_FINISH)
            if self._job.error is None and self._session is None:
                self._session = self._job.result()
        session, self._session, self._job = self._session, None, None
        self._timer.stop()
        if session is not None:
            session.recorder.stop(_FINISH)
            self._bridge.remove_tap(session.recorder.put)
            session.close()

    def _take(self, job: Job[Session]) -> None:
        if job is not self._job:
            return  # the window is closing
        self._job = None
        if job.error is not None:
            if not isinstance(job.error, MattecamError):
                log.error("a recording cannot be started", exc_info=job.error)
            self.told.emit(None)
            self.failed.emit(str(job.error))
            return
        self._session = job.result()
        self._bridge.add_tap(self._session.recorder.put)
        if self._session.note:
            self.noted.emit(self._session.note)
        self._timer.start()
        self._tell()
        if self._stop_when_open:
            self.stop()

    def _tell(self) -> None:
        if self._session is None:
            return
        self.told.emit(self._session.recorder.figures())
        microphone = self._session.microphone
        if microphone is not None:
            self.level.emit(microphone.level.peak, microphone.level.rms)

    def _finished(self, figures: Figures) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        self._timer.stop()
        self._bridge.remove_tap(session.recorder.put)
        session.close()
        self.told.emit(None)
        self.done.emit(figures)
