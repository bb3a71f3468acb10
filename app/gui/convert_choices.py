"""What comes out of a conversion: the background, what is shown, and which file where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QColorDialog, QFileDialog, QVBoxLayout, QWidget

from app.gui.folder_control import Folder
from app.gui.options_form import Choice, Rows
from app.sources.picture_formats import looks_like_picture

_IN_USE, _COLOR, _FILE = "", "?color", "?file"
_OPAQUE = (".mp4", ".mkv")


@dataclass(frozen=True)
class Wanted:
    """background: a spec. view: of app.views. ending: of the file; empty: a folder of PNGs.

    folder: empty for the clip's own.
    """

    background: str
    view: str
    ending: str
    folder: str

    def path_for(self, source: Path, number: int) -> Path:
        """number: from 1 on, until a name is free."""
        folder = Path(self.folder) if self.folder else source.parent
        tail = "" if number == 1 else f" ({number})"
        # A photo becomes a picture, not a clip of one frame.
        ending = ".png" if looks_like_picture(source) else self.ending
        return folder / f"{source.stem} matted{tail}{ending}"


class ConvertChoices(QWidget):
    """The rows of choices. They are read when a clip is added."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fixed: Sequence[tuple[Any, str]] = (
            (_IN_USE, self.tr("The one in use")),
            ("blur", self.tr("Blur")),
            ("transparent", self.tr("Transparent")),
            ("color:#00b140", self.tr("Green")),
        )
        self._chosen: list[tuple[Any, str]] = []
        self._last: Any = _IN_USE
        self.background = Choice(())
        self._fill()
        self.background.changed.connect(self._take_background)
        self.view = Choice(
            (
                ("composite", self.tr("Person and background")),
                ("matte", self.tr("Matte")),
                ("foreground", self.tr("Foreground with alpha")),
                ("side-by-side", self.tr("Before and after")),
            )
        )
        self.ending = Choice(
            (
                (".mp4", self.tr("MP4 (H.264)")),
                (".mkv", self.tr("Matroska (H.264)")),
                (".webm", self.tr("WebM (VP9, with alpha)")),
                (".mov", self.tr("MOV (ProRes, with alpha)")),
                ("", self.tr("Folder of PNGs")),
            )
        )
        self.folder = Folder(self.tr("Where the results are kept"), self.tr("Beside the clip"))
        self.background.set_value(_IN_USE)
        self.view.set_value("composite")
        self.ending.set_value(".mp4")
        rows = Rows()
        rows.add(self.tr("Background"), self.background, self.tr("What comes behind the person."))
        rows.add(self.tr("Show"), self.view, self.tr("What the result shows."))
        rows.add(
            self.tr("Output"),
            self.ending,
            self.tr("What is transparent needs WebM, MOV or PNGs."),
        )
        rows.add(
            self.tr("Folder"),
            self.folder,
            self.tr("The result has a name of its own; nothing is overwritten."),
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(rows)

    def wanted(self, in_use: str) -> Wanted:
        """in_use: the background that the window shows, as a spec."""
        background = self.background.value() or in_use
        view, ending = self.view.value(), self.ending.value()
        transparent = view == "foreground" or (background == "transparent" and view == "composite")
        if transparent and ending in _OPAQUE:
            ending = ".webm"
        return Wanted(str(background), str(view), str(ending), self.folder.value())

    def _fill(self) -> None:
        self.background.set_choices(
            (
                *self._fixed,
                *self._chosen,
                (_COLOR, self.tr("A colour…")),
                (_FILE, self.tr("A picture or clip…")),
            )
        )

    def _take_background(self, value: str) -> None:
        if value == _COLOR:
            self.background.set_value(self._last)
            colors = QColorDialog(self)
            colors.colorSelected.connect(self._take_color)
            self._ask(colors)
        elif value == _FILE:
            self.background.set_value(self._last)
            files = QFileDialog(self, self.tr("A picture or clip as the background"))
            files.setFileMode(QFileDialog.FileMode.ExistingFile)
            files.fileSelected.connect(lambda path: self._take(path, Path(path).name))
            self._ask(files)
        else:
            self._last = value

    def _ask(self, dialog: QColorDialog | QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setModal(False)
        dialog.show()

    def _take_color(self, color: QColor) -> None:
        self._take(f"color:{color.name()}", color.name())

    def _take(self, spec: str, words: str) -> None:
        if all(known != spec for known, _ in (*self._fixed, *self._chosen)):
            self._chosen.append((spec, words))
            self._fill()
        self.background.set_value(spec)
        self._last = spec
