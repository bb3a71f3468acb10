"""Joins "Adapt to me": the button and the menu, the page, before and after, and the settings."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject

from app.gui import scene_tools
from app.gui.adapt_run import AdaptRun, End
from app.gui.bridge import Bridge
from app.gui.recording import videos_folder
from app.gui.snapshot import UNFINISHED, pictures_folder
from app.runtime.job import Job
from app.system.files import expanded
from app.system.temporary import remove_stale
from app.weights import store

if TYPE_CHECKING:
    from app.gui.main_window import MainWindow
    from app.settings import LiveSettings


class AdaptWiring(QObject):
    def __init__(self, window: MainWindow, bridge: Bridge) -> None:
        super().__init__(window)
        self._window = window
        self.run = AdaptRun(bridge, self._recordings, self)
        self._page = window.side.adapt
        self._row = window.side.matte.adapt
        self._comparison = window.comparison
        self._live: LiveSettings | None = None
        self._sweep: Job[None] | None = None
        self._row.wanted.connect(window.show_adapt)
        self._row.before_wanted.connect(self.use_before)
        window.actions_.adapt.triggered.connect(window.show_adapt)
        window.actions_.full_screen.toggled.connect(self._show_comparison)
        self._page.start_wanted.connect(self.start)
        self._page.cancel_wanted.connect(self.run.cancel)
        self._page.before_wanted.connect(self.use_before)
        self._page.keep_recording.connect(self._keep_recording)
        self._comparison.kept.connect(self.run.keep)
        self._comparison.discarded.connect(self.run.discard)
        self.run.recording.connect(self._recording)
        self.run.working.connect(self._working)
        self.run.ready.connect(self._ready)
        self.run.refused.connect(lambda words: window.say("adapt", words, "bad"))
        self.run.over.connect(self._over)
        self.run.saved.connect(
            lambda path: window.say(
                "take", self.tr("The recording is kept in {0}.").format(path), "info"
            )
        )
        self.run.not_saved.connect(lambda words: window.say("take", words, "bad"))

    def load(self) -> None:
        """What an earlier run could not delete, because it was killed, is deleted now."""
        self._sweep = Job("delete stale pictures", lambda _: _remove_stale_pictures())
        self._sweep.start()

    def show_settings(self, live: LiveSettings) -> None:
        before, self._live = self._live, live
        if before is None or live.weights != before.weights:
            history = store.history_of(live.weights)
            adapted = history is not None and history.kind == "soc"
            self._row.show_history(live.weights if adapted else "", str(history or ""))

    def start(self, minutes: float) -> None:
        if self._live is None:
            return
        self._window.messages.settle("adapt")
        if self._window.preview.is_empty:
            words = self.tr("There is no picture to record; choose a camera or the demo clip.")
            self._page.show_over(End.FAILED, words)
            return
        self.run.start(self._live.weights, minutes)

    def use_before(self) -> None:
        """The model that was in use before the adapted one."""
        if self._live is None:
            return
        adapted, before = self._window.remembered.weights_before
        if adapted != self._live.weights or not _is_there(before):
            history = store.history_of(self._live.weights)
            before = history.parent if history is not None else store.DEFAULT
            if not _is_there(before):
                before = store.DEFAULT
        if self._window.change(weights=before):
            self._page.show_idle()
            self._window.answer("adapt", self.tr("{0} is in use again.").format(before))

    def end(self) -> None:
        self.run.end()
        if self._sweep is not None:
            self._sweep.join(2.0)

    def _recordings(self) -> Path:
        named = self._live.recording.folder if self._live is not None else ""
        return expanded(named) if named else videos_folder()

    def _keep_recording(self, keep: bool) -> None:
        self.run.keep_recording = keep

    def _recording(self, hint: str, left: float, share: float) -> None:
        self._page.show_recording(hint, left, share)
        self._row.show_share(0.0)

    def _working(self, what: str, share: float, left: float | None) -> None:
        self._page.show_working(what, share, left)
        self._row.show_share(share)

    def _ready(self, report: dict[str, object]) -> None:
        self._page.show_decision(report)
        self._row.show_share(1.0)
        self._show_comparison()
        if not self._page.isVisible():
            told = self.tr("The model is adapted. Compare before and after, and decide.")
            show = self._window.show_adapt
            self._window.say("adapt", told, "info", self.tr("Show it"), show)

    def _show_comparison(self) -> None:
        """While there is something to decide, but not over the whole screen's picture."""
        folder = self.run.comparison
        if folder is None or self._live is None or self._window.actions_.full_screen.isChecked():
            self._comparison.hide()
        else:
            self._comparison.show_folder(folder, mirror=self._live.mirror_preview)

    def _over(self, end: End, words: str) -> None:
        self._comparison.close_folder()
        self._window.messages.settle("adapt")
        self._row.show_share(None)
        if end is End.KEPT and self._live is not None:
            before = self._live.weights
            self._window.side.engine.load()
            # Stored statistics are the old model's: the new one has none until they are measured.
            norms = "auto" if self._live.norms == "fixed" else self._live.norms
            if not self._window.change(weights=words, norms=norms):
                return
            self._window.remember_weights(words, before)
        self._page.show_over(end, words)
        if not self._page.isVisible():
            self._tell(end, words)

    def _tell(self, end: End, words: str) -> None:
        """In the bar, for who has left the page."""
        if end is End.DROPPED:
            told = self.tr("The adapted model was not better, so nothing was changed. {0}")
            self._window.say("adapt", told.format(words), "info")
        elif end is End.FAILED:
            self._window.say("adapt", words, "bad")
        elif end is End.KEPT:
            told = self.tr("{0}, adapted to you, is in use.").format(words)
            again = self.tr("Use the model from before")
            self._window.say("adapt", told, "info", again, self.use_before)


def _remove_stale_pictures() -> None:
    """Recordings that were learned from, and what was being written when the program was killed."""
    remove_stale()
    for folder, unfinished in ((scene_tools.folder(), ".*.part"), (pictures_folder(), UNFINISHED)):
        for path in folder.glob(unfinished):
            # What cannot be deleted now is deleted another time.
            with contextlib.suppress(OSError):
                path.unlink()


def _is_there(weights: str) -> bool:
    """Whether weights, by name or file, can still be found."""
    if not weights:
        return False
    return weights in store.known_names() or os.path.isfile(expanded(weights))
