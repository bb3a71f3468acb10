"""The panel of recordings: what, how, with whose sound; and the last clips."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QEvent, QObject, QRectF, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QImage, QPainter, QPaintEvent, QPalette, QPixmap, QShowEvent
from PyQt6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import MattecamError
from app.gui.folder_control import Folder
from app.gui.icons import icon
from app.gui.options_form import Choice, Control, Number, Rows, Switch, Text
from app.gui.panel import Panel
from app.gui.plain import shown
from app.gui.quality_control import Quality
from app.gui.record_switch import megabytes
from app.recording.formats import BEST, QUALITIES, SMALLEST
from app.runtime.job import Job
from app.settings import LiveSettings, RecordingSettings

if TYPE_CHECKING:
    from app.recording.recorder import Figures
    from app.sound.devices import MicrophoneInfo
    from app.sound.microphone import Microphone

_DEFAULTS = RecordingSettings()
_FLOOR = -60.0  # dB
_LOUD = -6.0
_LISTEN_EVERY = 60  # milliseconds
_THUMBNAIL = QSize(96, 54)


class LevelMeter(QWidget):
    """How loud it is: a bar of the mean, a line at the peak."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(8)
        self.peak = self.rms = _FLOOR
        self.setAccessibleName(self.tr("Level of the microphone"))

    def show_level(self, peak: float, rms: float) -> None:
        """In dB full scale."""
        # A peak falls slowly, or nobody could read it.
        self.peak = max(peak, self.peak - 1.5)
        self.rms = rms
        self.setAccessibleDescription(f"{peak:.0f} dB")
        self.update()

    def rest(self) -> None:
        """Nobody listens any more."""
        self.peak = _FLOOR
        self.show_level(_FLOOR, _FLOOR)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        palette = self.palette()
        painter.setBrush(palette.color(QPalette.ColorRole.Mid))
        painter.drawRoundedRect(QRectF(self.rect()), 3, 3)
        full = self.width()
        loud = self.peak > _LOUD
        ink = QColor("#d9822b") if loud else palette.color(QPalette.ColorRole.Highlight)
        painter.setBrush(ink)
        painter.drawRoundedRect(QRectF(0, 0, full * _share(self.rms), self.height()), 3, 3)
        if self.peak > _FLOOR:
            painter.drawRect(QRectF(full * _share(self.peak) - 2, 0, 2, self.height()))
        painter.end()


def _share(decibels: float) -> float:
    return max(0.0, min(1.0, 1 - decibels / _FLOOR))


class Level(Control):
    """The meter, and the button beside it that tries the microphone; it has no value."""

    def __init__(self, meter: LevelMeter, button: QPushButton) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(meter, 1)
        row.addWidget(button)


