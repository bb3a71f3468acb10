"""The panel that converts clips: a queue of them, one after the other, each in a child process.

A child, so that a long conversion takes nothing from the window and nothing it does can end it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QPixmap
from PyQt6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.gui.child import Child
from app.gui.convert_choices import ConvertChoices, Wanted
from app.gui.gallery import local_files
from app.gui.icons import icon
from app.gui.plain import Label, shown

_PICTURE_HEIGHT = 160


class Fate(Enum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(eq=False)
class Clip:
    """One conversion. options: of the command, besides input and output."""

    source: Path
    output: Path
    options: Sequence[str]
    fate: Fate = Fate.WAITING
    said: str = ""
    item: QListWidgetItem = field(default_factory=QListWidgetItem)


class ConvertPanel(QWidget):
    """failed: a sentence. done: the path of a clip that was made. clip_opened: of one to play."""

    failed = pyqtSignal(str)
    done = pyqtSignal(Path)
    clip_opened = pyqtSignal(Path)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.child = Child(self)
        self.child.told.connect(self._progress)
        self.child.ended.connect(self._ended)
        self._background = "blur"
        self._options: tuple[str, ...] = ()
        self.queue: list[Clip] = []
        self._running: Clip | None = None
        hint = Label(self.tr("Drop clips here, or choose them. Sound and frame times are kept."))
        hint.setWordWrap(True)
        hint.setProperty("muted", True)
        self.add_button = QPushButton(self.tr("Choose clips…"))
        self.add_button.setIcon(icon("plus"))
        self.add_button.clicked.connect(self.ask_for_files)
        self.choices = ConvertChoices()
        self.picture = Label()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        # However wide a picture is, the panel keeps its width.
        self.picture.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.picture.setAccessibleName(self.tr("The picture that was converted last"))
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setTextVisible(False)
        self.left = Label()
        self.left.setProperty("muted", True)
        self.left.setWordWrap(True)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Clips to convert"))
        self.list.setMaximumHeight(140)
        self.list.itemActivated.connect(self._play)
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.setToolTip(self.tr("Ends the chosen clip, or the one that is running."))
        self.cancel_button.clicked.connect(self.cancel)
        self.clear_button = QPushButton(self.tr("Clear the list"))
        self.clear_button.clicked.connect(self.clear)
        below = QHBoxLayout()
        below.setSpacing(8)
        for button in (self.add_button, self.cancel_button, self.clear_button):
            button.setAccessibleName(button.text())
        below.addWidget(self.cancel_button, 1)
        below.addWidget(self.clear_button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (
            hint,
            self.add_button,
            self.choices,
            self.picture,
            self.bar,
            self.left,
            self.list,
        ):
            column.addWidget(widget)
        column.addLayout(below)
        self._refresh()

    def use(self, background: str, options: Sequence[str]) -> None:
        """What "the one in use" means, and the command's other options, for clips to come."""
        self._background = background
        self._options = tuple(options)

    # ---- the queue -------------------------------------------------------------------------------

    def ask_for_files(self) -> None:
        dialog = QFileDialog(self, self.tr("Clips to convert"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda paths: self.add([Path(path) for path in paths]))
        dialog.setModal(False)
        dialog.show()

    def add(self, paths: Sequence[Path]) -> None:
        """Into the queue, as the choices are now; begins where nothing runs."""
        wanted = self.choices.wanted(self._background)
        for path in paths:
            clip = Clip(
                path,
                self._free_name(path, wanted),
                ("--background", wanted.background, "--show", wanted.view, *self._options),
            )
            self.queue.append(clip)
            self.list.addItem(clip.item)
            self._show(clip)
        self._next()

    def cancel(self) -> None:
        """The chosen clip where it waits, else the one that runs."""
        at = self.list.currentRow()
        clip = self.queue[at] if 0 <= at < len(self.queue) else None
        if clip is not None and clip.fate is Fate.WAITING:
            clip.fate = Fate.CANCELLED
            self._show(clip)
        elif self._running is not None:
            self._running.fate = Fate.CANCELLED
            self.child.cancel()
        self._refresh()

    def clear(self) -> None:
        """Forgets what is over."""
        self.queue = [c for c in self.queue if c.fate in (Fate.WAITING, Fate.RUNNING)]
        while self.list.count():
            self.list.takeItem(0)
        for clip in self.queue:
            self.list.addItem(clip.item)
        self._refresh()

    def _play(self, item: QListWidgetItem) -> None:
        clip = next((clip for clip in self.queue if clip.item is item), None)
        if clip is not None and clip.output.exists() and clip.fate is not Fate.RUNNING:
            self.clip_opened.emit(clip.output)

    def end(self) -> None:
        """The window closes: the child closes its file and ends."""
        for clip in self.queue:
            if clip.fate is Fate.WAITING:
                clip.fate = Fate.CANCELLED
        if self._running is not None:
            self._running.fate = Fate.CANCELLED
        self.child.end()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        if event is not None and local_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        if event is not None:
            event.acceptProposedAction()
            self.add(local_files(event.mimeData()))

    def _free_name(self, source: Path, wanted: Wanted) -> Path:
        taken = {clip.output for clip in self.queue}
        number = 1
        while True:
            output = wanted.path_for(source, number)
            if not output.exists() and output not in taken:
                return output
            number += 1

    # ---- the child -------------------------------------------------------------------------------

    def _next(self) -> None:
        if self._running is not None:
            return
        clip = next((clip for clip in self.queue if clip.fate is Fate.WAITING), None)
        if clip is None:
            self._refresh()
            return
        clip.fate = Fate.RUNNING
        self._running = clip
        self.bar.setRange(0, 0)
        named = ("convert", str(clip.source), "--output", str(clip.output))
        self.child.start([*named, *clip.options, "--progress-json"])
        self._show(clip)
        self._refresh()

    def _progress(self, told: dict[str, object]) -> None:
        frames, total = told.get("frames"), told.get("total")
        if isinstance(frames, int) and isinstance(total, int) and total:
            self.bar.setRange(0, total)
            self.bar.setValue(min(frames, total))
        left = told.get("seconds_left")
        if isinstance(left, (int, float)):
            minutes, seconds = divmod(round(left), 60)
            share = 100 * self.bar.value() // max(1, self.bar.maximum())
            words = self.tr("{0}% · {1}:{2:02d} left")
            self.left.setText(words.format(share, minutes, seconds))
        else:
            self.left.setText(self.tr("{0} frames").format(frames))
        coded = told.get("picture")
        if isinstance(coded, str):
            pixmap = QPixmap()
            try:
                there = pixmap.loadFromData(base64.b64decode(coded), "JPG")
            except binascii.Error:
                return
            if there:
                self.picture.setPixmap(
                    pixmap.scaled(
                        max(64, self.bar.width()),
                        _PICTURE_HEIGHT,
                        Qt.AspectRatioMode.KeepAspectRatio,
                        Qt.TransformationMode.SmoothTransformation,
                    )
                )
                self.picture.show()

    def _ended(self, words: str | None) -> None:
        clip = self._running
        if clip is None:
            return
        if clip.fate is Fate.CANCELLED:
            self._over(Fate.CANCELLED, "")
        elif words is None:
            self._over(Fate.DONE, "")
        else:
            self._over(Fate.FAILED, words or self.tr("It broke off."))

    def _over(self, fate: Fate, said: str) -> None:
        clip, self._running = self._running, None
        if clip is not None:
            clip.fate, clip.said = fate, said
            self._show(clip)
            if fate is Fate.DONE:
                self.done.emit(clip.output)
            elif fate is Fate.FAILED:
                self.failed.emit(f"{clip.source.name}: {said}")
        self._next()

    def _show(self, clip: Clip) -> None:
        words = {
            Fate.WAITING: self.tr("waiting"),
            Fate.RUNNING: self.tr("running"),
            Fate.DONE: self.tr("done"),
            Fate.FAILED: self.tr("failed"),
            Fate.CANCELLED: self.tr("cancelled"),
        }[clip.fate]
        clip.item.setText(shown(f"{clip.output.name}: {words}"))
        clip.item.setToolTip(clip.said or str(clip.output))

    def _refresh(self) -> None:
        runs = self._running is not None
        for widget in (self.bar, self.left):
            widget.setVisible(runs)
        if not runs:
            self.picture.hide()
            self.left.setText("")
        self.list.setVisible(bool(self.queue))
        self.cancel_button.setVisible(runs)
        self.clear_button.setVisible(bool(self.queue))
