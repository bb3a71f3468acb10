"""Adapt to me: records the running source, has a child learn from it, and holds what came of it."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.errors import MattecamError
from app.gui.bridge import Bridge
from app.gui.child import Child
from app.runtime.job import Job
from app.weights import eight_bit, store

if TYPE_CHECKING:
    from app.training.take import Recorder, Take

log = logging.getLogger(__name__)

_TELL_EVERY = 100  # milliseconds
_SILENCE = 5.0  # seconds without a picture until a recording is given up
_FINISH = 2.0  # seconds that the window's end waits for the last frame to be written


class Phase(Enum):
    IDLE = "idle"
    RECORDING = "recording"
    WORKING = "working"
    DECIDING = "deciding"


class End(Enum):
    """How it ended; only KEPT changes anything."""

    CANCELLED = "cancelled"
    FAILED = "failed"
    DROPPED = "dropped"
    DISCARDED = "discarded"
    KEPT = "kept"


class AdaptRun(QObject):
    """One at a time. Everything here is called from, and told in, Qt's thread.

    recording: what to do now, seconds left, and the share that is done. working: what is done,
    the share, and seconds left or None. ready: the child's report; there is something to decide.
    refused: a sentence on why it cannot be kept; it can be tried again. over: an End, and a
    sentence or, for KEPT, the name of the new weights. saved: where the recording is kept, and
    not_saved: why it is not.
    keep_recording: whether the recording is kept when it is over, in `recordings`.
    """

    recording = pyqtSignal(str, float, float)
    working = pyqtSignal(str, float, object)
    ready = pyqtSignal(dict)
    refused = pyqtSignal(str)
    over = pyqtSignal(object, str)
    saved = pyqtSignal(Path)
    not_saved = pyqtSignal(str)
    _recorded = pyqtSignal(object, object)
    _placed = pyqtSignal(object)

    def __init__(
        self, bridge: Bridge, recordings: Callable[[], Path], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._recordings = recordings
        self.child = Child(self)
        self.seconds: float | None = None  # of a recording; None for what the program finds right
        self.keep_recording = False
        self.phase = Phase.IDLE
        self._take: Take | None = None
        self._recorder: Recorder | None = None
        self._weights, self._minutes = "", 0.0
        self._cancelled = False
        self._ended = False
        self._report: dict[str, object] | None = None
        self._copying: Job[str] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_TELL_EVERY)
        self._timer.timeout.connect(self._tell)
        self._recorded.connect(self._learn)
        self.child.told.connect(self._told)
        self.child.ended.connect(self._learned)
        self._placed.connect(self._kept)

    @property
    def comparison(self) -> Path | None:
        """The folder with pictures of before and after, while there is something to decide."""
        return self._take.comparison if self._take and self.phase is Phase.DECIDING else None

    def start(self, weights: str, minutes: float) -> None:
        """weights: what is adapted. minutes: about how long it may learn."""
        if self.phase is not Phase.IDLE or self._ended:
            return
        from app.training.take import SECONDS, Recorder, Take

        self._weights, self._minutes = weights, minutes
        self._cancelled, self._report = False, None
        try:
            take = Take()
        except MattecamError as error:
            self.over.emit(End.FAILED, str(error))
            return
        self._take, self.phase = take, Phase.RECORDING
        self._recorder = Recorder(
            take,
            lambda error: self._recorded.emit(take, error),
            seconds=SECONDS if self.seconds is None else self.seconds,
        )
        self._recorder.start()
        self._bridge.add_tap(self._recorder.put)
        self._timer.start()
        self._tell()

    def cancel(self) -> None:
        """Ends it; nothing has changed."""
        self._cancelled = True
        if self.phase is Phase.RECORDING and self._recorder is not None:
            self._recorder.cancel()  # `_learn` follows
        elif self.phase is Phase.WORKING:
            self.child.cancel()  # `_learned` follows
        elif self.phase is Phase.DECIDING:
            self.discard()

    def keep(self) -> None:
        """Takes the new weights into the list; `over` or `refused` follows."""
        take = self._take
        if self.phase is not Phase.DECIDING or take is None or self._copying is not None:
            return
        self._copying = Job(
            "keep weights",
            lambda _: eight_bit.place(take.model, _free_name()),
            on_done=self._placed.emit,
        )
        self._copying.start()

    def discard(self) -> None:
        if self.phase is Phase.DECIDING and self._copying is None:
            self._finish(End.DISCARDED, "")

    def end(self) -> None:
        """The window closes: nothing goes on or starts, and nothing of the recording stays."""
        self._ended = True
        if self._copying is not None:
            self._copying.join(_FINISH)
        self._stop_recording()
        self.child.end()
        self._dispose()
        self.phase = Phase.IDLE

    # ---- recording -------------------------------------------------------------------------------

    def _tell(self) -> None:
        from app.training.take import hint_at

        recorder = self._recorder
        if recorder is None:
            return
        passed = min(recorder.passed, recorder.seconds)
        hint = hint_at(passed, recorder.seconds)
        self.recording.emit(hint, recorder.seconds - passed, passed / recorder.seconds)
        if recorder.silent > _SILENCE:
            self._stop_recording()
            self._finish(End.FAILED, self.tr("The picture has stopped, so nothing was learned."))

    def _stop_recording(self) -> None:
        self._timer.stop()
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._bridge.remove_tap(recorder.put)
            recorder.cancel()
            recorder.join(_FINISH)

    def _learn(self, take: Take, error: Exception | None) -> None:
        """The recording has ended, one way or another."""
        if take is not self._take or self.phase is not Phase.RECORDING:
            return
        self._stop_recording()
        if self._cancelled:
            self._finish(End.CANCELLED, "")
        elif error is not None:
            if not isinstance(error, MattecamError):
                log.error("the recording to adapt to broke off", exc_info=error)
            self._finish(End.FAILED, str(error))
        else:
            self.phase = Phase.WORKING
            self.working.emit("", 0.0, None)
            named = ["adapt", str(take.frames), "--out", str(take.model)]
            named += ["--weights", self._weights, "--minutes", f"{self._minutes:g}"]
            self.child.start(
                [*named, "--show-in", str(take.comparison), "--json", "--progress-json"]
            )

    # ---- the child -------------------------------------------------------------------------------

    def _told(self, told: dict[str, object]) -> None:
        if "kept" in told:
            self._report = told
            return
        share, left = told.get("share"), told.get("seconds_left")
        if isinstance(share, (int, float)) and not self._cancelled:
            seconds = float(left) if isinstance(left, (int, float)) else None
            self.working.emit(str(told.get("what", "")), float(share), seconds)

    def _learned(self, words: str | None) -> None:
        report = self._report
        if self._cancelled:
            self._finish(End.CANCELLED, "")
        elif words is not None or report is None:
            self._finish(End.FAILED, words or self.tr("It broke off."))
        elif not report["kept"]:
            self._finish(End.DROPPED, str(report.get("reason", "")))
        else:
            self.phase = Phase.DECIDING
            self.ready.emit(report)

    def _kept(self, job: Job[str]) -> None:
        if job is not self._copying:
            return  # the window is closing
        self._copying = None
        if job.error is not None:
            if not isinstance(job.error, MattecamError):
                log.error("adapted weights cannot be kept", exc_info=job.error)
            self.refused.emit(str(job.error))
            return
        self._finish(End.KEPT, job.result())

    # ---- the end ---------------------------------------------------------------------------------

    def _finish(self, end: End, words: str) -> None:
        self._dispose()
        self.phase = Phase.IDLE
        self.over.emit(end, words)

    def _dispose(self) -> None:
        take, self._take = self._take, None
        if take is None:
            return
        if self.keep_recording and take.count:
            stamp = datetime.datetime.now().strftime("%Y-%m-%d %H-%M-%S")
            try:
                self.saved.emit(take.keep(self._recordings() / f"Mattecam adapt {stamp}"))
            except MattecamError as error:
                # Where it lies, it stays until the next start.
                self.not_saved.emit(f"{error} {take.frames}")
                return
        take.remove()


def _free_name() -> str:
    start = f"me-{datetime.date.today().isoformat()}"
    taken = store.known_names()
    name, number = start, 2
    while name in taken:
        name, number = f"{start}-{number}", number + 1
    return name