class Views(Control):
    """Which views are recorded: at least one."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes: dict[str, QCheckBox] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        for view, words in (
            ("composite", self.tr("What is on the screen")),
            ("matte", self.tr("Matte")),
            ("foreground", self.tr("Foreground with alpha")),
            ("original", self.tr("Original")),
        ):
            box = QCheckBox(words)
            box.clicked.connect(self._take)
            self.boxes[view] = box
            column.addWidget(box)

    def value(self) -> tuple[str, ...]:
        return tuple(view for view, box in self.boxes.items() if box.isChecked())

    def set_value(self, value: Any) -> None:
        for view, box in self.boxes.items():
            box.setChecked(view in value)

    def _take(self) -> None:
        if not self.value():
            self.boxes["composite"].setChecked(True)
        self.changed.emit(self.value())


class RecordingPanel(Panel):
    """wanted: the button was pressed. pause_wanted: whether it shall pause. clip_opened: a path to
    play or, with True, to show in its folder."""

    wanted = pyqtSignal()
    pause_wanted = pyqtSignal(bool)
    clip_opened = pyqtSignal(Path, bool)
    _listed = pyqtSignal(object)
    _listening = pyqtSignal(object)
    _drawn = pyqtSignal(str, QImage)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = _DEFAULTS
        self._microphone: Microphone | None = None
        self._records = False
        self.record_button = QPushButton(self.tr("Record"))
        self.record_button.setIcon(icon("record"))
        self.record_button.clicked.connect(self.wanted)
        self.pause_button = QPushButton(self.tr("Pause"))
        self.pause_button.setIcon(icon("pause", checked="play"))
        self.pause_button.setCheckable(True)
        self.pause_button.setEnabled(False)
        self.pause_button.clicked.connect(self.pause_wanted)
        for button in (self.record_button, self.pause_button):
            button.setAccessibleName(button.text())
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.record_button, 1)
        buttons.addWidget(self.pause_button, 1)
        self.box.addLayout(buttons)
        self.meter = LevelMeter()
        self.listen = QPushButton(self.tr("Try it"))
        self.listen.setCheckable(True)
        self.listen.setToolTip(
            self.tr("Listens, and shows how loud it is; nothing is recorded or sent.")
        )
        self.listen.setAccessibleName(self.tr("Try the microphone"))
        self.listen.toggled.connect(self._listen)
        self.rows = Rows()
        self._make_controls()
        self.box.addWidget(self.rows)
        self.clips = QListWidget()
        self.clips.setIconSize(_THUMBNAIL)
        self.clips.setAccessibleName(self.tr("The last clips"))
        self.clips.setToolTip(self.tr("A double click plays the clip."))
        self.clips.setMaximumHeight(200)
        self.clips.itemActivated.connect(lambda item: self._open(item, in_folder=False))
        self.clips.currentItemChanged.connect(lambda *_: self._refresh())
        self.play = QPushButton(self.tr("Play"))
        self.play.setIcon(icon("play"))
        self.show_folder = QPushButton(self.tr("Show in folder"))
        self.show_folder.setIcon(icon("folder"))
        self.play.clicked.connect(lambda: self._open(self.clips.currentItem(), in_folder=False))
        self.show_folder.clicked.connect(
            lambda: self._open(self.clips.currentItem(), in_folder=True)
        )
        below = QHBoxLayout()
        below.setSpacing(8)
        for button in (self.play, self.show_folder):
            button.setAccessibleName(button.text())
            below.addWidget(button, 1)
        self.box.addWidget(self.clips)
        self.box.addLayout(below)
        self._timer = QTimer(self)
        self._timer.setInterval(_LISTEN_EVERY)
        self._timer.timeout.connect(self._show_own_level)
        self._listed.connect(self._take_microphones)
        self._listening.connect(self._take_listening)
        self._drawn.connect(self._take_thumbnail)
        self._refresh()

    def _make_controls(self) -> None:
        self.what = Views()
        self.ending = Choice(
            (
                (".mp4", self.tr("MP4 (H.264)")),
                (".mkv", self.tr("Matroska (H.264)")),
                (".webm", self.tr("WebM (VP9, with alpha)")),
                (".mov", self.tr("MOV (ProRes 4444, with alpha)")),
                ("", self.tr("Folder of PNGs")),
            )
        )
        self.quality = Quality(QUALITIES, minimum=BEST, maximum=SMALLEST)
        self._microphones: list[tuple[str, str]] = [
            ("default", self.tr("The system's own")),
            ("off", self.tr("No sound")),
        ]
        self.microphone = Choice(self._microphones)
        self.microphone.combo.installEventFilter(self)
        self.muted = Switch()
        self.offset = Number(integer=True, minimum=-500, maximum=500, unit=self.tr("ms"))
        never, none = self.tr("never"), self.tr("none")
        self.limit = Number(integer=True, minimum=0, maximum=240, unit=self.tr("min"), lowest=never)
        self.limit_mb = Number(
            integer=True, minimum=0, maximum=50_000, unit=self.tr("MB"), lowest=never
        )
        self.countdown = Number(integer=True, minimum=0, maximum=10, unit=self.tr("s"), lowest=none)
        self.folder = Folder(self.tr("Where the clips are kept"), self.tr("Videos"))
        self.pattern = Text(is_color=False)
        self.open_folder = Switch()
        rows: tuple[tuple[str, str, Control, str], ...] = (
            ("what", self.tr("Record"), self.what, self.tr("One file for each, all in time.")),
            (
                "ending",
                self.tr("File"),
                self.ending,
                self.tr("What is transparent needs WebM, MOV or PNGs."),
            ),
            (
                "quality",
                self.tr("Quality"),
                self.quality,
                self.tr("Better is larger. As a number, lower is better."),
            ),
            (
                "microphone",
                self.tr("Microphone"),
                self.microphone,
                self.tr("It is heard only while you record, or try it."),
            ),
            ("", self.tr("Level"), Level(self.meter, self.listen), self.tr("How loud it is.")),
            ("muted", self.tr("Mute"), self.muted, self.tr("Silence is recorded.")),
            (
                "sound_offset_ms",
                self.tr("Sound later"),
                self.offset,
                self.tr("The delay of the matte is made up for already; this is on top."),
            ),
            ("countdown", self.tr("Countdown"), self.countdown, self.tr("Before it begins.")),
            (
                "limit_minutes",
                self.tr("End after"),
                self.limit,
                self.tr("The recording ends by itself after so long."),
            ),
            (
                "limit_mb",
                self.tr("End at"),
                self.limit_mb,
                self.tr("The recording ends by itself at this size."),
            ),
            ("folder", self.tr("Folder"), self.folder, self.tr("Where the clips are kept.")),
            (
                "pattern",
                self.tr("Name"),
                self.pattern,
                self.tr("%Y-%m-%d is the date, %H-%M-%S the time; nothing is overwritten."),
            ),
            (
                "open_folder",
                self.tr("Show after"),
                self.open_folder,
                self.tr("The folder opens when a recording has ended."),
            ),
        )
        for field, title, control, tooltip in rows:
            if field:
                self.rows.add(title, control, tooltip, partial(self._reset_field, field))
                control.changed.connect(partial(self._set, field))
            else:
                self.rows.add(title, control, tooltip)

    # ---- settings --------------------------------------------------------------------------------

    def load(self) -> None:
        """Looks which microphones there are."""
        if self._records or self.listen.isChecked():
            return  # looking anew would end what is heard

        def work(_: object) -> Sequence[MicrophoneInfo]:
            from app.sound.devices import list_microphones

            return list_microphones(fresh=True)

        Job("microphones", work, on_done=self._listed.emit).start()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        super().showEvent(event)
        self.load()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        # Who comes near the choice of microphones finds those of now in it.
        if event is not None and event.type() in (QEvent.Type.Enter, QEvent.Type.FocusIn):
            self.load()
        return super().eventFilter(watched, event)

    def show_settings(self, settings: LiveSettings) -> None:
        now = self._settings = settings.recording
        self.what.set_value(now.what)
        self.ending.set_value(now.ending)
        self.quality.set_value(now.quality)
        self._show_microphone(now.microphone)
        self.muted.set_value(now.muted)
        self.offset.set_value(now.sound_offset_ms)
        self.limit.set_value(now.limit_minutes)
        self.limit_mb.set_value(now.limit_mb)
        self.countdown.set_value(now.countdown)
        self.folder.set_value(now.folder)
        self.pattern.set_value(now.pattern)
        self.open_folder.set_value(now.open_folder)

    def reset(self) -> None:
        self.changes.emit({"recording": _DEFAULTS.model_dump()})

    def _set(self, field: str, value: Any) -> None:
        self.changes.emit({"recording": {**self._settings.model_dump(), field: value}})

    def _reset_field(self, field: str) -> None:
        self._set(field, getattr(_DEFAULTS, field))

    def _show_microphone(self, name: str) -> None:
        choices = list(self._microphones)
        if all(known != name for known, _ in choices):
            choices.append((name, self.tr("{0} (not there)").format(name)))
        self.microphone.set_choices(choices)
        self.microphone.set_value(name)

    def _take_microphones(self, job: Job[Sequence[MicrophoneInfo]]) -> None:
        view = self.microphone.combo.view()
        if view is not None and view.isVisible():
            return  # nobody likes a list that changes under the mouse
        self.microphone.combo.setToolTip("" if job.error is None else str(job.error))
        found = [] if job.error is not None else job.result()
        self._microphones = [
            *self._microphones[:2],
            *(
                (
                    info.name,
                    self.tr("{0} (what you hear)").format(info.name) if info.monitor else info.name,
                )
                for info in found
            ),
        ]
        self._show_microphone(self._settings.microphone)

    # ---- how it goes -----------------------------------------------------------------------------

    def show_figures(self, figures: Figures | None) -> None:
        """None: nothing is recorded."""
        self._records = figures is not None
        self.record_button.setText(self.tr("Record") if figures is None else self.tr("Stop"))
        self.record_button.setIcon(icon("record" if figures is None else "stop"))
        self.pause_button.setEnabled(self._records)
        paused = figures is not None and figures.state.value == "paused"
        self.pause_button.setChecked(paused)
        self.pause_button.setText(self.tr("Resume") if paused else self.tr("Pause"))
        if self._records:
            self.listen.setChecked(False)
        else:
            self.meter.rest()
        self.listen.setEnabled(not self._records)

    def show_level(self, peak: float, rms: float) -> None:
        self.meter.show_level(peak, rms)

    def _listen(self, on: bool) -> None:
        if not on:
            self.stop_listening()
            return
        name = self._settings.microphone
        if name == "off":
            name = "default"

        def work(_: object) -> Microphone:
            from app.sound.microphone import Microphone

            return Microphone(name).__enter__()

        Job("microphone", work, on_done=self._listening.emit).start()

    def _take_listening(self, job: Job[Microphone]) -> None:
        if job.error is not None:
            self.listen.setChecked(False)
            self.refused.emit(str(job.error))
            return
        microphone = job.result()
        if not self.listen.isChecked() or microphone.problem is not None:
            problem = microphone.problem
            microphone.__exit__(None, None, None)
            self.listen.setChecked(False)
            if problem is not None:
                self.refused.emit(problem)
            return
        self._microphone = microphone
        self._timer.start()

    def stop_listening(self) -> None:
        self._timer.stop()
        microphone, self._microphone = self._microphone, None
        if microphone is not None:
            microphone.__exit__(None, None, None)
        self.meter.rest()

    def _show_own_level(self) -> None:
        if self._microphone is not None:
            level = self._microphone.level
            self.meter.show_level(level.peak, level.rms)

    # ---- the last clips --------------------------------------------------------------------------

    def show_clips(self, paths: Sequence[Path]) -> None:
        """The newest first; what is not there any more is left out."""
        self.clips.clear()
        there = [path for path in paths if path.exists()]
        for path in there:
            item = QListWidgetItem(shown(_words(path)))
            item.setData(Qt.ItemDataRole.UserRole, str(path))
            item.setToolTip(str(path))
            item.setIcon(icon("video"))
            self.clips.addItem(item)
        self.clips.setVisible(bool(there))
        self.play.setVisible(bool(there))
        self.show_folder.setVisible(bool(there))
        if there:
            self.clips.setCurrentRow(0)

        def work(_: object) -> None:
            from app.recording.clips import thumbnail

            for path in there:
                try:
                    rgb = thumbnail(path)
                except MattecamError:
                    continue  # the list shows its name; playing it will say more
                rows, columns = rgb.shape[:2]
                image = QImage(rgb.tobytes(), columns, rows, 3 * columns, _RGB).copy()
                self._drawn.emit(str(path), image)

        if there:
            Job("clips", work).start()

    def _take_thumbnail(self, path: str, image: QImage) -> None:
        for at in range(self.clips.count()):
            item = self.clips.item(at)
            if item is not None and item.data(Qt.ItemDataRole.UserRole) == path:
                item.setIcon(QIcon(QPixmap.fromImage(image)))

    def _open(self, item: QListWidgetItem | None, *, in_folder: bool) -> None:
        if item is not None:
            self.clip_opened.emit(Path(item.data(Qt.ItemDataRole.UserRole)), in_folder)

    def _refresh(self) -> None:
        chosen = self.clips.currentItem() is not None
        self.play.setEnabled(chosen)
        self.show_folder.setEnabled(chosen)
        if not self.clips.count():
            for widget in (self.clips, self.play, self.show_folder):
                widget.setVisible(False)


def _words(path: Path) -> str:
    """Its name and, of a file, its size."""
    try:
        size = path.stat().st_size if path.is_file() else 0
    except OSError:
        size = 0
    return f"{path.name}\n{megabytes(size)}" if size else path.name


_RGB = QImage.Format.Format_RGB888
