"""Joins the record button, its keys, its panel and the recording itself; and the conversions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject

from app.gui.bridge import Bridge
from app.gui.convert_options import command_options
from app.gui.gallery import resolved
from app.gui.recording import Recording
from app.gui.show_in_folder import ShowInFolder, play

if TYPE_CHECKING:
    from app.gui.main_window import MainWindow
    from app.recording.recorder import Figures
    from app.settings import LiveSettings

_KEPT = 12  # clips in the list


class RecordingWiring(QObject):
    def __init__(self, window: MainWindow, bridge: Bridge) -> None:
        super().__init__(window)
        self._window = window
        self.recording = Recording(bridge, self)
        self._panel = window.side.recording
        self._convert = window.side.convert
        self._switch = window.record_switch
        self._live: LiveSettings | None = None
        self._sound_told = False
        self._show_in_folder = ShowInFolder(self)
        actions = window.actions_
        actions.record_pause.setEnabled(False)
        actions.record.triggered.connect(lambda _=False: self.toggle())
        actions.record_pause.triggered.connect(self.recording.pause)
        self._switch.clicked.connect(lambda: self.toggle())
        self._panel.wanted.connect(self.toggle)
        self._panel.pause_wanted.connect(self.recording.pause)
        self._panel.clip_opened.connect(self._open)
        self.recording.told.connect(self._show)
        self.recording.level.connect(self._panel.show_level)
        self.recording.failed.connect(lambda words: window.say("recording", words, "bad"))
        self.recording.done.connect(self._done)
        self.recording.noted.connect(lambda words: window.say("sound", words, "warn"))
        self._convert.clip_opened.connect(play)
        self._convert.failed.connect(lambda words: window.say("convert", words, "bad"))
        self._convert.done.connect(self._converted)

    def toggle(self) -> None:
        """Begins, or ends."""
        if self.recording.runs:
            self.recording.stop()
        elif self._live is not None:
            self._sound_told = False
            self._window.messages.settle("recording")
            self.recording.start(self._live.recording, mirror=self._live.mirror_output)
        self._window.actions_.record.setChecked(self.recording.runs)

    def restore(self) -> None:
        """The list of clips, as it was left."""
        self._panel.show_clips([Path(path) for path in self._window.remembered.clips])

    def show_settings(self, live: LiveSettings) -> None:
        self._live = live
        self.recording.mute(live.recording.muted)
        self._convert.use(resolved(live.background), command_options(live))

    def end(self) -> None:
        self._panel.stop_listening()
        self.recording.end()
        self._convert.end()

    def _show(self, figures: Figures | None) -> None:
        self._switch.show_figures(figures)
        self._panel.show_figures(figures)
        actions = self._window.actions_
        actions.record.setChecked(self.recording.runs)
        actions.record_pause.setEnabled(figures is not None)
        actions.record_pause.setChecked(figures is not None and figures.state.value == "paused")
        if figures is None:
            return
        if figures.sound_problem is not None and not self._sound_told:
            self._sound_told = True
            self._window.say("sound", figures.sound_problem, "warn")
        elif figures.sound_problem is None and self._sound_told:
            self._sound_told = False  # it is back
            self._window.messages.settle("sound")

    def _done(self, figures: Figures) -> None:
        window = self._window
        made = [file.path for file in figures.files if file.frames]
        if made:
            clips = [*map(str, made), *window.remembered.clips]
            window.remember_clips(tuple(dict.fromkeys(clips))[:_KEPT])
            self.restore()
        if figures.problems:
            window.say("recording", " ".join(figures.problems), "bad")
        elif not made:
            window.say("recording", self.tr("Nothing was recorded: no picture came."), "warn")
        else:
            words = figures.ended or self.tr("Recorded: {0}").format(made[0].name)
            window.say(
                "recording", words, "info", self.tr("Show it"), lambda: self._open(made[0], True)
            )
            if self._live is not None and self._live.recording.open_folder:
                self._open(made[0], True)

    def _open(self, path: Path, in_folder: bool) -> None:
        if not path.exists():
            words = self.tr("{0} is not there any more.").format(path.name)
            self._window.say("recording", words, "warn")
            self.restore()
        elif in_folder:
            self._show_in_folder(path)
        else:
            play(path)

    def _converted(self, path: Path) -> None:
        self._window.say(
            "convert",
            self.tr("Converted: {0}").format(path.name),
            "info",
            self.tr("Show it"),
            lambda: self._open(path, True),
        )
