"""A folder as one of a form's controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFileDialog, QMenu, QPushButton, QVBoxLayout

from app.gui.icons import icon
from app.gui.options_form import Control
from app.gui.plain import words_of


class Folder(Control):
    """A folder, chosen in a dialog; empty: the usual one, which `usual` names."""

    def __init__(self, title: str, usual: str) -> None:
        super().__init__()
        self._title = title
        self._usual = usual
        self._path = ""
        self.button = QPushButton()
        self.button.setIcon(icon("folder"))
        menu = QMenu(self.button)
        menu.addAction(usual, lambda: self._take(""))
        menu.addAction(self.tr("Choose a folder…"), self._ask)
        self.button.setMenu(menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        self.set_value("")

    def value(self) -> str:
        return self._path

    def set_value(self, value: Any) -> None:
        self._path = str(value)
        self.button.setText(words_of(Path(self._path).name) if self._path else self._usual)
        self.button.setToolTip(self._path)

    def _ask(self) -> None:
        dialog = QFileDialog(self, self._title, self._path)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._take)
        dialog.setModal(False)
        dialog.show()

    def _take(self, path: str) -> None:
        if path != self._path:
            self.set_value(path)
            self.changed.emit(path)
